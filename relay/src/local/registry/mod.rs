//! A schema registry inside this process, with Confluent's REST interface.
//!
//! What `demo`, `dev` and the tests need is a registry that starts in a millisecond, brings no
//! download and refuses what the real one refuses. So it has the codes, the compatibility levels
//! (`BACKWARD` unless set), soft deletes, references and the respelling of schemas of Confluent's;
//! Avro is the one type that it knows. What lies on top of the interface (contexts, rules, metadata,
//! Protobuf) is not here.
//!
//! Contract: it listens on 127.0.0.1 only and keeps its port and its schemas over a
//! [`Registry::stop`]; both end when it is dropped.
//!
//! Guards against: a schema that only a lenient stand-in accepts, and that production refuses.

mod interface;
mod refusal;
mod server;
mod spelling;
mod store;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};

use super::error::Error;
use super::http::{self, Registered};
use super::port;
use server::Server;
use store::Store;

/// What answers are, and what bodies may be; the first is the one that is written.
const CONTENT_TYPES: [&str; 4] = [
    "application/vnd.schemaregistry.v1+json",
    "application/vnd.schemaregistry+json",
    "application/json",
    "application/octet-stream",
];

/// The longest schema: Confluent's keeps schemas as Kafka records, which end at about as much.
const SCHEMA_BYTES_MAX: usize = 1_000_000;

/// The longest body; every character of a schema may be written as an escape.
const BODY_BYTES_MAX: usize = 8 * SCHEMA_BYTES_MAX;

/// How deep schemas may refer to schemas: as deep as the relay's client follows them.
const REFERENCE_DEPTH_MAX: usize = 16;

/// How to start a [`Registry`].
#[derive(Debug, Clone, Default)]
pub struct RegistryOptions {
    /// The port; a free one if `None`.
    pub port: Option<u16>,
}

/// A running or stopped registry.
#[derive(Debug)]
pub struct Registry {
    server: Option<Server>,
    store: Arc<Mutex<Store>>,
    port: u16,
}

impl Registry {
    /// Starts a registry without any schema; returns when it answers.
    pub async fn start(options: RegistryOptions) -> Result<Self, Error> {
        let mut registry = Self {
            server: None,
            store: Arc::default(),
            port: port::free_or(options.port)?,
        };
        registry.restart().await?;
        Ok(registry)
    }

    /// The base URL, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Registers an Avro schema, or finds it if the subject has it.
    pub async fn register(&self, subject: &str, schema: &str) -> Result<Registered, Error> {
        http::register(&self.url(), subject, schema).await
    }

    /// Ends the server and every connection to it. It keeps its port and its schemas.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Starts the server again on its port, after a stop if it runs.
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.stop();
        let port = self.port;
        let taken = |source| Error::PortTaken { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(taken)?;
        let server = Server::start(listener, Arc::clone(&self.store)).map_err(taken)?;
        self.server = Some(server);
        http::ping(&self.url()).await
    }
}
