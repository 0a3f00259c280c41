//! The signals that people and service managers send.

use tokio::signal::unix::{Signal, SignalKind, signal};

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

/// Every SIGHUP from now on, which would end the process otherwise.
pub struct Hangups(Signal);

impl Hangups {
    /// Begins to listen.
    pub fn listen() -> Self {
        Self(signal(SignalKind::hangup()).expect("the process may listen to signals"))
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        let _one = self.0.recv().await;
    }
}
