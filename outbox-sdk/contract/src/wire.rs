//! The wire header of schema registries: a zero byte and the schema id, before the Avro bytes.
//!
//! Source: <https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format>.

/// The bytes before the Avro data.
pub const HEADER_BYTES: usize = 5;

/// The only version of the format.
const MAGIC: u8 = 0;

/// Appends the header for `schema_id`; the Avro bytes follow it.
pub fn write_header(schema_id: u32, out: &mut Vec<u8>) {
    let [a, b, c, d] = schema_id.to_be_bytes();
    out.extend_from_slice(&[MAGIC, a, b, c, d]);
}

/// Splits a record's value into the schema id and the Avro bytes.
pub fn split_header(value: &[u8]) -> Result<(u32, &[u8]), Error> {
    let Some((&[magic, a, b, c, d], avro)) = value.split_first_chunk::<HEADER_BYTES>() else {
        return Err(Error::TooShort { bytes: value.len() });
    };
    if magic != MAGIC {
        return Err(Error::UnknownFormat { magic });
    }
    Ok((u32::from_be_bytes([a, b, c, d]), avro))
}

/// A value that does not begin with a schema registry's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not even the header fits.
    #[error("a value of {bytes} bytes is too short for the schema registry's header of 5")]
    TooShort {
        /// The length of the whole value.
        bytes: usize,
    },
    /// Something else than a registry's serializer wrote it, such as plain JSON.
    #[error("the value begins with byte {magic:#04x}, not with the schema registry's 0x00")]
    UnknownFormat {
        /// The first byte.
        magic: u8,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_a_zero_byte_and_a_big_endian_id() {
        let mut value = Vec::new();
        write_header(0x0102_0304, &mut value);
        value.push(0xFF);
        assert_eq!(value, [0, 1, 2, 3, 4, 0xFF]);
        assert_eq!(split_header(&value), Ok((0x0102_0304, &[0xFF][..])));
    }

    #[test]
    fn a_foreign_value_is_refused() {
        assert_eq!(
            split_header(&[0, 0, 0, 1]),
            Err(Error::TooShort { bytes: 4 })
        );
        assert_eq!(
            split_header(b"{\"a\":1}"),
            Err(Error::UnknownFormat { magic: b'{' })
        );
    }
}
