//! Children that cannot outlive this process, whichever way it ends.
//!
//! `Drop` does not run under SIGKILL, so the kernel must do it: `PR_SET_PDEATHSIG`
//! (<https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html>) sends the child a signal
//! when its parent dies. Three facts of that page shape this module:
//!
//! - "The parent" is the *thread* that forked. A worker thread of a runtime ends while the process
//!   lives on, so one thread that never ends spawns every child.
//! - The setting is cleared by a change of credentials. The standard library changes user and group
//!   before it runs `pre_exec` closures, so the setting made there stays.
//! - A parent that died before the call sends nothing. So the child then looks whether its parent
//!   is still the process that forked it, and gives up if not.
//!
//! `setpriv --pdeathsig` of util-linux would need no `unsafe`, but leaves the last race open, is one
//! more program to install, and busybox's version lacks the flag.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::{LazyLock, mpsc};
use std::thread;

use rustix::io::Errno;
use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

/// A command to start, and where its child goes.
type Order = (Command, mpsc::Sender<io::Result<Child>>);

/// Spawns every child, and lives as long as the process, because it owns the last sender.
static SPAWNER: LazyLock<mpsc::Sender<Order>> = LazyLock::new(|| {
    let (orders, inbox) = mpsc::channel::<Order>();
    thread::Builder::new()
        .name("local-spawner".to_owned())
        .spawn(move || {
            for (mut command, reply) in inbox {
                // A caller that went away drops its end; the child is then reaped by nobody but
                // still dies with this process.
                let _ = reply.send(command.spawn());
            }
        })
        .expect("a thread can be started, or no server could be either");
    orders
});

/// Starts `command` such that the kernel sends it `signal` when this process dies.
///
/// The child leads its own process group: Ctrl-C on a terminal reaches this process only, which
/// then ends its children in the right order.
pub(super) fn spawn(mut command: Command, signal: Signal) -> io::Result<Child> {
    let parent = getpid();
    command.process_group(0);
    let bind_life = move || {
        set_parent_process_death_signal(Some(signal))?;
        if getppid() == Some(parent) {
            Ok(())
        } else {
            Err(Errno::SRCH.into())
        }
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed, because another
    // thread may have held a lock (the allocator's, say) at the fork. The closure makes two plain
    // system calls through `rustix`, and builds its error from a number without allocating.
    #[expect(
        unsafe_code,
        reason = "pre_exec is the one way to run code in the child before exec"
    )]
    unsafe {
        command.pre_exec(bind_life);
    }
    let (reply, answer) = mpsc::channel();
    SPAWNER
        .send((command, reply))
        .expect("the spawner thread holds its inbox for ever");
    answer
        .recv()
        .expect("the spawner thread answers every order")
}
