//! The event contract: what the SDK writes and the relay reads, spelled once.

pub mod columns;
pub mod headers;
pub mod limits;
pub mod migrations;
pub mod schema;
pub mod transcode;
pub mod wire;
