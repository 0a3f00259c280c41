//! The event contract: what the SDK writes and the relay reads, spelled once.
//!
//! Pure: no I/O, no runtime, no C library. The SDK checks an event against its schema with the
//! same [`transcode`] that the relay publishes with, so what `emit` accepted fits at the relay.
//!
//! - [`columns`], [`headers`], [`limits`], [`wire`]: names, bounds and layouts.
//! - [`schema_ref`], [`fingerprint`]: which version of a schema an event was written with.
//! - [`schema`], [`transcode`]: a compiled Avro schema, and JSON text to Avro binary under it.
//! - [`compatibility`]: whether a version of a schema may follow another.
//! - [`migrations`]: the SQL that creates it all.

pub mod columns;
pub mod compatibility;
pub mod fingerprint;
pub mod headers;
pub mod limits;
pub mod migrations;
pub mod schema;
pub mod schema_ref;
pub mod transcode;
pub mod wire;
