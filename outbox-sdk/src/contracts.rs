//! Contracts as files: `contracts/<event type>/<version>.avsc`.
//!
//! A contract outlives the program that first wrote it, so its text belongs into the repository,
//! where a review sees each change. [`write()`] makes the file out of a type; a published version
//! never changes, and a change of the type is a next version. Where the file comes first,
//! `#[event(schema = "contracts/shop.OrderPlaced/1.avsc")]` makes it the type's schema, and
//! [`check`] in a unit test proves that the type keeps it.
//!
//! ```
//! # #[cfg(feature = "derive")] {
//! use outbox_sdk::{Event, contracts};
//!
//! #[derive(Event, serde::Serialize)]
//! #[event(type = "shop.OrderPlaced", aggregate = "order", key = order_id)]
//! struct OrderPlaced {
//!     order_id: i64,
//! }
//!
//! # let dir = tempfile::tempdir()?;
//! let file = contracts::write::<OrderPlaced>(dir.path(), 1)?;
//! assert!(file.ends_with("shop.OrderPlaced/1.avsc"));
//! contracts::check::<OrderPlaced>()?;
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use outbox_contract::fingerprint::Fingerprint;
use outbox_contract::schema::{self, Difference};

use crate::avro::AvroType;
use crate::{Event, EventSchema};

/// Writes the schema of `E` to `dir/<event type>/<version>.avsc`, and returns that path.
///
/// A file that says the same already is left alone, whatever its form. One that says something
/// else is an error of the kind `AlreadyExists`: give the changed schema the next version.
pub fn write<E: Event>(dir: impl AsRef<Path>, version: u32) -> io::Result<PathBuf> {
    let schema = E::schema();
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let fingerprint = schema
        .compiled()
        .map_err(|error| invalid(error.to_string()))?
        .fingerprint();
    let folder = dir.as_ref().join(E::EVENT_TYPE);
    let path = folder.join(format!("{version}.avsc"));
    fs::create_dir_all(&folder)?;
    let text = format!("{}\n", schema.json().trim());
    match fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
    {
        Ok(mut file) => io::Write::write_all(&mut file, text.as_bytes()).map(|()| path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let existing = Fingerprint::of_schema(&fs::read_to_string(&path)?);
            if existing.is_ok_and(|existing| existing == fingerprint) {
                return Ok(path);
            }
            let problem = format!(
                "{} holds another schema: a version never changes, write the next one",
                path.display()
            );
            Err(io::Error::new(io::ErrorKind::AlreadyExists, problem))
        }
        Err(error) => Err(error),
    }
}

/// Checks that all that `E` can write fits its schema; for a unit test of each event that has
/// `#[event(schema = "…")]`.
pub fn check<E: Event + AvroType>() -> Result<(), Error> {
    let event_type = E::EVENT_TYPE;
    let failed = |source| Error::Schema { event_type, source };
    let contract = E::schema().compiled().map_err(failed)?;
    let written = EventSchema::of_type::<E>()
        .into_compiled()
        .map_err(|source| Error::Type { event_type, source })?;
    let differences = contract.differences_from(&written);
    if differences.is_empty() {
        Ok(())
    } else {
        Err(Error::Differ {
            event_type,
            differences,
        })
    }
}

/// A type that does not keep its contract.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The schema is none: correct the file.
    #[error("the schema of {event_type} is wrong")]
    Schema {
        /// The event type.
        event_type: &'static str,
        /// What is wrong with it.
        #[source]
        source: &'static schema::Error,
    },
    /// The type itself makes no schema, for example because two types in it have one name.
    #[error("the Rust type of {event_type} makes no schema: give its types different names")]
    Type {
        /// The event type.
        event_type: &'static str,
        /// What is wrong with it.
        #[source]
        source: schema::Error,
    },
    /// The type writes what the schema does not accept: change one of them.
    #[error(
        "the Rust type of {event_type} does not keep its schema:{}",
        lines(differences)
    )]
    Differ {
        /// The event type.
        event_type: &'static str,
        /// All places.
        differences: Vec<Difference>,
    },
}

fn lines(differences: &[Difference]) -> String {
    differences.iter().fold(String::new(), |mut text, one| {
        write!(text, "\n  {one}").expect("a String takes any text");
        text
    })
}
