//! What follows from a batch that Kafka refuses: records go one by one, so that a refusal names the
//! very event, until everything that was in the batch is on Kafka.

use std::collections::HashMap;

use uuid::Uuid;

use super::Error;
use crate::encode::DeadLetter;
use crate::error::{Chain, Classify as _};
use crate::lsn::Lsn;
use crate::publish::{self, Batch};

/// The care that a process takes of what Kafka refused.
///
/// librdkafka sends many records in one request, and a broker refuses all of them for one, or for
/// their size together. The record that a refusal names may then be any of them.
///
/// Invariant: an event is named, and put aside, only for what Kafka says of it alone
/// (`suites::poison::small_events_that_are_too_much_together_are_published`).
///
/// Invariant: what lies before it is published, whatever becomes of it
/// (`suites::poison::what_lies_before_an_event_that_kafka_refuses_is_published`).
#[derive(Debug, Default)]
pub(super) struct Care {
    /// What was refused lies before this position.
    until: Option<Lsn>,
    condemned: HashMap<Uuid, DeadLetter>,
}

impl Care {
    /// Whether records go one by one.
    pub(super) fn is_careful(&self) -> bool {
        self.until.is_some()
    }

    /// Kafka refused `batch`.
    pub(super) fn refused(&mut self, batch: &Batch) {
        let whole = batch.resume_lsn();
        // A slice of a transaction whose end nobody knows yet lies behind its commit record's begin.
        let open = batch
            .open()
            .map(|open| Lsn::new(open.commit_lsn.as_u64() + 1));
        self.until = self.until.max(whole.max(open));
    }

    /// What `resume_lsn` is past needs no more care. Whether that ends it.
    pub(super) fn is_over(&mut self, resume_lsn: Lsn) -> bool {
        let is_over = self.until.is_some_and(|until| resume_lsn >= until);
        if is_over {
            *self = Self::default();
        }
        is_over
    }

    /// The verdict on an event that Kafka refused alone.
    pub(super) fn condemned(&self, event_id: Uuid) -> Option<&DeadLetter> {
        self.condemned.get(&event_id)
    }

    /// Notes the refusal, if `error`, with which the last session ended, is one. Whether the next
    /// session can do something about it.
    pub(super) fn learns(&mut self, error: &Error, was_careful: bool) -> bool {
        let Error::Publish(refusal) = error else {
            return false;
        };
        let publish::Error::RecordRefused {
            event_id,
            topic,
            is_dead_letter,
            ..
        } = &**refusal
        else {
            return false;
        };
        if !was_careful {
            tracing::info!("Kafka refused a batch; its records are sent one by one");
            return true;
        }
        // There is no further place for a dead letter.
        if *is_dead_letter {
            return false;
        }
        let letter = DeadLetter {
            topic: Some(topic.as_str().into()),
            reason: error.reason(),
            error: Chain(error).to_string(),
            attempts: 2,
            skip: None,
        };
        self.condemned.insert(*event_id, letter).is_none()
    }
}
