//! A `postrider` command: one that runs to its end, or goes on.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use postrider::local::process::{Output, Process, run};

use crate::relay_binary::relay_binary;

/// No command of the tests may take longer.
const LIMIT: Duration = Duration::from_mins(2);

/// A call of `postrider`, with captured output. It sees none of the test's `PG*`, `KAFKA_*` or
/// `POSTRIDER_*` variables.
#[derive(Debug)]
pub struct OneShot {
    arguments: Vec<OsString>,
    variables: Vec<(String, String)>,
    limit: Duration,
}

impl OneShot {
    /// The command line, without the program's name.
    pub fn new(arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(OsString::from).collect();
        Self {
            arguments,
            variables: Vec::new(),
            limit: LIMIT,
        }
    }

    /// Adds `--config`.
    #[must_use]
    pub fn config(mut self, file: &Path) -> Self {
        self.arguments.extend(["--config".into(), file.into()]);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the time after which the command is killed; two minutes otherwise.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Starts the command and lets it run; both its outputs go to `log`.
    ///
    /// # Errors
    ///
    /// It could not be started.
    pub fn spawn(self, log: &Path) -> Result<Process> {
        let mut command = bare_command(relay_binary()?);
        command.args(&self.arguments).envs(self.variables);
        Ok(Process::spawn("postrider", command, log)?)
    }

    /// Runs the command, whatever its exit code.
    ///
    /// # Errors
    ///
    /// It could not be started, or did not end in time.
    pub async fn run(self) -> Result<Output> {
        let mut command = bare_command(relay_binary()?);
        command.args(&self.arguments).envs(self.variables);
        run(command, self.limit)
            .await
            .with_context(|| format!("postrider {:?}", self.arguments))
    }

    /// Runs the command and returns its standard output.
    ///
    /// # Errors
    ///
    /// As [`OneShot::run`], and any exit code other than 0; the error shows both outputs.
    pub async fn succeed(self) -> Result<String> {
        let call = format!("postrider {:?}", self.arguments);
        let Output {
            status,
            stdout,
            stderr,
        } = self.run().await?;
        ensure!(status.success(), "{call}: {status}\n{stdout}\n{stderr}");
        Ok(stdout)
    }
}

/// `binary` with an environment that holds nothing a developer's shell may have set for it.
pub(crate) fn bare_command(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    let foreign = [
        "PG",
        "KAFKA_",
        "POSTRIDER",
        "DATABASE_URL",
        "SCHEMA_REGISTRY",
        "OTEL_",
        "RUST_LOG",
        "RUST_BACKTRACE",
    ];
    for (name, _) in std::env::vars_os() {
        if foreign
            .iter()
            .any(|prefix| name.to_string_lossy().starts_with(prefix))
        {
            command.env_remove(name);
        }
    }
    command
}
