//! A temporary Apicurio Registry, which speaks the Confluent API.
//!
//! Contract: it listens on 127.0.0.1 only and keeps its port over a kill. **It keeps schemas in
//! memory: a kill loses all of them**, and the ids begin anew. Its compatibility rule is `NONE`
//! until one is set.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::artifacts::Artifacts;
use super::error::Error;
use super::folder::Folder;
use super::port;
use super::process::Process;
use super::wait::until_ready;

/// One request; the first registration takes about 50 ms.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// How to start a [`Registry`].
#[derive(Debug, Clone, Default)]
pub struct RegistryOptions {
    /// The port; a free one if `None`.
    pub port: Option<u16>,
}

/// A schema as the registry knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Registered {
    /// The id that the wire header carries.
    pub id: u32,
    /// The version within its subject, from 1.
    pub version: u32,
}

/// A running or killed registry.
#[derive(Debug)]
pub struct Registry {
    // Declared before the folder, hence ended before its log is removed.
    process: Process,
    artifacts: Artifacts,
    port: u16,
    folder: Folder,
}

impl Registry {
    /// Starts a registry without any schema; returns when it answers.
    pub async fn start(options: RegistryOptions) -> Result<Self, Error> {
        let artifacts = Artifacts::provide().await?;
        let port = port::free_or(options.port)?;
        let folder = Folder::create()?;
        let process = launch(&artifacts, port, &folder)?;
        let mut registry = Self {
            process,
            artifacts,
            port,
            folder,
        };
        registry.until_ready().await?;
        Ok(registry)
    }

    /// The base URL of the Confluent-compatible API, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/apis/ccompat/v7", self.port)
    }

    /// The registry's process: its id, its log, its usage.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The same, to pause and resume it.
    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Registers an Avro schema, or finds it if the subject has it.
    pub async fn register(&self, subject: &str, schema: &str) -> Result<Registered, Error> {
        let body = json!({ "schema": schema });
        let subject = format!("{}/subjects/{subject}", self.url());
        post(&format!("{subject}/versions"), &body).await?;
        // The answer above has only the id; the lookup of the same text has the version too.
        let found = post(&subject, &body).await?;
        found.json().await.map_err(Error::RegistryRequest)
    }

    /// Kills the registry (SIGKILL), and with it every schema.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.process.kill().map(drop)
    }

    /// Starts the registry again on its port, empty, after a kill if it runs.
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.kill()?;
        self.process = launch(&self.artifacts, self.port, &self.folder)?;
        self.until_ready().await
    }

    async fn until_ready(&mut self) -> Result<(), Error> {
        let url = format!("{}/subjects", self.url());
        until_ready(&mut self.process, || async {
            http_client()?
                .get(&url)
                .send()
                .await?
                .error_for_status()
                .map(drop)
        })
        .await
    }
}

fn launch(artifacts: &Artifacts, port: u16, folder: &Folder) -> Result<Process, Error> {
    let listen = format!("-Dquarkus.http.port={port}");
    // The registry unpacks files there and leaves them.
    let temporary = format!("-Djava.io.tmpdir={}", folder.path().display());
    let mut command = artifacts.registry_command(&[
        "-Xmx384m",
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-Dquarkus.http.host=127.0.0.1",
        &listen,
        &temporary,
    ])?;
    command.current_dir(folder.path());
    Process::spawn("registry", command, &folder.path().join("registry.log"))
}

async fn post(url: &str, body: &serde_json::Value) -> Result<reqwest::Response, Error> {
    let sent = http_client()
        .map_err(Error::RegistryRequest)?
        .post(url)
        .json(body)
        .send()
        .await;
    let response = sent.map_err(Error::RegistryRequest)?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = response.text().await.map_err(Error::RegistryRequest)?;
    Err(Error::RegistryRefused {
        status: status.as_u16(),
        body,
    })
}

/// An HTTP client for one request to a local process: a pooled connection would belong to the
/// runtime of the test that made it, and seem open after a kill.
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    // An error says that a provider is installed already, which is what reqwest asks for.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    reqwest::Client::builder()
        .no_proxy()
        .timeout(REQUEST_LIMIT)
        .build()
}
