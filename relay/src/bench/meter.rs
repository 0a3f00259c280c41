//! Looking at a drain from outside: when its walsender begins, what its processes cost, when it is
//! done.
//!
//! Both contenders are looked at by the same code, so a difference is theirs. The clock starts when
//! the slot becomes active, that is when the server begins to stream; what a process does before
//! is its start-up and counts apart.

use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls};

use super::Error;
use super::report::Drain;
use crate::local::process::{Process, Usage};
use crate::runtime;

/// Pause between two looks: the resolution of every time here.
const PAUSE: Duration = Duration::from_millis(5);

/// A drain that takes longer has stopped: a thousand events a second is far below any machine.
pub(super) fn limit(events: u32) -> Duration {
    Duration::from_mins(1) + Duration::from_millis(u64::from(events))
}

/// A connection for questions; it closes when the client is dropped.
pub(super) async fn connect(url: &str) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // A connection that breaks shows in the client's next question.
    drop(runtime::spawn("bench-database", connection));
    Ok(client)
}

/// One drain under observation.
pub(super) struct Meter<'a> {
    process: &'a mut Process,
    client: &'a Client,
    slot: &'a str,
    spawned: Instant,
    deadline: Instant,
    /// The last usage of the process that was seen: one that has ended has none.
    used: Usage,
}

const NOTHING: Usage = Usage {
    cpu: Duration::ZERO,
    memory_bytes: 0,
    memory_peak_bytes: 0,
};

impl<'a> Meter<'a> {
    /// Looks at `process`, just spawned, which drains `slot` within `limit`.
    pub(super) fn new(
        process: &'a mut Process,
        client: &'a Client,
        slot: &'a str,
        limit: Duration,
    ) -> Self {
        let spawned = Instant::now();
        Self {
            process,
            client,
            slot,
            spawned,
            deadline: spawned + limit,
            used: NOTHING,
        }
    }

    /// Observes until `done` says so, or until the process ends if it never does.
    ///
    /// `done` is asked after each pause; it may question the database.
    pub(super) async fn observe(
        mut self,
        mut done: impl AsyncFnMut(&Client) -> Result<bool, Error>,
    ) -> Result<Drain, Error> {
        let walsender = self.until_active().await?;
        let began = Instant::now();
        let mut walsender_used = NOTHING;
        loop {
            let finished = done(self.client).await?;
            let took = began.elapsed();
            // The walsender ends with its client; what was seen last is 10 ms short at most.
            if let Ok(used) = Usage::of(walsender) {
                walsender_used = used;
            }
            let ended = self.look()?;
            if finished || ended {
                return Ok(Drain {
                    took,
                    start_up: began - self.spawned,
                    cpu: self.used.cpu,
                    memory_peak_bytes: self.used.memory_peak_bytes,
                    walsender_cpu: walsender_used.cpu,
                    broker_cpu: None,
                });
            }
            self.pause().await?;
        }
    }

    /// Waits for the slot's walsender and gives its process id.
    async fn until_active(&mut self) -> Result<u32, Error> {
        let query = "select active_pid from pg_replication_slots \
                     where slot_name = $1 and active_pid is not null";
        loop {
            if let Some(row) = self.client.query_opt(query, &[&self.slot]).await? {
                return Ok(row.get::<_, i32>(0).unsigned_abs());
            }
            if self.look()? {
                return Err(self.ended());
            }
            self.pause().await?;
        }
    }

    /// Notes what the process has cost; true when it has ended.
    fn look(&mut self) -> Result<bool, Error> {
        // Of a process that has ended and was not reaped yet the processor time is still there,
        // the memory is not.
        if let Ok(used) = self.process.usage() {
            self.used = Usage {
                memory_peak_bytes: used.memory_peak_bytes.max(self.used.memory_peak_bytes),
                ..used
            };
        }
        Ok(self.process.exit_status()?.is_some())
    }

    async fn pause(&self) -> Result<(), Error> {
        if Instant::now() >= self.deadline {
            return Err(Error::Stalled {
                what: self.process.name().to_owned(),
                limit: self.deadline - self.spawned,
                log: self.process.log_tail(),
            });
        }
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }

    fn ended(&self) -> Error {
        Error::Ended {
            what: self.process.name().to_owned(),
            log: self.process.log_tail(),
        }
    }
}
