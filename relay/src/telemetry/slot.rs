//! What PostgreSQL says of the replication slot.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::figures::readable_bytes;

/// Where the slot stands, as PostgreSQL says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SlotPosition {
    /// Write-ahead log in bytes that PostgreSQL keeps for the slot (from `restart_lsn` on); `None` for
    /// a slot that has lost its log.
    pub retained_bytes: Option<u64>,
    /// Write-ahead log in bytes behind which the confirmed position stands.
    pub lag_bytes: Option<u64>,
    /// `wal_status`.
    pub wal_status: String,
    /// `safe_wal_size`; `None` where the server sets no limit.
    pub safe_bytes: Option<u64>,
    /// What may be kept.
    pub budget_bytes: Option<u64>,
    /// What makes PostgreSQL keep most of it, if that is not the relay.
    pub held_back_by: Option<OpenTransaction>,
}

/// A transaction that has written and not ended yet, in any database of the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenTransaction {
    /// Its number.
    pub xid: i64,
    /// The server's process; `null` for a prepared one.
    pub pid: Option<i32>,
    /// As the client calls itself; `null` for a prepared one.
    pub application_name: Option<String>,
    /// The name under which it was prepared; `null` for any other.
    pub gid: Option<String>,
    /// The database.
    pub database: Option<String>,
    /// Since when it is open or prepared; `null` where the relay may not know (`pg_read_all_stats`).
    pub age_seconds: Option<f64>,
}

impl SlotPosition {
    /// What is kept, as a part of what may be.
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact to 9 PB, and only people and alerts read it"
    )]
    pub fn share(&self) -> Option<f64> {
        let (retained, budget) = self.retained_bytes.zip(self.budget_bytes)?;
        Some(retained as f64 / budget.max(1) as f64)
    }

    /// Why PostgreSQL keeps it.
    pub fn cause(&self) -> String {
        let lag = self.lag_bytes.unwrap_or(0);
        match &self.held_back_by {
            Some(transaction) => format!("held back by {transaction}"),
            None if lag >= self.retained_bytes.unwrap_or(0) / 2 => {
                format!("the relay is behind by {}", readable_bytes(lag))
            }
            // What held it back has ended, or is too young to be blamed.
            None => {
                "the relay is not behind, and no old transaction is open; PostgreSQL lets it go \
                     after the next checkpoint"
                    .to_owned()
            }
        }
    }
}

impl OpenTransaction {
    /// Its kind, as in the label of `postrider_slot_held_back`.
    pub fn kind(&self) -> &'static str {
        match self.gid {
            Some(_) => "prepared_transaction",
            None => "transaction",
        }
    }
}

/// Names are quoted: whoever writes to the server chooses them.
impl fmt::Display for OpenTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.gid {
            Some(gid) => write!(f, "prepared transaction {gid:?}")?,
            None => write!(f, "transaction {}", self.xid)?,
        }
        if let Some(pid) = self.pid {
            write!(f, " of process {pid}")?;
        }
        if let Some(name) = self
            .application_name
            .as_deref()
            .filter(|name| !name.is_empty())
        {
            write!(f, " ({name:?})")?;
        }
        if let Some(database) = &self.database {
            write!(f, " in database {database:?}")?;
        }
        if let Some(age) = self.age_seconds {
            write!(f, ", open for {age:.0} s")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transaction() -> OpenTransaction {
        OpenTransaction {
            xid: 745,
            pid: Some(4711),
            application_name: Some("nightly\nreport".to_owned()),
            gid: None,
            database: Some("orders".to_owned()),
            age_seconds: Some(61.4),
        }
    }

    #[test]
    fn the_cause_is_the_relay_or_a_transaction_that_is_named() {
        let behind = SlotPosition {
            lag_bytes: Some(17 << 20),
            ..SlotPosition::default()
        };
        assert_eq!(behind.cause(), "the relay is behind by 17.0 MiB");
        let ended = SlotPosition {
            retained_bytes: Some(35 << 20),
            ..behind.clone()
        };
        assert!(ended.cause().starts_with("the relay is not behind"));
        let prepared = OpenTransaction {
            gid: Some("transfer-7".to_owned()),
            pid: None,
            application_name: None,
            ..transaction()
        };
        let cause = |transaction| {
            let held_back_by = Some(transaction);
            let position = SlotPosition {
                held_back_by,
                ..behind.clone()
            };
            position.cause()
        };
        assert_eq!(
            cause(transaction()),
            "held back by transaction 745 of process 4711 (\"nightly\\nreport\") in database \"orders\", open for 61 s"
        );
        assert_eq!(
            cause(prepared),
            "held back by prepared transaction \"transfer-7\" in database \"orders\", open for 61 s"
        );
    }

    #[test]
    fn the_share_is_known_where_there_is_a_budget() {
        let share = |retained_bytes, budget_bytes| {
            let position = SlotPosition {
                retained_bytes,
                budget_bytes,
                ..SlotPosition::default()
            };
            position.share()
        };
        assert_eq!(share(Some(1), Some(4)), Some(0.25));
        assert_eq!(share(Some(1), None), None);
        assert_eq!(share(None, Some(4)), None);
        assert_eq!(share(Some(3), Some(0)), Some(3.0));
    }
}
