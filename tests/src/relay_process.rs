//! A relay that runs as a process, as in production, and can be killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use postrider::local::http_client;
use postrider::local::process::Process;
use serde_json::Value;

use crate::log_guard::unexpected_lines;
use crate::one_shot::bare_command;
use crate::wait::{Observed, wait_until};

/// How a relay is started.
pub(crate) struct Call<'a> {
    /// The program.
    pub(crate) binary: &'a Path,
    /// Its configuration file.
    pub(crate) config: &'a Path,
    /// More arguments of `run`.
    pub(crate) arguments: &'a [&'a str],
    /// Environment variables.
    pub(crate) variables: &'a [(&'a str, &'a str)],
}

/// A relay that runs `postrider run`. Dropping it kills it.
///
/// When it is dropped and the test has not failed yet, the log guard fails the test for every WARN
/// or ERROR that was not announced by [`RelayProcess::expect_log`].
#[derive(Debug)]
pub struct RelayProcess {
    process: Process,
    config: PathBuf,
    address: String,
    expected: Vec<String>,
}

impl RelayProcess {
    /// Starts a relay whose configuration makes its HTTP server listen on `address`.
    pub(crate) fn spawn(call: &Call<'_>, log: &Path, address: String) -> Result<Self> {
        let mut command = bare_command(call.binary);
        command
            .arg("run")
            .arg("--config")
            .arg(call.config)
            .args(call.arguments);
        command.envs(call.variables.iter().copied());
        let process = Process::spawn("postrider", command, log)?;
        Ok(Self {
            process,
            config: call.config.to_owned(),
            address,
            expected: Vec::new(),
        })
    }

    /// Announces WARN or ERROR lines that contain `text`, which the test provokes.
    pub fn expect_log(&mut self, text: &str) {
        self.expected.push(text.to_owned());
    }

    /// Its configuration file.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// The process: its id and usage, and `pause` and `resume`.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Ends the relay as a crash would (SIGKILL), and returns when it is gone.
    ///
    /// # Errors
    ///
    /// The system refused.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        Ok(self.process.kill()?)
    }

    /// Asks the relay to drain and end (SIGTERM).
    ///
    /// # Errors
    ///
    /// The system refused.
    pub fn terminate(&mut self) -> Result<()> {
        Ok(self.process.terminate()?)
    }

    /// Waits for the end, which must come within `limit`.
    ///
    /// # Errors
    ///
    /// It did not come; the error shows the end of the log.
    pub async fn wait_exit(&mut self, limit: Duration) -> Result<ExitStatus> {
        Ok(self.process.wait(limit).await?)
    }

    /// `GET /status`.
    ///
    /// # Errors
    ///
    /// The relay does not answer, or not with JSON.
    pub async fn status(&self) -> Result<Value> {
        let text = self.get("/status").await?;
        serde_json::from_str(&text).with_context(|| format!("/status is not JSON: {text}"))
    }

    /// The body of a `GET`, whatever the HTTP status.
    ///
    /// # Errors
    ///
    /// The relay does not answer.
    pub async fn get(&self, path: &str) -> Result<String> {
        let url = format!("http://{}{path}", self.address);
        Ok(http_client()?.get(url).send().await?.text().await?)
    }

    /// The HTTP status of a `GET`, as a probe sees it.
    ///
    /// # Errors
    ///
    /// The relay does not answer.
    pub async fn probe(&self, path: &str) -> Result<u16> {
        let url = format!("http://{}{path}", self.address);
        Ok(http_client()?.get(url).send().await?.status().as_u16())
    }

    /// What `http.listen` is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Waits until `/status` names `state` (`active`, `standby`, `halted` …), and returns that
    /// status.
    ///
    /// # Errors
    ///
    /// The relay ended instead; the error shows the end of its log.
    ///
    /// # Panics
    ///
    /// When `limit` passes first.
    pub async fn wait_for_state(&mut self, state: &str, limit: Duration) -> Result<Value> {
        let what = format!("the relay is {state}");
        wait_until(&what, limit, async || {
            match self.process.exit_status() {
                Ok(None) => {}
                ended => {
                    let log = self.process.log_tail();
                    return Observed::Reached(Err(anyhow!("the relay ended, {ended:?}: {log}")));
                }
            }
            match self.status().await {
                Ok(status) if status["state"] == state => Observed::Reached(Ok(status)),
                seen => Observed::NotYet(seen),
            }
        })
        .await
    }

    /// Waits until `/status` is as `is_reached` wants it, and returns it. A relay that does not
    /// answer yet is asked again.
    ///
    /// # Panics
    ///
    /// When `limit` passes first.
    pub async fn wait_for_status(
        &self,
        what: &str,
        limit: Duration,
        is_reached: impl Fn(&Value) -> bool,
    ) -> Value {
        wait_until(what, limit, async || match self.status().await {
            Ok(status) if is_reached(&status) => Observed::Reached(status),
            seen => Observed::NotYet(seen),
        })
        .await
    }

    /// Waits until this process has published so many events, and returns the status.
    ///
    /// # Panics
    ///
    /// When `limit` passes first.
    pub async fn wait_for_events(&self, events: u64, limit: Duration) -> Value {
        let what = format!("{events} events are published");
        let is_reached = |status: &Value| status["events_published"] == events;
        self.wait_for_status(&what, limit, is_reached).await
    }

    /// Waits until this process has published more than when this was called. One that has just been
    /// started has published nothing.
    ///
    /// # Panics
    ///
    /// When `limit` passes first.
    pub async fn wait_for_more_events(&self, limit: Duration) {
        let published = |status: &Value| status["events_published"].as_u64().unwrap_or_default();
        let before = self.status().await.map_or(0, |status| published(&status));
        let flow = |status: &Value| published(status) > before;
        self.wait_for_status("events flow", limit, flow).await;
    }

    /// Waits until the log has a line with `text`, and returns the first.
    ///
    /// # Panics
    ///
    /// When `limit` passes first.
    pub async fn wait_for_log(&self, text: &str, limit: Duration) -> String {
        wait_until(text, limit, async || match self.log_lines() {
            Ok(mut lines) => match lines.iter().position(|line| line.contains(text)) {
                Some(place) => Observed::Reached(lines.swap_remove(place)),
                None => Observed::NotYet(lines.join("\n")),
            },
            Err(error) => Observed::NotYet(error.to_string()),
        })
        .await
    }

    /// The log so far, a JSON object a line (but see [`unexpected_lines`]).
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub fn log_lines(&self) -> Result<Vec<String>> {
        let log = fs::read_to_string(self.process.log())?;
        Ok(log.lines().map(str::to_owned).collect())
    }
}

