//! The topics of the events: there, and open to the relay.

use std::collections::BTreeMap;

use super::needs::Needs;
use super::{Finding, System};
use crate::pipeline::Settings;
use crate::publish::{self, Cluster};

/// `recorded` are the partition counts of the progress record.
pub(super) fn examine(
    settings: &Settings,
    needs: &Needs,
    cluster: &Cluster,
    recorded: &BTreeMap<String, u32>,
) -> Vec<Finding> {
    let find = |topic: &str| -> Result<(), publish::Error> {
        cluster.require_visible(topic)?;
        let recorded = recorded.get(topic).copied();
        let found = cluster.topics.get(topic).map(|found| found.partitions);
        let may_be_created = recorded.is_none() && settings.missing_topics.is_some();
        if found.is_none() && may_be_created {
            return Ok(());
        }
        publish::mapped_partitions(topic, recorded, found).map(drop)
    };
    let topics = needs.topics.iter();
    let findings = topics.filter_map(|(topic, is_ahead)| {
        let error = find(topic).err()?;
        Some(Finding::failure(System::Kafka, &error).if_ahead(*is_ahead))
    });
    findings.collect()
}
