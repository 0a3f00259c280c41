//! Bytes as Avro's payloads have them: `#[serde(with = "outbox_sdk::base64")]`.
//!
//! By itself serde writes bytes as an array of numbers, which is no Avro `bytes`.
//!
//! ```
//! # #[cfg(feature = "derive")] {
//! #[derive(outbox_sdk::AvroType, serde::Serialize, serde::Deserialize)]
//! struct Signature {
//!     #[serde(with = "outbox_sdk::base64")]
//!     bytes: Vec<u8>,
//! }
//!
//! let signature = Signature { bytes: vec![0, 255] };
//! assert_eq!(serde_json::to_string(&signature)?, r#"{"bytes":"AP8="}"#);
//! # }
//! # Ok::<(), serde_json::Error>(())
//! ```

use std::borrow::Cow;

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes bytes as base64 with the standard alphabet and padding.
pub fn serialize<S: Serializer>(
    bytes: &impl AsRef<[u8]>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

/// Reads what [`serialize`] wrote, into a `Vec<u8>` or whatever else can be made of one.
pub fn deserialize<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<Vec<u8>>,
{
    let text = Cow::<str>::deserialize(deserializer)?;
    let bytes = STANDARD.decode(text.as_bytes()).map_err(D::Error::custom)?;
    let count = bytes.len();
    T::try_from(bytes).map_err(|_| D::Error::custom(format_args!("{count} bytes do not fit")))
}

/// The same for an `Option`: `#[serde(with = "outbox_sdk::base64::option")]`.
///
/// To read what lacks the field add `#[serde(default)]`, as for every `with`.
pub mod option {
    use super::{Deserialize, Deserializer, Serialize, Serializer};

    /// Writes bytes as base64, or null.
    pub fn serialize<S: Serializer>(
        bytes: &Option<impl AsRef<[u8]>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        struct Base64<'b>(&'b [u8]);

        impl Serialize for Base64<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                super::serialize(&self.0, serializer)
            }
        }

        let bytes = bytes.as_ref().map(|bytes| Base64(bytes.as_ref()));
        bytes.serialize(serializer)
    }

    /// Reads what [`serialize`] wrote.
    pub fn deserialize<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        D: Deserializer<'de>,
        T: TryFrom<Vec<u8>>,
    {
        #[derive(Deserialize)]
        #[serde(bound = "T: TryFrom<Vec<u8>>")]
        struct Base64<T>(#[serde(with = "super")] T);

        let bytes = Option::<Base64<T>>::deserialize(deserializer)?;
        Ok(bytes.map(|Base64(bytes)| bytes))
    }
}
