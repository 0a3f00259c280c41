//! Whether a version of a schema may follow another: can readers of one read what writers of the
//! other wrote?
//!
//! The rules are those of Avro's schema resolution
//! (<https://avro.apache.org/docs/1.12.0/specification/#schema-resolution>), as Java's
//! `SchemaCompatibility` applies them, which is what registries ask: names are compared without
//! their namespaces, a missing field needs a default, a missing symbol a default symbol.
//!
//! Beyond them, [`incompatibilities`] finds what every registry lets pass and what alters values
//! all the same: a decimal read with another scale, milliseconds read as microseconds. An
//! [`Incompatibility`] says which of both it is.
//!
//! The failure this guards against: a consumer that stops, or reads wrong amounts, at the first
//! event of a new version.

mod compare;
mod incompatibility;
mod level;
mod promotion;

pub use compare::{COMPARISONS_MAX, DEPTH_MAX, INCOMPATIBILITIES_MAX, incompatibilities};
pub use incompatibility::{Incompatibility, Reason};
pub use level::{Direction, Level, ParseLevelError, Violation};
