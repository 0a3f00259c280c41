//! An ordinary Kafka consumer: `read_committed`, as every reader of the relay's topics must be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::error::KafkaError;

use super::live::Live;
use crate::{local, runtime};

/// How soon the reader notices that it shall end.
const POLL_TIMEOUT: Duration = Duration::from_millis(100);

/// A consumer that counts what it sees, until it is dropped.
pub(super) struct Reader {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// Reads `topic` from its beginning.
    pub(super) fn start(
        servers: &str,
        topic: &str,
        partitions: i32,
        live: Arc<Live>,
    ) -> Result<Self, KafkaError> {
        // What is measured is the relay, not how long a broker waits for more to send.
        let at_once = [("fetch.wait.max.ms", "10")];
        let consumer = local::reader(servers, topic, partitions, &at_once)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = runtime::spawn_thread("demo-reader", move || {
            while !stopped.load(Ordering::Relaxed) {
                // librdkafka mends its connections by itself, and the oracle has the last word.
                if let Some(Ok(record)) = consumer.poll(POLL_TIMEOUT) {
                    live.arrived(local::event_id(&record));
                }
            }
        });
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A reader that panicked has said so; there is nothing else to tell from here.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
