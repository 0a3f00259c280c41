//! The signals that ask the process to end.

use tokio::signal::unix::{SignalKind, signal};

/// Waits for SIGTERM or Ctrl-C.
pub async fn terminated() {
    let listen = "the process may listen to signals";
    let mut terminate = signal(SignalKind::terminate()).expect(listen);
    let mut interrupt = signal(SignalKind::interrupt()).expect(listen);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
