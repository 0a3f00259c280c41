//! A temporary Apicurio Registry, which speaks the Confluent API: a witness for [`super::Registry`],
//! which is of the same hand as what it tests.
//!
//! Contract: it listens on 127.0.0.1 only and keeps its port over a kill. **It keeps schemas in
//! memory: a kill loses all of them**, and the ids begin anew. Its compatibility rule is `NONE`
//! until one is set.

use super::artifacts::Artifacts;
use super::error::Error;
use super::folder::Folder;
use super::http::{self, Registered};
use super::port;
use super::process::Process;
use super::wait::until_ready;

/// How to start a [`Apicurio`].
#[derive(Debug, Clone, Default)]
pub struct ApicurioOptions {
    /// The port; a free one if `None`.
    pub port: Option<u16>,
}

/// A running or killed registry.
#[derive(Debug)]
pub struct Apicurio {
    // Declared before the folder, hence ended before its log is removed.
    process: Process,
    artifacts: Artifacts,
    port: u16,
    folder: Folder,
}

impl Apicurio {
    /// Starts a registry without any schema; returns when it answers.
    pub async fn start(options: ApicurioOptions) -> Result<Self, Error> {
        let artifacts = Artifacts::apicurio().await?;
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
        http::register(&self.url(), subject, schema).await
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
        let url = self.url();
        until_ready(&mut self.process, || http::ping(&url)).await
    }
}

fn launch(artifacts: &Artifacts, port: u16, folder: &Folder) -> Result<Process, Error> {
    let listen = format!("-Dquarkus.http.port={port}");
    // The registry unpacks files there and leaves them.
    let temporary = format!("-Djava.io.tmpdir={}", folder.path().display());
    let mut command = artifacts.jar_command(
        &[
            "-Xmx384m",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-Dquarkus.http.host=127.0.0.1",
            &listen,
            &temporary,
        ],
        folder.path(),
    )?;
    command.current_dir(folder.path());
    Process::spawn("registry", command, &folder.path().join("registry.log"))
}
