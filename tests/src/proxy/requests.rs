//! Kafka's requests, as far as a test tells them apart.
//!
//! Each begins with its size and its key (<https://kafka.apache.org/protocol>). The client writes a
//! request at once, so a piece begins with one; in a large one's later pieces nothing is found.

const PRODUCE: i16 = 0;
const END_TXN: i16 = 26;

/// Whether records are sent.
pub fn produces(piece: &[u8]) -> bool {
    keys(piece).any(|key| key == PRODUCE)
}

/// Whether a transaction is to be committed or aborted.
pub fn ends_transaction(piece: &[u8]) -> bool {
    keys(piece).any(|key| key == END_TXN)
}

fn keys(piece: &[u8]) -> impl Iterator<Item = i16> {
    messages(piece).filter_map(|(_, request)| {
        let (key, _) = request.split_first_chunk()?;
        Some(i16::from_be_bytes(*key))
    })
}

/// The messages that begin in `piece`, without their sizes, and where each begins.
fn messages(piece: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (size, message) = piece.get(at..)?.split_first_chunk()?;
        let (begin, size) = (at + size.len(), i32::from_be_bytes(*size));
        let size = usize::try_from(size).ok()?;
        at = begin + size;
        Some((begin, message.get(..size).unwrap_or(message)))
    })
}

/// A request to write records, known again by its answer: on the same connection, with the same
/// number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    connection: usize,
    correlation: [u8; 4],
}

impl Asked {
    /// The first that begins in `piece`.
    pub(super) fn to_write(connection: usize, piece: &[u8]) -> Option<Self> {
        messages(piece).find_map(|(_, request)| {
            let (key, rest) = request.split_first_chunk()?;
            let (_version, rest) = rest.split_first_chunk::<2>()?;
            let (correlation, _) = rest.split_first_chunk()?;
            (i16::from_be_bytes(*key) == PRODUCE).then_some(Self {
                connection,
                correlation: *correlation,
            })
        })
    }

    /// Puts `error` into the answer, if that begins in `piece`. librdkafka writes to one partition at
    /// a time; of version 9 and later, which it speaks, an answer then begins with its number, no
    /// tags, one topic with its name, one partition, and its error.
    pub(super) fn refuse(&self, connection: usize, piece: &mut [u8], error: i16) -> bool {
        const NAME: usize = 6;
        let is_mine = |(_, answer): &(usize, &[u8])| answer.starts_with(&self.correlation);
        let answer = messages(piece).find(is_mine);
        let (true, Some((begin, answer))) = (connection == self.connection, answer) else {
            return false;
        };
        // Lengths are one more than they are.
        let name = usize::from(answer[NAME]) - 1;
        let error_at = begin + NAME + 1 + name + 1 + size_of::<i32>();
        piece[error_at..][..2].copy_from_slice(&error.to_be_bytes());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_known_by_its_number_and_gets_an_error() {
        let request = [0, 0, 0, 8, 0, 0, 0, 10, 0, 0, 0, 7];
        let asked = Asked::to_write(1, &request).unwrap();
        let other = [0, 0, 0, 4, 0, 0, 0, 6];
        let answer = [
            0, 0, 0, 16, 0, 0, 0, 7, 0, 2, 3, b'a', b'b', 2, 0, 0, 0, 5, 0, 0,
        ];
        let mut both = [&other[..], &answer].concat();
        assert!(!asked.refuse(2, &mut both, 45));
        assert!(asked.refuse(1, &mut both, 45));
        assert_eq!(both[8..26], answer[..18]);
        assert_eq!(both[26..], [0, 45]);
        assert!(!asked.refuse(1, &mut other.to_vec(), 45));
    }

    #[test]
    fn a_request_is_found_behind_another_and_by_its_key_alone() {
        let metadata = [0, 0, 0, 3, 0, 3, 26];
        let commit = [0, 0, 0, 4, 0, 26, 0, 1];
        let both = [&metadata[..], &commit].concat();
        assert!(ends_transaction(&both) && !produces(&both));
        assert!(!ends_transaction(&metadata));
        assert!(produces(&[0, 0, 9, 0, 0, 0, 0, 9]));
        assert!(!produces(&[0, 0, 0]));
    }
}
