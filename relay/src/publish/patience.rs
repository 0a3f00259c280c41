//! How long a blocking call to Kafka is repeated.

use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;
use tokio_util::sync::CancellationToken;

use super::Error;
use crate::runtime::Heart;

/// A deadline, a wish to stop, and a heart that beats while we wait: what every blocking call to
/// Kafka is sliced by, so that it ends in time and the watchdog sees that it is alive.
pub struct Patience<'a> {
    bootstrap_servers: &'a str,
    stop: &'a CancellationToken,
    heart: Option<&'a Heart>,
    deadline: Instant,
}

impl<'a> Patience<'a> {
    /// Patience for `length` from now.
    pub fn new(bootstrap_servers: &'a str, stop: &'a CancellationToken, length: Duration) -> Self {
        Self {
            bootstrap_servers,
            stop,
            heart: None,
            deadline: Instant::now() + length,
        }
    }

    #[must_use]
    /// Lets `heart` beat whenever the patience is asked.
    pub fn with_heart(mut self, heart: &'a Heart) -> Self {
        self.heart = Some(heart);
        self
    }

    /// Whether to try again; an error when the time is over, the relay is to stop, or the brokers
    /// do not accept us at all. `last_error` is what the client said last.
    pub(super) fn go_on(
        &self,
        doing: &'static str,
        last_error: Option<(RDKafkaErrorCode, String)>,
    ) -> Result<(), Error> {
        if let Some(heart) = self.heart {
            heart.beat();
        }
        if self.stop.is_cancelled() {
            return Err(Error::Stopped { doing });
        }
        let bootstrap_servers = self.bootstrap_servers.to_owned();
        match last_error {
            Some((RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL, why)) => {
                Err(Error::Authentication {
                    bootstrap_servers,
                    why,
                })
            }
            last_error if Instant::now() >= self.deadline => Err(Error::Unreachable {
                bootstrap_servers,
                doing,
                last_error: last_error.map(|(_, why)| why),
            }),
            _ => Ok(()),
        }
    }
}
