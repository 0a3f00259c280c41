//! Time, tasks, signals and the watchdog: the one place each where the process meets its machine.

pub mod clock;
mod signal;
mod supervisor;
mod task;
mod watchdog;

pub use signal::{Hangups, Termination};
pub use supervisor::Supervisor;
pub use task::{EXIT_CODE_PANIC, exit_on_panic, spawn, spawn_thread};
pub use watchdog::{Heart, Watchdog};
