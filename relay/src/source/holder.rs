//! Who reads a slot.

use std::fmt;

/// The reader of a slot, as far as the server tells: of another role it tells only the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The server's process.
    pub pid: i32,
    /// What the reader calls itself.
    pub application_name: Option<String>,
    /// Where it connects from; none through a socket file.
    pub client_addr: Option<String>,
}

/// Of one slot, which has one reader at most.
pub(super) fn question(slot: &str) -> String {
    format!(
        "select active_pid, application_name, host(client_addr) from pg_replication_slots \
         left join pg_stat_activity on pid = active_pid \
         where slot_name = '{}' and active_pid is not null",
        slot.replace('\'', "''")
    )
}

impl Holder {
    /// Reads a row of the answer to [`question`].
    pub(super) fn from_row(row: Vec<Option<String>>) -> Option<Self> {
        let mut fields = row.into_iter();
        let mut text = || fields.next()?.filter(|text| !text.is_empty());
        Some(Self {
            pid: text()?.parse().ok()?,
            application_name: text(),
            client_addr: text(),
        })
    }
}

/// As it goes on after "is in use".
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by process {} of the server", self.pid)?;
        if let Some(name) = &self.application_name {
            write!(f, ", for {name:?}")?;
        }
        if let Some(address) = &self.client_addr {
            write!(f, " at {address}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_named_as_far_as_it_is_known() {
        let row = |fields: [Option<&str>; 3]| fields.map(|field| field.map(str::to_owned)).to_vec();
        let shown = |fields| Holder::from_row(row(fields)).map(|holder| holder.to_string());
        assert_eq!(
            shown([Some("4711"), Some("postrider"), Some("10.0.0.7")]).as_deref(),
            Some("by process 4711 of the server, for \"postrider\" at 10.0.0.7")
        );
        assert_eq!(
            shown([Some("4711"), Some(""), None]).as_deref(),
            Some("by process 4711 of the server")
        );
        assert_eq!(shown([None, None, None]), None);
    }
}
