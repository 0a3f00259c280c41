//! A walsender that waits for commands.

use std::time::Duration;

use postgres_protocol::message::backend::{DataRowBody, Message};
use postgres_protocol::message::frontend;
use tokio_postgres::fallible_iterator::FallibleIterator as _;

use super::shutdown::Shutdown;
use super::slot::Subscription;
use super::stream::WalStream;
use super::timeline::{self, TimelineSwitch};
use super::{Error, Holder, WAL_SENDER_TIMEOUT, holder, notice};
use crate::lsn::Lsn;
use crate::postgres::{Attempts, Received, ServerError, Target, Wire, start_up};

/// How far and for how long the slot is looked through ahead of the stream.
const LOOK_AHEAD_CHANGES: u32 = 1000;
const LOOK_AHEAD_LIMIT: Duration = Duration::from_secs(5);

/// A replication connection that is logged in and idle. It also runs ordinary SQL, one statement
/// at a time.
pub struct ReplicationConnection {
    wire: Wire,
    target: Target,
}

/// What `IDENTIFY_SYSTEM` answers: which cluster this is, and on which timeline. A position is
/// meaningful only together with these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemIdentity {
    /// The cluster's identifier, chosen by `initdb`.
    pub system_identifier: String,
    /// The current timeline.
    pub timeline: u32,
    /// The database of the connection.
    pub database: Option<String>,
}

type Rows = Vec<Vec<Option<String>>>;

impl ReplicationConnection {
    /// Connects to the first host of `target` that accepts writes.
    pub async fn connect(target: &Target) -> Result<Self, Error> {
        let wal_sender_timeout = format!("{}s", WAL_SENDER_TIMEOUT.as_secs());
        let settings = [
            ("wal_sender_timeout", wal_sender_timeout.as_str()),
            // Row filters run as the table's owner sees fit; with this they fail instead
            // (https://www.postgresql.org/docs/current/logical-replication-security.html).
            ("row_security", "off"),
            // PostgreSQL 18 says by a warning alone that it drops changes.
            ("client_min_messages", "warning"),
        ];
        let mut attempts = Attempts::new(target)?;
        loop {
            let attempt = attempts.next().await?;
            match start_up(attempt, target, &[("replication", "database")], &settings).await {
                Ok(wire) => {
                    let target = target.clone();
                    return Ok(Self { wire, target });
                }
                Err(error) => attempts.failed(error)?,
            }
        }
    }

    /// Which cluster this is, and where its log stands.
    pub async fn identify_system(&mut self) -> Result<SystemIdentity, Error> {
        let rows = self
            .command("IDENTIFY_SYSTEM")
            .await?
            .map_err(Error::IdentifySystem)?;
        let unexpected = Error::Malformed {
            problem: "the answer to IDENTIFY_SYSTEM",
        };
        let mut fields = rows.into_iter().next().unwrap_or_default().into_iter();
        let mut field = || fields.next().flatten();
        let (Some(system_identifier), Some(timeline), Some(_wal_flush)) =
            (field(), field(), field())
        else {
            return Err(unexpected);
        };
        let Ok(timeline) = timeline.parse() else {
            return Err(unexpected);
        };
        Ok(SystemIdentity {
            system_identifier,
            timeline,
            database: field(),
        })
    }

