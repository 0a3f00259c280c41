//! Tasks and threads, each with a name. A panic in any of them ends the process: a relay that
//! lives on without one of its parts would hold the slot and publish nothing.

use std::future::Future;
use std::thread;

use tokio::task::JoinHandle;

/// What the process exits with after a panic or a stuck pipeline (`EX_SOFTWARE` of `sysexits.h`).
pub const EXIT_CODE_PANIC: i32 = 70;

/// Starts a task. `name` appears at DEBUG when it begins and ends.
///
/// The caller keeps the handle and awaits it before it returns, so that no task outlives the
/// session that started it.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that starts tasks"
)]
pub fn spawn<F>(name: &'static str, task: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(async move {
        tracing::debug!(task = name, "task begins");
        let output = task.await;
        tracing::debug!(task = name, "task ends");
        output
    })
}

/// Starts an operating-system thread, for code that blocks.
pub fn spawn_thread<F>(name: &'static str, body: F) -> thread::JoinHandle<()>
where
    F: FnOnce() + Send + 'static,
{
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .expect("the system starts a thread; without it the relay cannot work at all")
}

/// Makes every panic, in whatever task or thread, end the process with [`EXIT_CODE_PANIC`].
pub fn exit_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::exit(EXIT_CODE_PANIC);
    }));
}
