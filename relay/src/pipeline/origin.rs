//! Whether the stream and the cluster are those in which the last session ended.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::types::{PgLsn, ToSql};
use uuid::{Uuid, Variant, Version};

use super::Error;
use crate::lsn::Lsn;
use crate::postgres::{self, Target};
use crate::publish::Progress;
use crate::source::{self, ReplicationConnection, SystemIdentity, TimelineSwitch};

/// Longest answer to a question: a server whose machine vanished never answers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// What a session is connected to, as found before the stream starts.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The server.
    pub system: SystemIdentity,
    /// The timelines that it left.
    pub history: Vec<TimelineSwitch>,
    /// Where the replication slot stands; `None` when there is no such slot, or it never moved.
    pub confirmed_flush_lsn: Option<Lsn>,
}

impl Origin {
    /// Asks the server.
    pub async fn read(
        connection: &mut ReplicationConnection,
        slot: &str,
    ) -> Result<Self, source::Error> {
        let system = connection.identify_system().await?;
        let history = connection.timeline_history(system.timeline).await?;
        let query = format!(
            "select confirmed_flush_lsn from pg_replication_slots where slot_name = '{}'",
            slot.replace('\'', "''")
        );
        let rows = connection.query(&query).await?;
        let text = rows.into_iter().flatten().next().flatten();
        Ok(Self {
            system,
            history,
            confirmed_flush_lsn: text.and_then(|text| text.parse().ok()),
        })
    }

