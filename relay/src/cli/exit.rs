//! How a command ends: the exit code that scripts rely on, and the remedy for people.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use crate::error::{Action, Chain, Classify, runbook};

/// A check found something, or a proof failed.
pub(super) const FOUND: u8 = 1;
/// Wrong usage or configuration, wrong password, port taken.
pub(super) const USAGE: u8 = 2;
/// Halted to protect data.
pub(super) const HALTED: u8 = 3;
/// Another relay holds the slot.
pub(super) const STANDBY: u8 = 4;
/// A dependency cannot be reached.
pub(super) const UNREACHABLE: u8 = 5;

/// Ctrl-C, as a shell counts it: 128 and the signal's number.
pub(super) const INTERRUPTED: u8 = 130;

/// Where Kubernetes looks for a container's last words
/// (<https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/>).
const TERMINATION_LOG: &str = "/dev/termination-log";

/// Ends a command with what `error` means. A halt protects data, so it also names the page that says
/// what must not be done.
pub(super) fn fail_classified<E: Classify + 'static>(error: &E) -> ExitCode {
    let code = code(error.action());
    let mut remedy = error.remedy();
    if code == HALTED {
        remedy = format!("{remedy}\n  runbook: {}", runbook(error.reason()));
    }
    fail(code, &Chain(error).to_string(), &remedy)
}

/// Ends a command with `code`, and says what failed and what to do.
pub(super) fn fail(code: u8, what: &str, remedy: &str) -> ExitCode {
    let text = format!("error: {what}\n  remedy: {remedy}");
    eprintln!("{text}");
    note_termination(Path::new(TERMINATION_LOG), &text);
    ExitCode::from(code)
}

fn code(action: Action) -> u8 {
    match action {
        Action::Refuse => USAGE,
        Action::Halt | Action::Poison => HALTED,
        Action::StandBy => STANDBY,
        Action::Retry => UNREACHABLE,
    }
}

/// Writes the last words where the file is; makes none. A failure to do so changes nothing: the
/// same text is on stderr.
fn note_termination(path: &Path, text: &str) {
    if let Ok(mut file) = File::options().write(true).truncate(true).open(path) {
        let _unheard = writeln!(file, "{text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_are_written_only_where_somebody_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("termination-log");
        note_termination(&path, "error: x");
        assert!(!path.exists());
        std::fs::write(&path, "something longer of an earlier run").unwrap();
        note_termination(&path, "error: x");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "error: x\n");
    }
}
