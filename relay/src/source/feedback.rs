//! What the server is told: how far we have read, and how far it may forget.
//!
//! Only the *flush* field moves the slot, and the server believes it: `ProcessStandbyReplyMessage`
//! passes it to `LogicalConfirmReceivedLocation` without an upper bound, and what is confirmed is
//! never sent again. So the position that goes out is guarded here, at the last place that can:
//!
//! * it comes from `ack` alone, which takes it from a committed progress record;
//! * it never goes back: a smaller position would mean that the one sent before was wrong;
//! * it never passes what this connection has received. A progress record may be ahead of that for
//!   a moment (after a server crash the slot stands where the last checkpoint left it), and one
//!   from another cluster may be ahead for ever; the session's comparison halts on that, and until
//!   it has, a position that was not seen is held back. What is held back costs retained log, what
//!   is confirmed too early costs events.
//!
//! Answering keepalives with an old flush position is harmless and keeps the walsender alive while
//! Kafka is down (<https://www.postgresql.org/docs/current/protocol-replication.html>).

use bytes::{BufMut as _, BytesMut};

use super::gulp::COPY_DATA_TAG;
use crate::lsn::Lsn;

/// Microseconds from the Unix epoch to PostgreSQL's, 2000-01-01.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

/// The positions of one stream.
///
/// Invariant: the flush position never goes back and never passes the received one
/// (`tests::a_position_that_was_not_received_is_held_back`, `tests::a_position_that_goes_back_is_a_bug`).
#[derive(Debug)]
pub(super) struct Feedback {
    received: Lsn,
    flushed: Lsn,
}

impl Feedback {
    /// Feedback for a stream that was asked to begin at `start`.
    pub(super) fn new(start: Lsn) -> Self {
        Self {
            received: start,
            flushed: Lsn::INVALID,
        }
    }

    /// The walsender has come to `position`.
    pub(super) fn observe(&mut self, position: Lsn) {
        self.received = self.received.max(position);
    }

    /// Whether [`Feedback::confirm`] would have news for the server.
    pub(super) fn would_advance(&self, committed: Lsn) -> bool {
        committed > self.flushed && committed <= self.received
    }

    /// Whether the server knows that everything it has sent is confirmed.
    pub(super) fn is_complete(&self) -> bool {
        self.flushed >= self.received
    }

    /// Takes over the committed position as far as it was received.
    ///
    /// # Panics
    /// When it is smaller than one that was sent: the server may already have forgotten events
    /// that were never published, and going on would hide it.
    pub(super) fn confirm(&mut self, committed: Lsn) {
        assert!(
            committed >= self.flushed,
            "the committed position went back from {} to {committed}",
            self.flushed
        );
        if committed <= self.received {
            self.flushed = committed;
        }
        assert!(
            self.flushed <= self.received,
            "flush {} was not received",
            self.flushed
        );
    }

    /// Commits a fault: confirms what nobody has published.
    pub(super) fn confirm_received(&mut self) {
        self.flushed = self.received;
    }

    /// The standby status update as copy data. `unix_micros` only shows up in
    /// `pg_stat_replication.reply_time`.
    pub(super) fn status_update(&self, unix_micros: i64, request_reply: bool) -> BytesMut {
        let mut message = BytesMut::with_capacity(39);
        message.put_u8(COPY_DATA_TAG);
        message.put_u32(4 + 34);
        message.put_u8(b'r');
        message.put_u64(self.received.as_u64());
        message.put_u64(self.flushed.as_u64());
        message.put_u64(self.flushed.as_u64());
        message.put_i64(unix_micros.saturating_sub(POSTGRES_EPOCH_MICROS));
        message.put_u8(u8::from(request_reply));
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_update_has_the_protocols_layout() {
        let mut feedback = Feedback::new(Lsn::new(0x10));
        feedback.observe(Lsn::new(0x0102_0304_0506_0708));
        feedback.observe(Lsn::new(0x20));
        feedback.confirm(Lsn::new(0x30));
        let message = feedback.status_update(POSTGRES_EPOCH_MICROS + 1, true);
        assert_eq!(message[..6], [b'd', 0, 0, 0, 38, b'r']);
        assert_eq!(message[6..14], [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(message[14..22], [0, 0, 0, 0, 0, 0, 0, 0x30]);
        assert_eq!(message[22..30], message[14..22]);
        assert_eq!(message[30..], [0, 0, 0, 0, 0, 0, 0, 1, 1]);
    }

    #[test]
    fn a_position_that_was_not_received_is_held_back() {
        let mut feedback = Feedback::new(Lsn::INVALID);
        feedback.confirm(Lsn::new(100));
        assert_eq!(feedback.flushed, Lsn::INVALID);
        feedback.observe(Lsn::new(99));
        assert!(!feedback.would_advance(Lsn::new(100)));
        feedback.observe(Lsn::new(100));
        assert!(feedback.would_advance(Lsn::new(100)));
        feedback.confirm(Lsn::new(100));
        assert_eq!(feedback.flushed, Lsn::new(100));
        assert!(!feedback.would_advance(Lsn::new(100)));
    }

    #[test]
    #[should_panic(expected = "went back")]
    fn a_position_that_goes_back_is_a_bug() {
        let mut feedback = Feedback::new(Lsn::new(100));
        feedback.confirm(Lsn::new(50));
        feedback.confirm(Lsn::new(49));
    }
}