    /// Compares it with what the progress record says.
    ///
    /// Invariant: a session begins only where the last one of this outbox ended; everything else
    /// would lose or double events. What is confirmed never passes what is recorded, so a slot that
    /// stands beyond the record was moved, or dropped and made again (`tests`).
    pub fn compare(&self, progress: &Progress, kafka_cluster_id: &str) -> Result<(), Error> {
        let database = self.system.database.as_deref().unwrap_or_default();
        for (what, found, recorded) in [
            (
                "database cluster",
                self.system.system_identifier.as_str(),
                &progress.source.system_identifier,
            ),
            ("database", database, &progress.source.database),
            (
                "Kafka cluster",
                kafka_cluster_id,
                &progress.kafka_cluster_id,
            ),
        ] {
            if found != recorded {
                return Err(Error::Identity {
                    what,
                    found: found.to_owned(),
                    recorded: recorded.clone(),
                });
            }
        }
        self.compare_timeline(progress)?;
        match self.confirmed_flush_lsn {
            Some(slot) if slot > progress.resume_lsn => Err(Error::Moved {
                what: "the replication slot",
                found: slot.to_string(),
                recorded: progress.resume_lsn.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// A server that was promoted has a new timeline; its past is ours as far as the fork.
    fn compare_timeline(&self, progress: &Progress) -> Result<(), Error> {
        let recorded = progress.source.timeline;
        if self.system.timeline == recorded {
            return Ok(());
        }
        let left = self
            .history
            .iter()
            .find(|switch| switch.timeline == recorded);
        match left {
            None => Err(Error::Identity {
                what: "timeline",
                found: self.system.timeline.to_string(),
                recorded: recorded.to_string(),
            }),
            Some(fork) if progress.resume_lsn > fork.switched_at => Err(Error::Moved {
                what: "the fork of the timeline",
                found: fork.switched_at.to_string(),
                recorded: progress.resume_lsn.to_string(),
            }),
            Some(_) => Ok(()),
        }
    }
}

/// Compares the progress record with the database as it is now, after the record was read: so its
/// position lies in the past, however fast another relay went on meanwhile.
///
/// The last published event must still be in the table. A volume snapshot or a clone that is older
/// has the same identity and timeline, and may lack events that are on Kafka. An event that
/// retention has emptied, or whose id tells no time or one to come, proves nothing. One whose writer still waits
/// for a synchronous standby is not visible yet; the next look finds it.
pub(crate) async fn compare_with_database(
    target: &Target,
    progress: &Progress,
) -> Result<(), Error> {
    let last_event = progress.last_event_id.and_then(with_time);
    let (event_id, written_millis) = last_event.unzip();
    let session = postgres::connect_within(ANSWER_TIMEOUT, target).await?;
    let query = "select pg_current_wal_flush_lsn(), $1::uuid is null
        or to_timestamp($2::float8 / 1000) > now()
        or exists (select from outbox.event where ring in (0, 1, 2, 3, 4, 5, 6, 7) and id = $1)
        or exists (select from outbox.ring_state
          where emptied_at >= to_timestamp($2::float8 / 1000))";
    let parameters: [&(dyn ToSql + Sync); 2] = [&event_id, &written_millis];
    let question = session.client().query_one(query, &parameters);
    let answer = timeout(ANSWER_TIMEOUT, question).await;
    let answer =
        answer.map(|row| row.map_err(session.failed("looking for the last published event")));
    session.close().await;
    let row = answer.map_err(|_| Error::Unanswered {
        after: ANSWER_TIMEOUT,
    })??;
    let wal_flush: PgLsn = row.get(0);
    is_past(progress, Lsn::new(wal_flush.into()))?;
    match event_id {
        Some(event_id) if !row.get::<_, bool>(1) => Err(Error::LastEventMissing { event_id }),
        _ => Ok(()),
    }
}

/// Nothing can be published that is not written: a log that ends before the position is another.
fn is_past(progress: &Progress, wal_flush: Lsn) -> Result<(), Error> {
    if progress.resume_lsn <= wal_flush {
        return Ok(());
    }
    Err(Error::Moved {
        what: "the end of the write-ahead log",
        found: wal_flush.to_string(),
        recorded: progress.resume_lsn.to_string(),
    })
}

/// The time that a version 7 id begins with, in milliseconds since the Unix epoch.
#[expect(
    clippy::cast_precision_loss,
    reason = "a float8 holds whole milliseconds for 285,000 years"
)]
fn with_time(id: Uuid) -> Option<(Uuid, f64)> {
    let is_timed =
        id.get_version() == Some(Version::SortRand) && id.get_variant() == Variant::RFC4122;
    is_timed.then(|| (id, (id.as_u128() >> 80) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::{ProgressState, SourceIdentity};

    fn progress() -> Progress {
        let source = SourceIdentity {
            system_identifier: "7".to_owned(),
            timeline: 2,
            database: "orders".to_owned(),
            slot: "postrider_orders".to_owned(),
        };
        Progress::first(
            ProgressState::Running,
            Lsn::new(100),
            source,
            "cluster".to_owned(),
        )
    }

    fn origin() -> Origin {
        Origin {
            system: SystemIdentity {
                system_identifier: "7".to_owned(),
                timeline: 2,
                database: Some("orders".to_owned()),
            },
            history: vec![TimelineSwitch {
                timeline: 1,
                switched_at: Lsn::new(10),
            }],
            confirmed_flush_lsn: Some(Lsn::new(100)),
        }
    }

    fn compare(change: impl FnOnce(&mut Origin)) -> Result<(), Error> {
        let mut origin = origin();
        change(&mut origin);
        origin.compare(&progress(), "cluster")
    }

    #[test]
    fn a_slot_at_or_behind_the_progress_is_accepted() {
        for slot in [1, 99, 100] {
            compare(|origin| origin.confirmed_flush_lsn = Some(Lsn::new(slot))).unwrap();
        }
    }

    #[test]
    fn a_slot_beyond_the_progress_halts() {
        let error = compare(|origin| origin.confirmed_flush_lsn = Some(Lsn::new(101))).unwrap_err();
        assert!(matches!(error, Error::Moved { .. }), "{error}");
    }

    #[test]
    fn a_position_in_the_future_halts() {
        is_past(&progress(), Lsn::new(100)).unwrap();
        let error = is_past(&progress(), Lsn::new(99)).unwrap_err();
        assert!(matches!(error, Error::Moved { .. }), "{error}");
    }

    #[test]
    fn another_database_or_cluster_halts() {
        let changes: [fn(&mut Origin); 2] = [
            |origin| origin.system.system_identifier = "8".to_owned(),
            |origin| origin.system.database = Some("billing".to_owned()),
        ];
        for change in changes {
            let error = compare(change).unwrap_err();
            assert!(matches!(error, Error::Identity { .. }), "{error}");
        }
        let error = origin().compare(&progress(), "other").unwrap_err();
        assert!(matches!(error, Error::Identity { .. }), "{error}");
    }

    #[test]
    fn a_promoted_server_is_accepted_if_it_has_all_that_is_published() {
        let promoted_at = |lsn| {
            compare(|origin| {
                origin.system.timeline = 3;
                origin.history.push(TimelineSwitch {
                    timeline: 2,
                    switched_at: Lsn::new(lsn),
                });
            })
        };
        promoted_at(100).unwrap();
        let error = promoted_at(99).unwrap_err();
        assert!(matches!(error, Error::Moved { .. }), "{error}");
    }

    #[test]
    fn a_timeline_that_is_not_our_future_halts() {
        let error = compare(|origin| origin.system.timeline = 1).unwrap_err();
        assert!(
            matches!(
                error,
                Error::Identity {
                    what: "timeline",
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn a_version_7_id_tells_its_time() {
        let id = Uuid::parse_str("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
        assert_eq!(with_time(id), Some((id, 1_688_096_058_518.0)));
        assert_eq!(with_time(Uuid::from_u128(7)), None);
    }
}
