//! Kafka: the brokers answer, the progress record is there, and so are the topics of the events.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::needs::Needs;
use super::{Finding, System, limits, stable, topics};
use crate::pipeline::Settings;
use crate::publish::{self, Cluster, CommittedProgress, Patience, ProgressReader};

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

pub(super) async fn examine(settings: &Settings, needs: &Needs) -> Examined {
    let mut findings = Vec::new();
    let progress = match ask(settings, needs).await {
        Ok((cluster, progress)) => {
            let progress = progress
                .map_err(|error| findings.push(Finding::failure(System::Kafka, &error)))
                .ok();
            let none = BTreeMap::new();
            let recorded = progress.as_ref();
            let recorded = recorded.map_or(&none, |found| &found.record.get().partition_counts);
            findings.extend(topics::examine(settings, needs, &cluster, recorded));
            findings.extend(limits::examine(settings, needs, &cluster).await);
            findings.extend(stable::examine(settings, needs, &cluster).await);
            progress
        }
        Err(error) => {
            findings.push(Finding::failure(System::Kafka, &error));
            None
        }
    };
    let remedy = "let kafka.tls.ca name their authority, and take the option out of kafka.options";
    let unchecked = settings.unchecked_brokers();
    findings.extend(unchecked.map(|what| Finding::hint(System::Kafka, what, remedy)));
    Examined { findings, progress }
}

/// The cluster, and the progress record in it.
async fn ask(
    settings: &Settings,
    needs: &Needs,
) -> Result<(Cluster, Result<Recorded, publish::Error>), publish::Error> {
    let kafka = settings.kafka.clone();
    let wanted: Vec<_> = needs.topics.keys().cloned().collect();
    let asked = tokio::task::spawn_blocking(move || {
        let stop = CancellationToken::new();
        let patience = Patience::new(&kafka.bootstrap_servers, &stop, PATIENCE);
        let topic = kafka.progress_topic.as_str();
        let id = publish::reach(&kafka.uncommitted, &patience)?;
        let wanted = wanted.iter().map(|topic| &**topic).chain([topic]);
        let cluster = publish::look(&kafka.uncommitted, wanted, &patience)?;
        let read = || {
            cluster.require_visible(topic)?;
            let record = ProgressReader::new(&kafka)?.read(&patience)?;
            let record = publish::require_running(topic, record)?;
            Ok(Recorded {
                record,
                cluster: id,
            })
        };
        let progress = read();
        Ok((cluster, progress))
    });
    asked.await.expect("the questions to Kafka do not panic")
}
