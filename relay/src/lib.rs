//! Postrider's relay: from PostgreSQL's write-ahead log to Kafka, exactly once and in order.
//!
//! Data flows one way, and a folder is a stage:
//!
//! ```text
//!   PostgreSQL ── source ── decode ── route ── encode ── publish ── Kafka
//!                    ▲                                       │
//!                    └────────── feedback ◄────── ack ◄──────┘
//! ```
//!
//! The types on the arrows are `WalMessage -> Event<'_> -> Route -> Record -> Batch ->
//! Committed`. [`pipeline`] wires the stages into a session; the modules above the path
//! (`config`, `error`, `runtime`) serve every stage and know none of them.

// What every stage stands on.
pub mod config;
pub mod error;
pub mod failpoints;
pub mod figures;
pub mod lsn;
pub mod names;
pub(crate) mod percent;
pub mod postgres;
pub mod runtime;
pub mod telemetry;
mod tls;

// The data path, in flow order.
pub mod source;

pub mod decode;

pub mod route;

pub mod encode;

pub mod publish;

pub mod ack;

// The path as one process: sessions, start-up, probes.
pub mod pipeline;

pub mod check;
pub mod contracts;
pub mod init;
pub mod migrate;
pub mod rescue;

pub mod admin;
pub mod cli;
pub mod guardian;
pub mod reference;

// Around the path: the oracle, local servers, measurements.
pub mod verify;

pub mod local;

pub mod bench;

pub mod demo;
pub mod dev;