impl Drop for RelayProcess {
    fn drop(&mut self) {
        // A test that failed already has its own reason to show.
        if std::thread::panicking() {
            return;
        }
        // Killed first, so that the log is whole. A relay that has ended stays ended.
        self.process.kill().expect("a child can be killed");
        let log = fs::read_to_string(self.process.log()).expect("the log was opened at the start");
        let lines = unexpected_lines(&log, &self.expected);
        assert!(
            lines.is_empty(),
            "the relay logged what no test expects:\n{}",
            lines.join("\n")
        );
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A program that logs `line` like a relay, and then runs until it is killed.
    fn fake_relay(folder: &Path, line: &str) -> RelayProcess {
        let program = folder.join("fake-relay");
        fs::write(
            &program,
            format!("#!/bin/sh\necho '{line}' >&2\nexec sleep 600\n"),
        )
        .unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let call = Call {
            binary: &program,
            config: folder,
            arguments: &[],
            variables: &[],
        };
        RelayProcess::spawn(&call, &folder.join("log"), "127.0.0.1:1".to_owned()).unwrap()
    }

    async fn until_logged(relay: &RelayProcess) {
        let limit = Duration::from_secs(10);
        wait_until("the fake relay logs", limit, async || {
            match relay.log_lines().unwrap() {
                lines if lines.is_empty() => Observed::NotYet(lines),
                _ => Observed::Reached(()),
            }
        })
        .await;
    }

    #[tokio::test]
    #[should_panic(expected = "connection lost")]
    async fn an_unexpected_warning_fails_the_test() {
        let folder = tempfile::tempdir().unwrap();
        let relay = fake_relay(
            folder.path(),
            r#"{"level":"WARN","message":"connection lost"}"#,
        );
        until_logged(&relay).await;
    }

    #[tokio::test]
    async fn an_announced_warning_passes() {
        let folder = tempfile::tempdir().unwrap();
        let mut relay = fake_relay(
            folder.path(),
            r#"{"level":"WARN","message":"connection lost"}"#,
        );
        relay.expect_log("connection lost");
        until_logged(&relay).await;
    }

    #[tokio::test]
    async fn an_ended_relay_ends_the_wait_for_its_state() {
        let folder = tempfile::tempdir().unwrap();
        let mut relay = fake_relay(folder.path(), r#"{"level":"INFO","message":"starting"}"#);
        relay.terminate().unwrap();
        let limit = Duration::from_secs(10);
        relay.wait_exit(limit).await.unwrap();
        let error = relay.wait_for_state("active", limit).await.unwrap_err();
        assert!(error.to_string().contains("the relay ended"), "{error}");
    }
}
