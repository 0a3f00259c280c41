//! The relay under measurement: what it drains, and how long that takes.

use std::path::Path;
use std::time::Duration;

use tokio_postgres::Client;

use super::Error;
use super::backlog::AGGREGATE_TYPE;
use super::drain::Bench;
use super::meter::Meter;
use super::report::Drain;
use crate::local::{self, Stack};
use crate::lsn::Lsn;

/// How long the relay may take to stop after a drain.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A relay that is set up and not running.
pub(super) struct Relay {
    local: local::Relay,
}

impl Relay {
    /// Sets relay `name` up: its topic, its configuration in `folder`, its slot.
    pub(super) async fn set_up(
        stack: &Stack,
        database: &str,
        name: &str,
        partitions: i32,
        folder: &Path,
    ) -> Result<Self, Error> {
        let route = format!("{name}.{{aggregate_type}}");
        let addresses = stack.addresses(database);
        let more = [("route.topic", route.into())];
        let local = local::Relay::configure(name, &addresses, &more, folder)?;
        let relay = Self { local };
        let topic = relay.topic();
        stack.kafka.create_topic(&topic, partitions, &[]).await?;
        relay.local.init(&[]).await?;
        Ok(relay)
    }

    /// The topic that its events go to.
    pub(super) fn topic(&self) -> String {
        format!("{}.{AGGREGATE_TYPE}", self.local.name())
    }

    /// The slot that it reads.
    pub(super) fn slot(&self) -> String {
        self.local.slot()
    }

    /// Runs `postrider run` until its slot has confirmed the backlog's end, then stops it.
    pub(super) async fn drain(&self, bench: &Bench<'_>) -> Result<Drain, Error> {
        let Bench {
            stack,
            client,
            end,
            limit,
            ..
        } = *bench;
        let broker = stack.kafka.process().usage()?.cpu;
        let slot = self.local.slot();
        let mut process = self.local.start(&local::IMPATIENT, &[])?;
        let meter = Meter::new(&mut process, client, &slot, limit);
        let done =
            async |client: &Client| Ok(confirmed(client, &slot).await? >= end.before_last_commit);
        let mut drained = meter.observe(done).await?;
        drained.broker_cpu = Some(stack.kafka.process().usage()?.cpu.saturating_sub(broker));
        if confirmed(client, &slot).await? < end.before_last_commit {
            return Err(Error::Ended {
                what: process.name().to_owned(),
                log: process.log_tail(),
            });
        }
        process.terminate()?;
        process.wait(STOP_LIMIT).await?;
        Ok(drained)
    }
}

/// How far the slot's reader has confirmed.
async fn confirmed(client: &Client, slot: &str) -> Result<Lsn, Error> {
    let query = "select confirmed_flush_lsn::text from pg_replication_slots where slot_name = $1";
    let position: String = client.query_one(query, &[&slot]).await?.get(0);
    position.parse().map_err(|_| Error::Position)
}
