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

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::failpoints::{self, Failpoint};
use crate::lsn::Lsn;
use crate::pipeline::Settings;
use crate::publish::{
    self, Batch, CommittedProgress, Patience, Progress, ProgressState, SourceIdentity,
    TransactionalProducer,
};
use crate::runtime::Watchdog;
use crate::source::ReplicationConnection;
use crate::{migrate, postgres, source};

/// Why the first start did not come about.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection to the database.
    #[error("cannot connect to the database")]
    Connect(#[source] postgres::Error),
    /// The SQL part failed.
    #[error("cannot migrate the database")]
    Migrate(#[source] migrate::Error),
    /// The slot cannot be created.
    #[error("cannot create the replication slot")]
    Slot(#[source] source::Error),
    /// The server's answer has another form.
    #[error("the server gave no position for the replication slot")]
    SlotPosition,
    /// There are rows that would never be published.
    #[error("the outbox holds {rows} public events that are older than the replication slot")]
    OlderRows {
        /// How many.
        rows: String,
    },
    /// A slot of our name is there that this command did not make.
    #[error("replication slot {slot:?} exists, but there is no progress record for it")]
    ForeignSlot {
        /// The slot.
        slot: String,
    },
    /// Kafka failed.
    #[error("cannot write the progress record")]
    Kafka(#[source] publish::Error),
}

impl Error {
    /// One sentence that tells an operator what to do next.
    pub fn remedy(&self) -> String {
        use crate::error::Classify;
        match self {
            Self::Connect(error) => error.remedy(),
            Self::Migrate(error) => error.remedy(),
            Self::Slot(error) => error.remedy(),
            Self::SlotPosition => "see that postgres.url leads to a PostgreSQL 15 to 18".to_owned(),
            Self::OlderRows { .. } => {
                "run `postrider init --from-now` to leave them unpublished, or empty the outbox first".to_owned()
            }
            Self::ForeignSlot { slot } => {
                format!("drop it with select pg_drop_replication_slot('{slot}') when nobody uses it")
            }
            Self::Kafka(error) => error.remedy(),
        }
    }
}

/// Makes everything that `run` needs. Running it again changes nothing.
pub async fn init(settings: &Settings, from_now: bool) -> Result<(), Error> {
    let mut session = postgres::connect(&settings.target)
        .await
        .map_err(Error::Connect)?;
    let migrated = migrate::migrate(session.client_mut(), &settings.publication).await;
    session.close().await;
    migrated.map_err(Error::Migrate)?;
    failpoints::hit(Failpoint::InitSchemaDone);

    let client = settings.kafka_client();
    let topic = &settings.kafka.progress_topic;
    let created = publish::create_progress_topic(&client, topic, settings.replication_factor).await;
    created.map_err(Error::Kafka)?;
    failpoints::hit(Failpoint::InitTopicDone);

    let before = read(settings).await?;
    if before
        .as_ref()
        .is_some_and(|found| found.get().state == ProgressState::Running)
    {
        tracing::info!("the outbox is initialised already");
        return Ok(());
    }
    let mut replication = ReplicationConnection::connect(&settings.target)
        .await
        .map_err(Error::Slot)?;
    let system = replication.identify_system().await.map_err(Error::Slot)?;
    let identity = SourceIdentity {
        system_identifier: system.system_identifier,
        timeline: system.timeline,
        database: system.database.unwrap_or_default(),
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
    blocking(settings, |settings, patience, _| {
        let kafka = &settings.kafka;
        publish::read_progress(
            &kafka.uncommitted,
            &kafka.committed,
            &kafka.progress_topic,
            patience,
        )
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
    blocking(settings, move |settings, patience, watchdog| {
        let kafka = &settings.kafka;
        let producer = TransactionalProducer::open(
            &kafka.producer,
            &kafka.transactional_id,
            &kafka.progress_topic,
            watchdog.heart("publisher"),
            patience,
        )?;
        let cluster = publish::cluster_id(producer.client(), patience)?;
        let progress = Progress::first(state, position, identity, cluster);
        producer.publish(&Batch::default(), &progress)
    })
    .await
}

/// Runs blocking calls to Kafka on a thread for such calls.
async fn blocking<T: Send + 'static>(
    settings: &Settings,
    call: impl FnOnce(&Settings, &Patience<'_>, &Watchdog) -> Result<T, publish::Error> + Send + 'static,
) -> Result<T, Error> {
    const PATIENCE: Duration = Duration::from_secs(30);
    let settings = settings.clone();
    let called = tokio::task::spawn_blocking(move || {
        let stop = CancellationToken::new();
        let patience = Patience::new(&settings.kafka.bootstrap_servers, &stop, PATIENCE);
        call(&settings, &patience, &Watchdog::default())
    });
    called
        .await
        .expect("the calls to Kafka do not panic")
        .map_err(Error::Kafka)
}
