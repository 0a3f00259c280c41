//! Avro's integers: zig-zag, then seven bits a byte, the lowest first.
//!
//! Source: <https://avro.apache.org/docs/1.12.0/specification/#primitive-types-1>.

/// Appends `number`.
#[inline]
pub(crate) fn write_long(number: i64, out: &mut Vec<u8>) {
    let mut rest = (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned();
    while rest >= 0x80 {
        out.push(low_byte(rest) | 0x80);
        rest >>= 7;
    }
    out.push(low_byte(rest));
}

/// Appends the number of bytes or items that follow, or the place of a branch or symbol.
#[inline]
pub(crate) fn write_length(length: usize, out: &mut Vec<u8>) {
    write_long(
        i64::try_from(length).expect("no allocation is larger than an i64"),
        out,
    );
}

#[inline]
fn low_byte(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification_hold() {
        let cases: [(i64, &[u8]); 9] = [
            (0, &[0x00]),
            (-1, &[0x01]),
            (1, &[0x02]),
            (-2, &[0x03]),
            (-64, &[0x7F]),
            (64, &[0x80, 0x01]),
            (8192, &[0x80, 0x80, 0x01]),
            (
                i64::MAX,
                &[0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
            ),
            (
                i64::MIN,
                &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
            ),
        ];
        for (number, expected) in cases {
            let mut out = Vec::new();
            write_long(number, &mut out);
            assert_eq!(out, expected, "{number}");
        }
    }
}
