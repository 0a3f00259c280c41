//! Kafka: the brokers answer, and the progress record is there.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Finding, System};
use crate::pipeline::Settings;
use crate::publish::{self, CommittedProgress, Patience, ProgressReader};

/// Longest wait for the brokers.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was found.
pub(super) struct Examined {
    pub(super) findings: Vec<Finding>,
    /// How far the outbox is on Kafka; `None` when there is no record that a session could begin
    /// with.
    pub(super) progress: Option<Recorded>,
}

/// The progress record, and the cluster that holds it.
pub(super) struct Recorded {
    pub(super) record: CommittedProgress,
    pub(super) cluster: String,
}

pub(super) async fn examine(settings: &Settings) -> Examined {
    let mut examined = ask(settings).await;
    let remedy = "let kafka.tls.ca name their authority, and take the option out of kafka.options";
    let unchecked = settings.unchecked_brokers();
    let hint = unchecked.map(|what| Finding::hint(System::Kafka, what, remedy));
    examined.findings.extend(hint);
    examined
}

async fn ask(settings: &Settings) -> Examined {
    let kafka = settings.kafka.clone();
    let read = tokio::task::spawn_blocking(move || {
        let stop = CancellationToken::new();
        let patience = Patience::new(&kafka.bootstrap_servers, &stop, PATIENCE);
        let cluster = publish::reach(&kafka.uncommitted, &patience)?;
        let record = ProgressReader::new(&kafka)?.read(&patience)?;
        let record = publish::require_running(&kafka.progress_topic, record)?;
        Ok::<_, publish::Error>(Recorded { record, cluster })
    });
    match read.await.expect("the questions to Kafka do not panic") {
        Ok(recorded) => Examined {
            findings: Vec::new(),
            progress: Some(recorded),
        },
        Err(error) => Examined {
            findings: vec![Finding::failure(System::Kafka, &error)],
            progress: None,
        },
    }
}
