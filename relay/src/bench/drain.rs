//! `bench drain`: how fast a backlog goes to Kafka, beside `pg_recvlogical` on the same backlog.
//!
//! Every round has a relay of its own, whose slot `init` makes before the first event is written,
//! and a copy of that slot for `pg_recvlogical`. So all drains read the same bytes of the same
//! write-ahead log from the same place, and nothing has to be written again for another round.

use std::path::Path;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use tokio_postgres::Client;

use super::backlog::{self, End, Size};
use super::count::{Counted, count};
use super::relay::Relay;
use super::report::{Drain, Report, Round};
use super::{Error, meter, reader};
use crate::figures::thousands;
use crate::local::{Folder, KafkaOptions, PostgresOptions, Stack, StackOptions};

const DATABASE: &str = "bench";

/// Partitions of each topic: more than one, as anybody who measures throughput has.
const PARTITIONS: i32 = 6;

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct DrainOptions {
    /// Events in the backlog.
    pub events: u32,
    /// Events in each database transaction.
    pub per_transaction: u32,
    /// How often both drain the backlog.
    pub repeat: u32,
    /// Whether the relay drains first in the first round; the order alternates from round to round.
    pub relay_first: bool,
}

/// Starts the servers, writes the backlog, drains it, counts what came out, and ends the servers.
/// `note` hears, in a sentence each, what goes on.
///
/// Cancelling it ends everything it started.
pub async fn drain(options: DrainOptions, note: impl Fn(&str)) -> Result<Report, Error> {
    note("starting PostgreSQL, Kafka and the schema registry");
    let folder = Folder::create()?;
    let stack = Stack::start(stack_options(options.repeat)).await?;
    stack.postgres.create_database(DATABASE).await?;
    let url = stack.postgres.superuser_url(DATABASE);
    stack
        .registry
        .register(backlog::EVENT_TYPE, backlog::SCHEMA)
        .await?;
    let client = meter::connect(&url).await?;

    let mut relays = Vec::new();
    for round in 1..=options.repeat {
        let name = format!("bench_{round}");
        let relay = Relay::set_up(&stack, DATABASE, &name, PARTITIONS, folder.path()).await?;
        let copy = "select pg_copy_logical_replication_slot($1, $2, false)::text";
        client
            .query(copy, &[&relay.slot(), &reader_slot(&relay)])
            .await?;
        relays.push(relay);
    }

    let processors =
        available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX));
    note(&format!(
        "writing {} events",
        thousands(options.events.into())
    ));
    let began = Instant::now();
    let size = Size {
        events: options.events,
        per_transaction: options.per_transaction,
    };
    let writers = processors.clamp(2, 8);
    let end = Box::pin(backlog::write(&stack.postgres, DATABASE, size, writers)).await?;
    note(&format!(
        "written in {:.1} s",
        began.elapsed().as_secs_f64()
    ));

    let bench = Bench {
        events: options.events,
        stack: &stack,
        client: &client,
        url: &url,
        end,
        limit: meter::limit(options.events),
        folder: folder.path(),
    };
    let mut rounds = Vec::new();
    for (index, relay) in relays.iter().enumerate() {
        let relay_first = options.relay_first == (index % 2 == 0);
        rounds.push(Box::pin(bench.round(relay, relay_first, &note)).await?);
    }
    Ok(Report {
        events: options.events,
        per_transaction: options.per_transaction,
        payload_bytes: backlog::payload_bytes(&client).await?,
        processors,
        rounds,
    })
}

/// What all drains of one backlog share.
pub(super) struct Bench<'a> {
    pub(super) events: u32,
    pub(super) stack: &'a Stack,
    pub(super) client: &'a Client,
    /// The database.
    pub(super) url: &'a str,
    pub(super) end: End,
    /// The longest that a drain may take.
    pub(super) limit: Duration,
    /// For logs.
    pub(super) folder: &'a Path,
}

impl Bench<'_> {
    async fn round(
        &self,
        relay: &Relay,
        relay_first: bool,
        note: &impl Fn(&str),
    ) -> Result<Round, Error> {
        let (reader, relayed);
        if relay_first {
            relayed = self.relay(relay, note).await?;
            reader = self.reader(relay, note).await?;
        } else {
            reader = self.reader(relay, note).await?;
            relayed = self.relay(relay, note).await?;
        }
        note("counting what a read_committed consumer finds");
        let servers = self.stack.kafka.bootstrap_servers();
        let counted = count(servers, relay.topic(), PARTITIONS).await?;
        let events = u64::from(self.events);
        if counted
            != (Counted {
                records: events,
                events,
            })
        {
            return Err(Error::Miscounted {
                written: events,
                counted,
            });
        }
        Ok(Round {
            reader,
            relay: relayed,
            counted,
        })
    }

    async fn reader(&self, relay: &Relay, note: &impl Fn(&str)) -> Result<Drain, Error> {
        note("draining with pg_recvlogical");
        let drained = reader::drain(self, &reader_slot(relay)).await?;
        note(&format!("drained in {:.2} s", drained.took.as_secs_f64()));
        Ok(drained)
    }

    async fn relay(&self, relay: &Relay, note: &impl Fn(&str)) -> Result<Drain, Error> {
        note("draining with the relay");
        let drained = relay.drain(self).await?;
        note(&format!("drained in {:.2} s", drained.took.as_secs_f64()));
        Ok(drained)
    }
}

/// The slot for `pg_recvlogical` in the round of `relay`.
fn reader_slot(relay: &Relay) -> String {
    format!("{}_reader", relay.slot())
}

/// Servers that do nothing of their own accord while something is measured.
fn stack_options(repeat: u32) -> StackOptions {
    let settings = [
        ("autovacuum", "off".to_owned()),
        ("checkpoint_timeout", "1h".to_owned()),
        ("max_wal_size", "64GB".to_owned()),
        // Two for each round, and the temporary one of `init`.
        ("max_replication_slots", (2 * repeat + 4).to_string()),
    ];
    let settings = settings
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
    StackOptions {
        postgres: PostgresOptions {
            settings,
            ..PostgresOptions::default()
        },
        kafka: KafkaOptions {
            quick_start: false,
            ..KafkaOptions::default()
        },
        ..StackOptions::default()
    }
}
