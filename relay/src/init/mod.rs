//! The first start: everything that `run` needs, in an order that survives a crash at any point.
//!
//! Schema and publication; the progress record "initialising"; the slot; the full record. The
//! publication exists before the slot, since pgoutput reads the catalog of the past. A missing
//! record is never a first start: only this command writes the first one.
//!
//! Rows that are older than the slot would never be published. They are looked for in the very
//! snapshot of the slot: a *temporary* slot is made with its snapshot in use, the rows visible in
//! it are counted, and only then the slot is copied to its lasting name. So a lasting slot under a
//! record "initialising" was checked, and a crash before leaves nothing behind.

mod error;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::failpoints::{self, Failpoint};
use crate::lsn::Lsn;
use crate::migrate::Administrator;
use crate::pipeline::{self, Origin, Settings};
use crate::postgres::Target;
use crate::publish::{
    self, Batch, CommittedProgress, Patience, Producer, Progress, ProgressReader, ProgressState,
    SourceIdentity,
};
use crate::runtime::Watchdog;
use crate::source::ReplicationConnection;

pub use error::Error;

/// Longest wait for Kafka's first answer.
const REACH: Duration = Duration::from_secs(10);

/// Longest wait for each later step with Kafka.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes everything that `run` needs, in the database as `admin` where that is given. Nothing is made
/// before Kafka and the registry have answered.
///
/// Running it again changes nothing. Where a session would halt since this is not what the progress
/// record belongs to, so does this; above all it makes no slot for an outbox that had one, which would
/// begin after what is not published
/// (`suites::guardian::slot::a_slot_that_was_dropped_is_not_made_again_by_init`).
pub async fn init(
    settings: &Settings,
    admin: Option<&Target>,
    from_now: bool,
) -> Result<(), Error> {
    let administrator = Administrator::new(&settings.target, admin).map_err(Error::Migrate)?;
    settings.registry().ping().await.map_err(Error::Registry)?;
    let kafka_cluster_id = blocking(settings, REACH, |settings, patience, _| {
        publish::reach(&settings.kafka.uncommitted, patience)
    })
    .await?;
    let migrated = administrator.migrate(&settings.publication).await;
    migrated.map_err(Error::Migrate)?;
    failpoints::hit(Failpoint::InitSchemaDone);

    let client = settings.kafka_client();
    let topic = &settings.kafka.progress_topic;
    let created = publish::create_progress_topic(&client, topic, settings.replication_factor).await;
    created.map_err(Error::Kafka)?;
    failpoints::hit(Failpoint::InitTopicDone);

    let mut replication = ReplicationConnection::connect(administrator.target())
        .await
        .map_err(Error::Slot)?;
    // The slot before the record: a relay that publishes meanwhile moves the record first.
    let origin = Origin::read(&mut replication, &settings.slot).await;
    let origin = origin.map_err(Error::Slot)?;
    let before = read(settings).await?;
    let running = before.as_ref().map(CommittedProgress::get);
    let running = running.filter(|progress| progress.state == ProgressState::Running);
    if let Some(progress) = running {
        origin.compare(progress, &kafka_cluster_id)?;
        pipeline::compare_with_database(administrator.target(), progress).await?;
        if origin.confirmed_flush_lsn.is_none() {
            return Err(Error::SlotGone {
                slot: settings.slot.clone(),
            });
        }
        let (slot, publication) = (&settings.slot, &settings.publication);
        let ahead = replication.look_ahead(slot, publication).await;
        ahead.map_err(Error::Ahead)?;
        let registered = administrator.register_slot(&settings.slot).await;
        registered.map_err(Error::Migrate)?;
        tracing::info!("the outbox is initialised already");
        return Ok(());
    }
    let identity = SourceIdentity {
        system_identifier: origin.system.system_identifier,
        timeline: origin.system.timeline,
        database: origin.system.database.unwrap_or_default(),
        slot: settings.slot.clone(),
    };
    let there = slot_position(&mut replication, &settings.slot).await?;
    if before.is_none() && there.is_some() {
        return Err(Error::ForeignSlot {
            slot: settings.slot.clone(),
        });
    }
    write(
        settings,
        ProgressState::Initialising,
        Lsn::INVALID,
        &identity,
    )
    .await?;
    failpoints::hit(Failpoint::InitMarked);
    let position = match there {
        Some(position) => position,
        None => create_slot(&mut replication, &settings.slot, from_now).await?,
    };
    failpoints::hit(Failpoint::InitSlotDone);
    let registered = administrator.register_slot(&settings.slot).await;
    registered.map_err(Error::Migrate)?;
    write(settings, ProgressState::Running, position, &identity).await?;
    failpoints::hit(Failpoint::InitRecorded);
    tracing::info!(slot = settings.slot, %position, "initialised");
    Ok(())
}

