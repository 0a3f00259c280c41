//! A record, and the memory that its bytes lie in.

use std::sync::Arc;

use uuid::Uuid;

use crate::route::Route;

/// A record ready to be produced. Its bytes lie in the [`Arena`] of its batch.
#[derive(Debug, Clone)]
pub struct Record {
    /// Topic and subject.
    pub route: Arc<Route>,
    /// The partition, worked out by the relay; librdkafka's partitioner is never asked.
    pub partition: i32,
    /// Milliseconds since the Unix epoch.
    pub timestamp_millis: i64,
    /// The event, to name it in errors.
    pub event_id: Uuid,
    /// The record's key.
    pub key: Slice,
    /// The record's value; `None` is a tombstone.
    pub value: Option<Slice>,
    /// Whether it is a dead letter, which is not what the event was meant to become.
    pub is_dead_letter: bool,
    /// The record's headers, to be read with [`super::Headers`].
    pub headers: Slice,
}

/// A range of an [`Arena`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    start: u32,
    end: u32,
}

/// The bytes of a batch's records, one after the other.
#[derive(Debug, Default)]
pub struct Arena(Vec<u8>);

impl Arena {
    /// Bytes in use.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets everything from byte `len` on.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// The bytes of a slice that this arena gave.
    pub fn get(&self, slice: Slice) -> &[u8] {
        &self.0[slice.start as usize..slice.end as usize]
    }

    /// Lets `write` append, and gives what it appended.
    pub fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Slice {
        let start = self.0.len();
        write(&mut self.0);
        self.since(start)
    }

    /// Like [`Arena::append`] for a writer that may fail and then leaves nothing behind.
    pub fn try_append<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Slice, E> {
        let start = self.0.len();
        match write(&mut self.0) {
            Ok(()) => Ok(self.since(start)),
            Err(error) => {
                self.0.truncate(start);
                Err(error)
            }
        }
    }

    /// Everything that was written since the arena was `start` bytes long.
    pub fn since(&self, start: usize) -> Slice {
        // A batch is limited to 256 MiB by the configuration and one event to a few MiB.
        let offset = |len: usize| u32::try_from(len).expect("an arena is far smaller than 4 GiB");
        Slice {
            start: offset(start),
            end: offset(self.0.len()),
        }
    }

    /// Moves everything from byte `start` on to the end of `other`, and shifts `records`, whose
    /// bytes these are.
    pub fn move_tail(&mut self, start: usize, other: &mut Self, records: &mut [Record]) {
        let (from, to) = (self.since(start).start, other.since(other.len()).start);
        let shift = |slice: &mut Slice| {
            slice.start = slice.start - from + to;
            slice.end = slice.end - from + to;
        };
        other.0.extend_from_slice(&self.0[start..]);
        self.0.truncate(start);
        for record in records {
            shift(&mut record.key);
            shift(&mut record.headers);
            record.value.as_mut().map(shift);
        }
    }

    /// Forgets everything; keeps the memory for the next batch.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
