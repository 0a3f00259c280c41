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

fn keys(mut piece: &[u8]) -> impl Iterator<Item = i16> {
    std::iter::from_fn(move || {
        let (size, request) = piece.split_first_chunk()?;
        let (key, _) = request.split_first_chunk()?;
        let size = usize::try_from(i32::from_be_bytes(*size)).ok()?;
        piece = request.get(size..).unwrap_or_default();
        Some(i16::from_be_bytes(*key))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
