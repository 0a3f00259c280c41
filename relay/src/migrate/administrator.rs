//! Who makes the SQL part, and for whom.
//!
//! The relay's role needs little to run, and nothing that creates. So `init` and `migrate` take the
//! URL of a role that may create; then that role owns what it makes, and the relay's role becomes a
//! member of `outbox_relay`.

use tokio_postgres::Client;

use super::error::Error;
use super::{Report, migrate};
use crate::postgres::{self, Session, Target};

/// The role that makes and owns the SQL part.
pub struct Administrator<'a> {
    target: &'a Target,
    /// The relay's role, where it is another one.
    relay: Option<&'a str>,
}

impl<'a> Administrator<'a> {
    /// `admin` where it is given, else the relay's own role. Both must lead to the same database.
    pub fn new(relay: &'a Target, admin: Option<&'a Target>) -> Result<Self, Error> {
        let target = admin.unwrap_or(relay);
        if target.database() != relay.database() {
            return Err(Error::AdminElsewhere {
                admin: target.database().to_owned(),
                relay: relay.database().to_owned(),
            });
        }
        let relay = Some(relay.user()).filter(|user| *user != target.user());
        Ok(Self { target, relay })
    }

    /// Where the administrator works.
    pub fn target(&self) -> &Target {
        self.target
    }

    /// Runs [`migrate`](super::migrate), and grants `outbox_relay` to the relay's role. Can be
    /// repeated.
    pub async fn migrate(&self, publication: &str) -> Result<Report, Error> {
        let mut session = self.connect().await?;
        let migrated = migrate(session.client_mut(), publication).await;
        let done = match (migrated, self.relay) {
            (Ok(report), Some(role)) => {
                let granted = grant_relay(session.client(), role).await;
                granted.map(|()| report)
            }
            (migrated, _) => migrated,
        };
        session.close().await;
        done
    }

    /// Tells retention that `slot` reads this outbox, so that no event is removed before the slot
    /// has confirmed it. Can be repeated.
    pub async fn register_slot(&self, slot: &str) -> Result<(), Error> {
        let session = self.connect().await?;
        let register = "select outbox.register_slot($1::text::name)";
        let registered = session.client().execute(register, &[&slot]).await;
        session.close().await;
        registered.map(drop).map_err(|source| Error::RegisterSlot {
            slot: slot.to_owned(),
            source,
        })
    }

    async fn connect(&self) -> Result<Session, Error> {
        postgres::connect(self.target).await.map_err(Error::Connect)
    }
}

/// Asks first: who may not grant the role need not, where it is granted already.
async fn grant_relay(client: &Client, role: &str) -> Result<(), Error> {
    let failed = |source| Error::GrantRelay {
        role: role.to_owned(),
        source,
    };
    let is_member = "select pg_catalog.pg_has_role($1::text::name, 'outbox_relay', 'member')";
    let row = client
        .query_one(is_member, &[&role])
        .await
        .map_err(failed)?;
    if row.get(0) {
        return Ok(());
    }
    let grant = format!("grant outbox_relay to \"{}\"", role.replace('"', "\"\""));
    client.batch_execute(&grant).await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        url.parse().expect("a valid URL")
    }

    #[test]
    fn an_administrator_of_another_database_is_refused() {
        let relay = target("postgres://relay@db/orders");
        let admin = target("postgres://admin@db/billing");
        assert!(Administrator::new(&relay, Some(&admin)).is_err());
    }

    #[test]
    fn only_another_role_is_granted_something() {
        let relay = target("postgres://relay@db/orders");
        let admin = target("postgres://admin@db/orders");
        let administrator = |admin| Administrator::new(&relay, admin).expect("the same database");
        assert_eq!(administrator(None).relay, None);
        assert_eq!(administrator(Some(&relay)).relay, None);
        assert_eq!(administrator(Some(&admin)).relay, Some("relay"));
    }
}
