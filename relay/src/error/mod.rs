//! What an error means for the relay: one trait that every module's error implements.
//!
//! Modules know *what* failed; this trait says *what to do about it*. `pipeline` alone acts on
//! the answer. Implementations match every variant by name, without a wildcard, so that the
//! compiler asks the question again for each new failure.

mod runbook;

use std::fmt;

pub use runbook::runbook;

/// What the relay does about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The cause may pass by itself: end the session, wait with back-off, start a new one.
    /// Nothing was lost; the new session reads again from the last committed progress.
    Retry,
    /// Going on could lose, double or reorder events, or cannot work until somebody acts: stop
    /// publishing, show the reason and the remedy, look again with growing pauses.
    Halt,
    /// One event cannot be published as its contract says; the configured poison policy
    /// (`on_poison`) decides between halting and a dead letter.
    Poison,
    /// Another relay holds the replication slot or took over the `transactional_id`: wait for the
    /// slot as a standby, touching nothing.
    StandBy,
    /// The configuration is wrong in a way that waiting does not mend: exit with code 2, unless the
    /// relay has worked before with the same; then try again.
    Refuse,
}

/// An error that knows its consequence and its cure.
///
/// Invariant: every error that reaches an operator carries a remedy; the compiler asks for it.
pub trait Classify: std::error::Error {
    /// What the relay does about it.
    fn action(&self) -> Action;

    /// One sentence that tells an operator what to do next.
    fn remedy(&self) -> String;

    /// A short stable name of the failure: the label of `postrider_halted{reason}` and the anchor
    /// of the runbook page.
    fn reason(&self) -> &'static str;
}

/// Shows an error with all its causes as one sentence: `what failed: why: why`.
pub struct Chain<'a>(pub &'a (dyn std::error::Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
