//! A child process with a name, a log file and an end that is sure.
//!
//! Guards against servers that outlive a test or a demo: a [`Process`] ends when it is dropped, and
//! the kernel ends it when this process dies without dropping anything
//! (`die_with_parent`).

mod die_with_parent;
mod usage;

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::error::{Error, file_error};
use super::wait::{block_until, poll_until};
pub use usage::Usage;

/// How long a process may take to obey the signal that ends it, before SIGKILL. PostgreSQL itself
/// waits 5 s for its children.
const END_LIMIT: Duration = Duration::from_secs(10);

/// How much of a log goes into an error.
const TAIL_BYTES: usize = 4_000;

/// What an ended command left behind.
#[derive(Debug, Clone)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// A running (or ended and not yet dropped) child process.
///
/// Invariant: it dies with this process, also under SIGKILL
/// (`harness::servers_die_with_a_killed_parent`).
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    end_signal: Signal,
}

impl Process {
    /// Starts `command` without input; both its outputs are appended to the file `log`.
    pub fn spawn(name: &str, command: Command, log: &Path) -> Result<Self, Error> {
        Self::spawn_ended_by(Signal::KILL, name, command, log)
    }

    /// As [`Process::spawn`], for a program that should be ended at once by another signal than
    /// SIGKILL, because it has something outside itself to put away.
    pub(super) fn spawn_ended_by(
        end_signal: Signal,
        name: &str,
        mut command: Command,
        log: &Path,
    ) -> Result<Self, Error> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(file_error(log))?;
        let errors = output.try_clone().map_err(file_error(log))?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let child = start(command, end_signal)?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
            end_signal,
        })
    }

    /// What the process is called in errors.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The file with everything the process wrote.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The last lines of the log, for a message to a person.
    pub fn log_tail(&self) -> String {
        tail(&std::fs::read(&self.log).unwrap_or_default())
    }

    /// How the process ended, or `None` while it runs.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>, Error> {
        self.child.try_wait().map_err(self.failure())
    }

    /// Whether the process has ended otherwise than by a signal.
    pub fn ended_by_itself(&mut self) -> Result<bool, Error> {
        let status = self.exit_status()?;
        Ok(status.is_some_and(|status| status.code().is_some()))
    }

    /// Waits for the end. The process goes on when `limit` passes first.
    pub async fn wait(&mut self, limit: Duration) -> Result<ExitStatus, Error> {
        let ended = poll_until(limit, || self.exit_status().transpose()).await;
        ended.unwrap_or_else(|| {
            Err(Error::StillRunning {
                name: self.name.clone(),
                limit,
                output: self.log_tail(),
            })
        })
    }

    /// Ends the process with SIGKILL and returns when it is gone. Harmless when it has ended.
    pub fn kill(&mut self) -> Result<ExitStatus, Error> {
        self.child.kill().map_err(self.failure())?;
        self.child.wait().map_err(self.failure())
    }

    /// Asks the process to end (SIGTERM). Harmless when it has ended.
    pub fn terminate(&mut self) -> Result<(), Error> {
        self.signal(Signal::TERM)
    }

    /// Freezes the process (SIGSTOP) and returns when it stands still.
    pub fn pause(&mut self) -> Result<(), Error> {
        self.signal(Signal::STOP)?;
        let pid = self.pid();
        let stands = || usage::Stat::of(pid).map_or(true, |stat| matches!(stat.state, 'T' | 'Z'));
        if block_until(END_LIMIT, stands) {
            return Ok(());
        }
        Err(self.failure()(ErrorKind::TimedOut.into()))
    }

    /// Lets a frozen process go on (SIGCONT).
    pub fn resume(&mut self) -> Result<(), Error> {
        self.signal(Signal::CONT)
    }

    /// What the process has cost so far, its children not counted.
    pub fn usage(&self) -> Result<Usage, Error> {
        Usage::of(self.pid()).map_err(self.failure())
    }

    /// Kills the process together with its children at one instant, as a power cut would, and
    /// returns when all are gone.
    ///
    /// The process is frozen first, so that it can start no child that the list would miss.
    pub(super) fn kill_with_children(&mut self) -> Result<(), Error> {
        if self.exit_status()?.is_some() {
            return Ok(());
        }
        self.pause()?;
        let children = usage::children(self.pid()).map_err(self.failure())?;
        self.kill()?;
        for child in &children {
            // Already gone is what was wanted.
            let _ = Pid::from_raw(child.cast_signed()).map(|pid| kill_process(pid, Signal::KILL));
        }
        if block_until(END_LIMIT, || {
            children.iter().all(|child| usage::is_gone(*child))
        }) {
            return Ok(());
        }
        Err(self.failure()(ErrorKind::TimedOut.into()))
    }

    /// Sends `signal` unless the process has been reaped: then its number may be another's.
    fn signal(&mut self, signal: Signal) -> Result<(), Error> {
        if self.exit_status()?.is_some() {
            return Ok(());
        }
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).map_err(|errno| self.failure()(errno.into()))
    }

    fn failure(&self) -> impl FnOnce(std::io::Error) -> Error + use<> {
        let (name, pid) = (self.name.clone(), self.child.id());
        move |source| Error::Process { name, pid, source }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let signalled = self.signal(self.end_signal).and_then(|()| self.resume());
        let ended = || !matches!(self.child.try_wait(), Ok(None));
        if signalled.is_err() || !block_until(END_LIMIT, ended) {
            // SIGKILL is the last thing to try, and there is nobody to tell from a destructor.
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Runs `command` to its end and returns what it printed. It is killed when `limit` passes first,
/// and dies with this process.
pub async fn run(mut command: Command, limit: Duration) -> Result<Output, Error> {
    let name = program_name(&command);
    let capture = || tempfile::tempfile().map_err(file_error(std::env::temp_dir()));
    let (stdout, stderr) = (capture()?, capture()?);
    let share = |file: &File| file.try_clone().map_err(file_error(std::env::temp_dir()));
    command
        .stdin(Stdio::null())
        .stdout(share(&stdout)?)
        .stderr(share(&stderr)?);
    let mut child = Ended(start(command, Signal::KILL)?);
    let status = poll_until(limit, || child.0.try_wait().transpose()).await;
    match status {
        Some(Ok(status)) => Ok(Output {
            status,
            stdout: text(stdout)?,
            stderr: text(stderr)?,
        }),
        Some(Err(source)) => Err(Error::Process {
            name,
            pid: child.0.id(),
            source,
        }),
        None => {
            let output = text(stdout)? + &text(stderr)?;
            Err(Error::StillRunning {
                name,
                limit,
                output: tail(output.as_bytes()),
            })
        }
    }
}

/// As [`run`], and an exit status other than 0 is an error that shows the output.
pub async fn run_successfully(command: Command, limit: Duration) -> Result<Output, Error> {
    let program = program_name(&command);
    let output = run(command, limit).await?;
    if output.status.success() {
        return Ok(output);
    }
    let printed = tail((output.stdout + &output.stderr).as_bytes());
    Err(Error::Failed {
        program,
        status: output.status,
        output: printed,
    })
}

/// As [`run_successfully`]; where the program is not there, the error names it and the command that
/// installs it, which are `needed`.
pub async fn run_installed(
    command: Command,
    limit: Duration,
    needed: (&'static str, &'static str),
) -> Result<Output, Error> {
    let (program, install) = needed;
    match run_successfully(command, limit).await {
        Err(Error::Spawn { source, .. }) if source.kind() == ErrorKind::NotFound => {
            Err(Error::MissingProgram { program, install })
        }
        outcome => outcome,
    }
}

/// A child that is killed and reaped when it goes out of scope, also when its future is dropped.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // Both are harmless for a child that has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(command: Command, signal: Signal) -> Result<Child, Error> {
    let program = program_name(&command);
    die_with_parent::spawn(command, signal).map_err(|source| Error::Spawn { program, source })
}

fn program_name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    program
        .file_name()
        .unwrap_or(program.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// Everything that was written to `file` through its clones, which share one position.
fn text(mut file: File) -> Result<String, Error> {
    use std::io::{Read, Seek};
    let mut bytes = Vec::new();
    file.rewind()
        .and_then(|()| file.read_to_end(&mut bytes))
        .map_err(file_error(std::env::temp_dir()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn tail(bytes: &[u8]) -> String {
    let from = bytes.len().saturating_sub(TAIL_BYTES);
    String::from_utf8_lossy(&bytes[from..]).trim().to_owned()
}