    /// Where the ancestors of `timeline` were left, oldest first; empty for timeline 1, which has
    /// none and no history file.
    pub async fn timeline_history(&mut self, timeline: u32) -> Result<Vec<TimelineSwitch>, Error> {
        if timeline <= 1 {
            return Ok(Vec::new());
        }
        let rows = self
            .command(&format!("TIMELINE_HISTORY {timeline}"))
            .await?
            .map_err(|source| Error::TimelineHistory { timeline, source })?;
        let history = rows
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().nth(1))
            .flatten();
        history
            .as_deref()
            .and_then(timeline::parse)
            .ok_or(Error::Malformed {
                problem: "the answer to TIMELINE_HISTORY",
            })
    }

    /// An error that names the holder while somebody reads `slot`. A standby that asks first fills no
    /// server's log with refusals; whoever is faster than us meanwhile is told of by
    /// [`start_replication`](Self::start_replication).
    pub async fn require_free(&mut self, slot: &str) -> Result<(), Error> {
        let rows = self.query(&holder::question(slot)).await?;
        match rows.into_iter().next() {
            None => Ok(()),
            Some(row) => Err(Error::SlotInUse {
                slot: slot.to_owned(),
                holder: Holder::from_row(row),
            }),
        }
    }

    /// Runs one statement by the simple protocol and returns its rows as text. After an error the
    /// connection can be used again; an open transaction then waits for its rollback.
    pub async fn query(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, Error> {
        let rows = self.command(sql).await?;
        rows.map_err(|source| Error::Query {
            statement: sql.to_owned(),
            source,
        })
    }

    /// Whether the stream could go on from where the slot stands: decodes what comes next, and leaves
    /// the slot as it was. Where somebody else reads it, or that takes long, nothing is known.
    ///
    /// A publication that was made again is there, and the slot still cannot pass what was written
    /// before: no catalog tells, only the server's own decoding.
    pub async fn look_ahead(&mut self, slot: &str, publication: &str) -> Result<(), Error> {
        let limit = format!("set statement_timeout = {}", LOOK_AHEAD_LIMIT.as_millis());
        self.query(&limit).await?;
        let answer = self.command(&peek_command(slot, publication)).await?;
        let subscription = Subscription {
            slot: slot.to_owned(),
            publication: publication.to_owned(),
        };
        answer.map_or_else(|source| subscription.look_ahead_error(source), |_| Ok(()))
    }

    /// Starts the stream at `start`, or at the slot's own position if that is later.
    pub async fn start_replication(
        mut self,
        slot: &str,
        publication: &str,
        start: Lsn,
    ) -> Result<WalStream, Error> {
        let subscription = Subscription {
            slot: slot.to_owned(),
            publication: publication.to_owned(),
        };
        let command = start_command(slot, publication, start);
        self.wire
            .send(|out| frontend::query(&command, out))
            .await
            .map_err(Error::Lost)?;
        loop {
            match self.wire.receive().await.map_err(Error::Lost)? {
                Received::CopyBoth => {
                    let (io, read_ahead) = self.wire.into_parts();
                    let shutdown = Shutdown::new(self.target);
                    return Ok(WalStream::new(
                        io,
                        read_ahead,
                        subscription,
                        start,
                        shutdown,
                    ));
                }
                Received::Message(Message::ErrorResponse(body)) => {
                    return Err(subscription.start_error(ServerError::from_fields(body.fields())));
                }
                Received::Message(Message::NoticeResponse(body)) => notice::observe(&body)?,
                Received::Message(Message::ParameterStatus(_)) => {}
                Received::Message(_) => {
                    return Err(Error::Malformed {
                        problem: "the answer to START_REPLICATION",
                    });
                }
            }
        }
    }

    /// Runs a command up to the server's `ReadyForQuery`. The inner result is the server's answer.
    async fn command(&mut self, command: &str) -> Result<Result<Rows, Box<ServerError>>, Error> {
        self.wire
            .send(|out| frontend::query(command, out))
            .await
            .map_err(Error::Lost)?;
        let mut answer = Ok(Vec::new());
        loop {
            match self.wire.receive().await.map_err(Error::Lost)? {
                Received::Message(Message::DataRow(body)) => {
                    let row = text_row(&body)?;
                    if let Ok(rows) = &mut answer {
                        rows.push(row);
                    }
                }
                Received::Message(Message::ErrorResponse(body)) => {
                    let error = ServerError::from_fields(body.fields());
                    if error.severity == "FATAL" {
                        return Err(Error::ServerClosed {
                            source: Some(error),
                        });
                    }
                    answer = Err(error);
                }
                Received::Message(Message::NoticeResponse(body)) => notice::observe(&body)?,
                Received::Message(Message::ReadyForQuery(_)) => return Ok(answer),
                Received::Message(
                    Message::RowDescription(_)
                    | Message::CommandComplete(_)
                    | Message::EmptyQueryResponse
                    | Message::ParameterStatus(_)
                    | Message::NotificationResponse(_),
                ) => {}
                Received::Message(_) | Received::CopyBoth => {
                    return Err(Error::Malformed {
                        problem: "the answer to a statement",
                    });
                }
            }
        }
    }
}

/// `START_REPLICATION` with the options of `pgoutput`
/// (<https://www.postgresql.org/docs/current/protocol-logical-replication.html>).
///
/// Protocol version 1: a transaction comes whole, after its commit, so nothing that is rolled back
/// is ever received.
fn start_command(slot: &str, publication: &str, start: Lsn) -> String {
    let slot = slot.replace('"', "\"\"");
    let publication = publication.replace('"', "\"\"").replace('\'', "''");
    format!(
        "START_REPLICATION SLOT \"{slot}\" LOGICAL {start} (proto_version '1', \
         publication_names '\"{publication}\"', binary 'true', messages 'false')"
    )
}

/// Reads some changes and confirms none
/// (<https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-REPLICATION>).
fn peek_command(slot: &str, publication: &str) -> String {
    let slot = slot.replace('\'', "''");
    let publication = publication.replace('"', "\"\"").replace('\'', "''");
    format!(
        "select count(*) from pg_logical_slot_peek_binary_changes('{slot}', null, \
         {LOOK_AHEAD_CHANGES}, 'proto_version', '1', 'publication_names', '\"{publication}\"')"
    )
}

fn text_row(body: &DataRowBody) -> Result<Vec<Option<String>>, Error> {
    let malformed = || Error::Malformed {
        problem: "a row is not text",
    };
    let mut row = Vec::new();
    let mut ranges = body.ranges();
    while let Some(range) = ranges.next().map_err(|_| malformed())? {
        row.push(match range {
            Some(range) => {
                let text = body.buffer().get(range).ok_or_else(malformed)?;
                Some(String::from_utf8(text.to_vec()).map_err(|_| malformed())?)
            }
            None => None,
        });
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_the_look_ahead_are_quoted() {
        let command = peek_command("it's", "it's \"mine\"");
        assert!(command.contains("('it''s', null, 1000,"), "{command}");
        assert!(command.ends_with("'\"it''s \"\"mine\"\"\"')"), "{command}");
    }

    #[test]
    fn names_in_the_start_command_are_quoted() {
        let command = start_command("a\"b", "it's \"mine\"", Lsn::new(0x1_0000_0002));
        assert_eq!(
            command,
            "START_REPLICATION SLOT \"a\"\"b\" LOGICAL 1/2 (proto_version '1', \
             publication_names '\"it''s \"\"mine\"\"\"', binary 'true', messages 'false')"
        );
    }
}