async fn slot_position(
    replication: &mut ReplicationConnection,
    slot: &str,
) -> Result<Option<Lsn>, Error> {
    let query = format!(
        "select confirmed_flush_lsn from pg_replication_slots where slot_name = {}",
        literal(slot)
    );
    let rows = replication.query(&query).await.map_err(Error::Slot)?;
    let Some(row) = rows.into_iter().next() else {
        return Ok(None);
    };
    let position = row
        .into_iter()
        .next()
        .flatten()
        .and_then(|text| text.parse().ok());
    position.map(Some).ok_or(Error::SlotPosition)
}

async fn create_slot(
    replication: &mut ReplicationConnection,
    slot: &str,
    from_now: bool,
) -> Result<Lsn, Error> {
    // Within one session the name of a temporary slot must still be unique in the cluster.
    let temporary = format!("{slot}_init");
    let create = format!(
        "CREATE_REPLICATION_SLOT \"{temporary}\" TEMPORARY LOGICAL pgoutput (SNAPSHOT 'use')"
    );
    let count = "select count(*) from outbox.event where public \
                 and event_type <> 'postrider.canary'";
    let copy = format!(
        "select pg_copy_logical_replication_slot({}, {}, false)",
        literal(&temporary),
        literal(slot)
    );
    let begin = "begin isolation level repeatable read read only";
    for statement in [begin, &create] {
        replication.query(statement).await.map_err(Error::Slot)?;
    }
    let rows = replication.query(count).await.map_err(Error::Slot)?;
    let rows = rows
        .into_iter()
        .next()
        .and_then(|row| row.into_iter().next().flatten());
    let rows = rows.ok_or(Error::SlotPosition)?;
    replication.query("commit").await.map_err(Error::Slot)?;
    if rows != "0" && !from_now {
        return Err(Error::OlderRows { rows });
    }
    replication.query(&copy).await.map_err(Error::Slot)?;
    slot_position(replication, slot)
        .await?
        .ok_or(Error::SlotPosition)
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Reads the progress record without touching a producer.
async fn read(settings: &Settings) -> Result<Option<CommittedProgress>, Error> {
    blocking(settings, PATIENCE, |settings, patience, _| {
        ProgressReader::new(&settings.kafka)?.read(patience)
    })
    .await
}

async fn write(
    settings: &Settings,
    state: ProgressState,
    position: Lsn,
    identity: &SourceIdentity,
) -> Result<CommittedProgress, Error> {
    let identity = identity.clone();
    blocking(settings, PATIENCE, move |settings, patience, watchdog| {
        let producer = Producer::open(&settings.kafka, watchdog.heart("publisher"), patience)?;
        let cluster = producer.kafka_cluster_id().to_owned();
        let progress = Progress::first(state, position, identity, cluster);
        producer.publish(&Batch::default(), progress)
    })
    .await
}

/// Runs blocking calls to Kafka on a thread for such calls.
async fn blocking<T: Send + 'static>(
    settings: &Settings,
    length: Duration,
    call: impl FnOnce(&Settings, &Patience<'_>, &Watchdog) -> Result<T, publish::Error> + Send + 'static,
) -> Result<T, Error> {
    let settings = settings.clone();
    let called = tokio::task::spawn_blocking(move || {
        let stop = CancellationToken::new();
        let patience = Patience::new(&settings.kafka.bootstrap_servers, &stop, length);
        call(&settings, &patience, &Watchdog::default())
    });
    called
        .await
        .expect("the calls to Kafka do not panic")
        .map_err(Error::Kafka)
}
