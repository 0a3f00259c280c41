//! The contracts of a service: a folder of Avro schemas, and what a registry has of them.
//!
//! `<folder>/<event type>/<version>.avsc` is a version of an event type; a lone
//! `<folder>/<anything>.avsc` is the one version of what its record is called. Subjects are event
//! types (`RecordNameStrategy`).
//!
//! [`register`] changes the registry only when every file fits, and never twice: a schema is
//! recognised by its fingerprint, so a changed comment is no new version, which the relay could
//! not tell from the old one.

mod folder;
mod register;

pub use folder::{Contract, FileError, FileProblem, FolderError, read};
pub use register::{Happened, Outcome, register};
