//! JSON text to Avro binary, directly under a compiled schema.
//!
//! One pass, no tree of values: what the reader recognises is written at once. Fields may come in
//! any order; those in the schema's order cost one comparison each. A [`Transcoder`] keeps its
//! scratch, so that in steady state nothing is allocated per event.
//!
//! The dialect of payloads:
//!
//! | Avro | JSON |
//! |---|---|
//! | null, boolean, string, array | the same |
//! | int, long | a number in range without fraction or exponent: `1`, not `1.0` or `1e0` |
//! | float, double | a number; the nearest one is written, and one beyond the range is an error. NaN and the infinities have no JSON |
//! | bytes, fixed | a string, base64 with the standard alphabet and padding |
//! | enum | a string, the symbol |
//! | map, record | an object; each key once, a record's keys are its field names, not aliases |
//! | union | the value itself; the first branch that fits is taken |
//! | decimal | a number, or a string that holds one, exactly: `12.30` fits scale 1, `12.34` does not |
//! | uuid | a string of 36 characters with hyphens |
//! | date | `2026-01-31`, or a number of days |
//! | time-* | `23:59:59.999`, or a number of units below a day |
//! | timestamp-* | RFC 3339 with an offset or `Z`, or a number of units; digits finer than the unit must be zero, but those of nanoseconds are cut under `-micros` |
//! | local-timestamp-* | the same without an offset |
//!
//! The failure this guards against: a payload goes out as anything other than what the writer
//! said. So an unknown field, a missing field without default, a key that is there twice, and a
//! value that its type cannot hold exactly are errors, which name the path and the types, and
//! never values, for these may be personal data.
//!
//! Branches of a union are first chosen by the kind of JSON value. Only where several remain is a
//! branch tried and, when it does not fit, the value read again. With `bytes` before `string`, a
//! string that happens to be base64 is taken for bytes: put such branches in the order you mean.

mod cursor;
mod decimal;
mod error;
mod fault;
mod record;
mod scalar;
mod string;
mod time;
mod value;
pub(crate) mod varint;

use crate::schema::CompiledSchema;
use cursor::Cursor;
use fault::{Fault, Step};
use record::Piece;

pub use error::{Error, Found, Problem};

/// The deepest nesting of arrays and objects; what common JSON libraries accept, too.
pub const DEPTH_MAX: usize = 128;

/// The most bytes of one encoded payload: defaults can make it larger than its JSON.
pub const ENCODED_BYTES_MAX: usize = 64 << 20;

/// Writes payloads as Avro, one after another, with scratch memory that it keeps.
///
/// ```
/// use outbox_contract::schema::CompiledSchema;
/// use outbox_contract::transcode::Transcoder;
///
/// let schema = CompiledSchema::compile(
///     r#"{"type": "record", "name": "Greeting", "fields": [
///         {"name": "text", "type": "string"},
///         {"name": "times", "type": "int", "default": 1}]}"#,
///     &[],
/// )?;
/// let mut transcoder = Transcoder::new();
/// let mut avro = Vec::new();
/// transcoder.transcode(r#"{"text": "hi"}"#, &schema, &mut avro)?;
/// assert_eq!(avro, b"\x04hi\x02");
///
/// let error = transcoder.transcode(r#"{"text": 5}"#, &schema, &mut avro).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the payload does not fit its schema at text: expected string, found a number",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Transcoder {
    scratch: Scratch,
}

impl Transcoder {
    /// A transcoder without scratch memory yet; keep it for as long as there are events.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the Avro binary of the payload `json` under `schema` to `out`.
    ///
    /// On an error `out` is as it was.
    pub fn transcode(
        &mut self,
        json: &str,
        schema: &CompiledSchema,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let start = out.len();
        self.scratch.clear();
        let mut run = Run {
            schema,
            cursor: Cursor::new(json),
            out,
            scratch: &mut self.scratch,
            depth: 0,
            encoded_end: start.saturating_add(ENCODED_BYTES_MAX),
            reread_bytes: 0,
        };
        run.payload().map_err(|fault| {
            let error = fault.explain(schema, &run.cursor, &run.scratch.unwound);
            run.out.truncate(start);
            error
        })
    }
}

/// Appends the Avro binary of the payload `json` under `schema` to `out`, as
/// [`Transcoder::transcode`] does; for a single payload.
pub fn transcode(json: &str, schema: &CompiledSchema, out: &mut Vec<u8>) -> Result<(), Error> {
    Transcoder::new().transcode(json, schema, out)
}

/// Memory that is used again for each payload.
#[derive(Debug, Default)]
struct Scratch {
    /// A string without its escapes.
    text: String,
    /// A decimal's integer.
    limbs: Vec<u64>,
    /// Where in `out` the values of fields stand that came out of order, record within record.
    pieces: Vec<Piece>,
    /// These values, while they are put in order.
    unordered: Vec<u8>,
    /// Where in `out` the keys of maps stand, map within map.
    keys: Vec<(usize, usize)>,
    /// The path of a failure, innermost first.
    unwound: Vec<Step>,
}

impl Scratch {
    fn clear(&mut self) {
        self.pieces.clear();
        self.keys.clear();
        self.unwound.clear();
    }
}

/// One payload on its way.
struct Run<'t, 'o> {
    schema: &'t CompiledSchema,
    cursor: Cursor<'t>,
    out: &'o mut Vec<u8>,
    scratch: &'o mut Scratch,
    depth: usize,
    /// Where `out` must not grow beyond.
    encoded_end: usize,
    /// What was read for branches that did not fit.
    reread_bytes: usize,
}

impl Run<'_, '_> {
    fn payload(&mut self) -> Result<(), Fault> {
        self.value(self.schema.root())?;
        match self.cursor.peek_token() {
            None => Ok(()),
            Some(_) => Err(Fault::Syntax("the end of the payload")),
        }
    }
}
