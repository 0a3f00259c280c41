//! The partition of a key, as Kafka's Java clients choose it.
//!
//! Services in other languages may write to the same topics; only the same function keeps all
//! records of a key in one partition. librdkafka's own default is another one (CRC32).
//! Source: `BuiltInPartitioner.partitionForKey` and `Utils.murmur2` of Apache Kafka
//! (<https://github.com/apache/kafka/blob/4.1/clients/src/main/java/org/apache/kafka/common/utils/Utils.java>).

/// The partition of `key` in a topic of `partition_count` partitions (at least 1).
pub fn partition(key: &[u8], partition_count: u32) -> i32 {
    assert!(partition_count > 0, "a topic has at least one partition");
    let positive = murmur2(key) & 0x7FFF_FFFF;
    i32::try_from(positive % partition_count).expect("31 bits fit an i32")
}

fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_B28C;
    const MULTIPLIER: u32 = 0x5BD1_E995;
    const SHIFT: u32 = 24;

    // Java's arrays have at most 2^31 - 1 bytes, so its length is this truncation.
    let mut hash = SEED ^ u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes(word.try_into().expect("chunks_exact(4) gives 4 bytes"));
        k = k.wrapping_mul(MULTIPLIER);
        k ^= k >> SHIFT;
        k = k.wrapping_mul(MULTIPLIER);
        hash = hash.wrapping_mul(MULTIPLIER) ^ k;
    }
    let tail = words.remainder();
    if !tail.is_empty() {
        for (index, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    fn the_hash_is_that_of_the_java_client() {
        for (text, expected) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()).cast_signed(), expected, "{text}");
        }
    }

    #[test]
    fn a_partition_lies_in_its_topic() {
        for count in [1, 2, 3, 6, 100] {
            for key in ["", "a", "21", "foobar", "ключ", "鍵"] {
                let partition = partition(key.as_bytes(), count);
                assert!((0..i32::try_from(count).unwrap()).contains(&partition));
            }
        }
    }
}
