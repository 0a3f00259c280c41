//! Many WAL messages, read in one go.

use bytes::Bytes;

use super::Error;
use crate::lsn::Lsn;

/// `CopyData`, the only message between the two sides while the stream runs.
pub(super) const COPY_DATA_TAG: u8 = b'd';

/// Tag and length.
pub(super) const HEADER_BYTES: usize = 5;

/// The largest message that is read. PostgreSQL allows a field of 1 GB, but Kafka's record limit
/// is nearer to 1 MB, and memory must have a bound that does not depend on what is written.
pub(super) const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Whole WAL messages that came in one read, in order.
///
/// Invariant: a gulp never ends within a message (`intake::tests::a_gulp_holds_whole_messages`).
#[derive(Debug, Clone)]
pub struct Gulp {
    bytes: Bytes,
    drained: bool,
}

/// A message of the replication stream
/// (<https://www.postgresql.org/docs/current/protocol-replication.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WalMessage<'a> {
    /// `XLogData`: one message of the output plugin.
    Data {
        /// Where the change stands in the log; transactions interleave, so this goes up and down.
        wal_start: Lsn,
        /// The end of the log as the walsender has sent it.
        wal_end: Lsn,
        /// The output plugin's message.
        payload: &'a [u8],
    },
    /// A sign of life.
    Keepalive {
        /// The walsender has read the log up to here and sent everything of it that concerns us.
        wal_end: Lsn,
        /// The walsender wants to hear what is flushed, at once: it is about to time out or shut
        /// down.
        reply_requested: bool,
    },
}

impl WalMessage<'_> {
    /// How far the walsender has come with this message.
    pub(super) fn position(&self) -> Lsn {
        match self {
            Self::Data {
                wal_start, wal_end, ..
            } => (*wal_start).max(*wal_end),
            Self::Keepalive { wal_end, .. } => *wal_end,
        }
    }
}

impl Gulp {
    pub(super) fn new(bytes: Bytes, drained: bool) -> Self {
        Self { bytes, drained }
    }

    /// The messages, in the server's order. After an error the rest cannot be read.
    pub fn messages(&self) -> impl Iterator<Item = Result<WalMessage<'_>, Error>> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let (frame, after) = match split_frame(rest) {
                Ok(split) => split?,
                Err(error) => {
                    rest = &[];
                    return Some(Err(error));
                }
            };
            let message = frame.wal_message();
            rest = if message.is_ok() { after } else { &[] };
            Some(message)
        })
    }

    /// Whether the socket had no more when this was read: the reader has caught up. A gulp that
    /// is drained can be empty, when the one before it was not known to be the last.
    pub fn drained(&self) -> bool {
        self.drained
    }
}

/// One message of the server: a tag and what follows the length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) tag: u8,
    pub(super) body: &'a [u8],
}

/// How many bytes the frame at the front of `bytes` takes in all; `None` while its header is
/// incomplete. Checks the claimed length before anybody allocates for it.
pub(super) fn frame_bytes(bytes: &[u8]) -> Result<Option<usize>, Error> {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length < 4 {
        return Err(Error::Malformed {
            problem: "a message is shorter than its own length field",
        });
    }
    if length > MESSAGE_BYTES_MAX {
        return Err(Error::MessageTooLarge {
            bytes: length,
            bytes_max: MESSAGE_BYTES_MAX,
        });
    }
    Ok(Some(length + 1))
}

/// Splits the first whole frame off `bytes`; `None` while it is incomplete.
pub(super) fn split_frame(bytes: &[u8]) -> Result<Option<(Frame<'_>, &[u8])>, Error> {
    let Some(total) = frame_bytes(bytes)? else {
        return Ok(None);
    };
    let Some((frame, rest)) = bytes.split_at_checked(total) else {
        return Ok(None);
    };
    Ok(Some((
        Frame {
            tag: frame[0],
            body: &frame[HEADER_BYTES..],
        },
        rest,
    )))
}

impl<'a> Frame<'a> {
    /// Reads the frame as a message of the stream.
    pub(super) fn wal_message(self) -> Result<WalMessage<'a>, Error> {
        if self.tag != COPY_DATA_TAG {
            return Err(Error::Malformed {
                problem: "a message in the stream is not copy data",
            });
        }
        match self.body.split_first() {
            // Start, end, send time, payload.
            Some((b'w', rest)) => match rest.split_first_chunk::<24>() {
                Some((header, payload)) => Ok(WalMessage::Data {
                    wal_start: lsn(header, 0),
                    wal_end: lsn(header, 8),
                    payload,
                }),
                None => Err(Error::Malformed {
                    problem: "an XLogData message is cut short",
                }),
            },
            // End, send time, reply requested.
            Some((b'k', rest)) => match <&[u8; 17]>::try_from(rest) {
                Ok(keepalive) => Ok(WalMessage::Keepalive {
                    wal_end: lsn(keepalive, 0),
                    reply_requested: keepalive[16] != 0,
                }),
                Err(_) => Err(Error::Malformed {
                    problem: "a keepalive has the wrong size",
                }),
            },
            Some(_) | None => Err(Error::Malformed {
                problem: "copy data that is neither XLogData nor keepalive",
            }),
        }
    }
}

/// The position at byte `at` of a fixed header.
fn lsn<const SIZE: usize>(header: &[u8; SIZE], at: usize) -> Lsn {
    let bytes: [u8; 8] = header[at..at + 8]
        .try_into()
        .expect("the slice has eight bytes");
    Lsn::new(u64::from_be_bytes(bytes))
}

#[cfg(test)]
#[path = "gulp_tests.rs"]
mod tests;
