//! PostgreSQL: the server, the role, the schema, the publication and the slot.

use super::events::{self, Kind};
use super::{Finding, System};
use crate::error::{Chain, Classify as _};
use crate::migrate;
use crate::pipeline::{Origin, Settings};
use crate::postgres::{self, Session};
use crate::source::{self, ReplicationConnection};

/// What was found.
pub(super) struct Examined {
    pub(super) findings: Vec<Finding>,
    /// What a session would be connected to; `None` when that could not be found out.
    pub(super) origin: Option<Origin>,
    /// What lies in the outbox, as far as that could be found out.
    pub(super) events: Vec<Kind>,
}

pub(super) async fn examine(settings: &Settings) -> Examined {
    let mut findings = Vec::new();
    let mut session = match postgres::connect(&settings.target).await {
        Ok(session) => session,
        Err(error) => {
            return Examined {
                findings: vec![Finding::failure(System::Database, &error)],
                origin: None,
                events: Vec::new(),
            };
        }
    };
    if let Err(error) = ask(&session, settings, &mut findings).await {
        findings.push(Finding::failure(System::Database, &error));
    }
    match migrate::check(session.client_mut(), &settings.publication).await {
        Ok(differences) => findings.extend(differences.into_iter().map(|difference| {
            Finding::problem(
                System::Database,
                difference.to_string(),
                difference.remedy(),
            )
        })),
        // A missing right here is a finding, not a refused login.
        Err(error) => findings.push(Finding::problem(
            System::Database,
            Chain(&error).to_string(),
            error.remedy(),
        )),
    }
    let events = match events::read(&session, &settings.slot).await {
        Ok(events) => events,
        Err(error) => {
            findings.push(Finding::failure(System::Database, &error));
            Vec::new()
        }
    };
    session.close().await;
    let origin = match read_origin(settings, &mut findings).await {
        Ok(origin) => Some(origin),
        Err(error) => {
            findings.push(replication_failure(&error));
            None
        }
    };
    Examined {
        findings,
        origin,
        events,
    }
}

/// Opens a replication connection, as a session would, and looks at what the slot would send.
async fn read_origin(
    settings: &Settings,
    findings: &mut Vec<Finding>,
) -> Result<Origin, source::Error> {
    let mut connection = ReplicationConnection::connect(&settings.target).await?;
    let (slot, publication) = (&settings.slot, &settings.publication);
    let origin = Origin::read(&mut connection, slot).await?;
    if origin.confirmed_flush_lsn.is_some()
        && let Err(error) = connection.look_ahead(slot, publication).await
    {
        findings.push(replication_failure(&error));
    }
    Ok(origin)
}

/// The role could log in, so what it may not do on this connection is a finding and no refusal.
fn replication_failure(error: &source::Error) -> Finding {
    if error.is_unreachable() {
        return Finding::failure(System::Database, error);
    }
    Finding::problem(System::Database, Chain(error).to_string(), error.remedy())
}

async fn ask(
    session: &Session,
    settings: &Settings,
    findings: &mut Vec<Finding>,
) -> Result<(), postgres::Error> {
    server(session, findings).await?;
    role(session, settings, findings).await?;
    slot(session, settings, findings).await
}

async fn server(session: &Session, findings: &mut Vec<Finding>) -> Result<(), postgres::Error> {
    let query = "select current_setting('server_version_num')::int / 10000, \
                 current_setting('wal_level'), current_setting('max_slot_wal_keep_size')";
    let row = session.client().query_one(query, &[]).await;
    let row = row.map_err(session.failed("reading the server's settings"))?;
    let (version, wal_level): (i32, String) = (row.get(0), row.get(1));
    if !(15..=18).contains(&version) {
        findings.push(Finding::problem(
            System::Database,
            format!("the server is PostgreSQL {version}"),
            "use PostgreSQL 15 to 18",
        ));
    }
    if wal_level != "logical" {
        findings.push(Finding::problem(
            System::Database,
            format!("wal_level is {wal_level}"),
            "set wal_level = logical and restart PostgreSQL",
        ));
    }
    if row.get::<_, String>(2) == "-1" {
        findings.push(Finding::hint(
            System::Database,
            "max_slot_wal_keep_size is unlimited, so an absent relay can fill the disk",
            "set it to what the disk can spare; a slot beyond it is lost, and `postrider repair` \
             publishes from the table what it has lost",
        ));
    }
    Ok(())
}

async fn role(
    session: &Session,
    settings: &Settings,
    findings: &mut Vec<Finding>,
) -> Result<(), postgres::Error> {
    // Through the catalog: a function may be named only by who may use its schema.
    let query = "select coalesce(bool_and(has_schema_privilege(schema.oid, 'usage') \
                   and has_function_privilege(canary.oid, 'execute')), true) \
                 from pg_catalog.pg_proc as canary \
                 join pg_catalog.pg_namespace as schema on schema.oid = canary.pronamespace \
                 where schema.nspname = 'outbox' and canary.proname = 'canary'";
    let row = session.client().query_one(query, &[]).await;
    let row = row.map_err(session.failed("reading the role's rights"))?;
    let user = settings.target.user();
    if !row.get::<_, bool>(0) {
        findings.push(Finding::problem(
            System::Database,
            format!("role {user:?} may not call outbox.canary()"),
            format!("as a superuser: grant outbox_relay to {user:?}"),
        ));
    }
    Ok(())
}

async fn slot(
    session: &Session,
    settings: &Settings,
    findings: &mut Vec<Finding>,
) -> Result<(), postgres::Error> {
    let query = "select plugin::text, database::text, database = current_database(), \
                 coalesce(wal_status, 'unknown'), active_pid \
                 from pg_catalog.pg_replication_slots where slot_name = $1::text::name";
    let row = session.client().query_opt(query, &[&settings.slot]).await;
    let row = row.map_err(session.failed("reading the replication slot"))?;
    let slot = &settings.slot;
    let missing = || source::Error::SlotMissing { slot: slot.clone() };
    let Some(row) = row else {
        findings.push(Finding::failure(System::Database, &missing()));
        return Ok(());
    };
    let plugin: Option<String> = row.get(0);
    if plugin.as_deref() != Some("pgoutput") || row.get::<_, Option<bool>>(2) != Some(true) {
        findings.push(Finding::problem(
            System::Database,
            format!(
                "replication slot {slot:?} has plugin {} and database {}",
                plugin.as_deref().unwrap_or("none"),
                row.get::<_, Option<String>>(1).as_deref().unwrap_or("none"),
            ),
            "name another one in postgres.slot; the relay needs one with plugin pgoutput in its \
             own database",
        ));
    }
    // One that is lost already says so when it is looked through.
    if row.get::<_, String>(3) == "unreserved" {
        findings.push(Finding::hint(
            System::Database,
            format!("replication slot {slot:?} is about to lose log that it needs"),
            "start the relay at once, and raise max_slot_wal_keep_size",
        ));
    }
    if let Some(pid) = row.get::<_, Option<i32>>(4) {
        findings.push(Finding::hint(
            System::Database,
            format!("replication slot {slot:?} is in use by process {pid} of the server"),
            "none if a relay of this name runs: another one becomes its standby",
        ));
    }
    Ok(())
}
