//! What the server's refusals mean for the slot.
//!
//! Messages are translated by `lc_messages`, so the SQLSTATE and the moment decide, and the C
//! function's name where one SQLSTATE stands for several things.

use super::{Error, Holder};
use crate::postgres::ServerError;

const OBJECT_IN_USE: &str = "55006";
const OBJECT_NOT_IN_PREREQUISITE_STATE: &str = "55000";
const UNDEFINED_OBJECT: &str = "42704";
/// A statement that took longer than it may.
const QUERY_CANCELED: &str = "57014";
/// A WAL segment that is gone.
const UNDEFINED_FILE: &str = "58P01";

/// The slot and publication of a stream, for its errors.
#[derive(Debug, Clone)]
pub(super) struct Subscription {
    pub(super) slot: String,
    pub(super) publication: String,
}

impl Subscription {
    /// The answer to `START_REPLICATION`.
    pub(super) fn start_error(&self, source: Box<ServerError>) -> Error {
        let slot = self.slot.clone();
        match source.code.as_str() {
            OBJECT_IN_USE => Error::SlotInUse {
                slot,
                holder: last_number(&source.message).map(|pid| Holder {
                    pid,
                    application_name: None,
                    client_addr: None,
                }),
            },
            UNDEFINED_OBJECT => Error::SlotMissing { slot },
            UNDEFINED_FILE => Error::SlotLost { slot, source },
            OBJECT_NOT_IN_PREREQUISITE_STATE => match source.routine.as_str() {
                "CheckLogicalDecodingRequirements" => Error::LogicalDecodingOff(source),
                // Up to 15; 16 and 17 (with a message of its own); from 18 on.
                "StartLogicalReplication" | "ReplicationSlotAcquire" => {
                    Error::SlotLost { slot, source }
                }
                _ if source.message.contains("no longer") => Error::SlotLost { slot, source },
                _ => Error::StartReplication { slot, source },
            },
            code if code.starts_with("57P0") => Error::ServerClosed {
                source: Some(source),
            },
            _ => Error::StartReplication { slot, source },
        }
    }

    /// The answer to a look at what comes next.
    pub(super) fn look_ahead_error(&self, source: Box<ServerError>) -> Result<(), Error> {
        match source.code.as_str() {
            OBJECT_IN_USE | QUERY_CANCELED => Ok(()),
            OBJECT_NOT_IN_PREREQUISITE_STATE => Err(self.start_error(source)),
            _ => Err(self.stream_error(source)),
        }
    }

    /// An error in mid-stream.
    pub(super) fn stream_error(&self, source: Box<ServerError>) -> Error {
        let slot = self.slot.clone();
        match source.code.as_str() {
            UNDEFINED_OBJECT => Error::PublicationMissing {
                publication: self.publication.clone(),
                source,
            },
            UNDEFINED_FILE => Error::SlotLost { slot, source },
            code if code.starts_with("57P0") => Error::ServerClosed {
                source: Some(source),
            },
            _ => Error::Walsender { slot, source },
        }
    }
}

/// The last run of digits: the process in "replication slot … is active for PID 123", whatever the
/// language.
fn last_number(message: &str) -> Option<i32> {
    let is_digit = |character: char| character.is_ascii_digit();
    let upto = message.trim_end_matches(|character| !is_digit(character));
    upto[upto.trim_end_matches(is_digit).len()..].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Action, Classify as _};

    fn answer(code: &str, routine: &str, message: &str) -> Box<ServerError> {
        Box::new(ServerError {
            code: code.into(),
            routine: routine.into(),
            message: message.into(),
            ..ServerError::default()
        })
    }

    fn subscription() -> Subscription {
        Subscription {
            slot: "postrider_a".into(),
            publication: "postrider".into(),
        }
    }

    #[test]
    fn a_slot_in_use_names_its_process() {
        let message = "replication slot \"a1\" is active for PID 4711";
        match subscription().start_error(answer("55006", "ReplicationSlotAcquire", message)) {
            error @ Error::SlotInUse {
                holder: Some(Holder { pid: 4711, .. }),
                ..
            } => {
                assert_eq!(error.action(), Action::StandBy);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(last_number("no number"), None);
        assert_eq!(last_number("PID 99999999999999"), None);
    }

    #[test]
    fn the_same_sqlstate_means_another_thing_at_another_moment() {
        let missing = || answer("42704", "", "does not exist");
        assert!(matches!(
            subscription().start_error(missing()),
            Error::SlotMissing { .. }
        ));
        assert!(matches!(
            subscription().stream_error(missing()),
            Error::PublicationMissing { .. }
        ));
    }

    #[test]
    fn a_slot_without_its_log_is_lost() {
        for refusal in [
            answer(
                "55000",
                "StartLogicalReplication",
                "cannot read from logical replication slot",
            ),
            answer(
                "55000",
                "CreateDecodingContext",
                "can no longer get changes from slot",
            ),
            answer(
                "55000",
                "ReplicationSlotAcquire",
                "can no longer access replication slot",
            ),
            answer(
                "58P01",
                "XLogReadDetermineTimeline",
                "requested WAL segment has been removed",
            ),
        ] {
            let error = subscription().start_error(refusal);
            assert!(matches!(error, Error::SlotLost { .. }), "{error:?}");
        }
        let off = answer("55000", "CheckLogicalDecodingRequirements", "wal_level");
        assert!(matches!(
            subscription().start_error(off),
            Error::LogicalDecodingOff(_)
        ));
        let other = answer(
            "55000",
            "CreateDecodingContext",
            "was not created in this database",
        );
        let error = subscription().start_error(other);
        assert!(matches!(error, Error::StartReplication { .. }), "{error:?}");
        assert_eq!(error.action(), Action::Halt);
    }

    #[test]
    fn a_shutdown_is_no_failure_of_the_walsender() {
        let error =
            subscription().stream_error(answer("57P01", "ProcessInterrupts", "terminating"));
        assert!(
            matches!(error, Error::ServerClosed { source: Some(_) }),
            "{error:?}"
        );
    }
}
