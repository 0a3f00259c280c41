//! The signals that people and service managers send.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and Ctrl-C from now on, which would end the process at once otherwise.
pub struct Termination {
    terminate: Signal,
    interrupt: Signal,
}

impl Termination {
    /// Begins to listen.
    pub fn listen() -> Self {
        let listen = "the process may listen to signals";
        Self {
            terminate: signal(SignalKind::terminate()).expect(listen),
            interrupt: signal(SignalKind::interrupt()).expect(listen),
        }
    }

    /// Waits for the next of either.
    pub async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
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
