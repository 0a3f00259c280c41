//! What a service manager is told: that the relay serves, lives, and stops.
//!
//! systemd's protocol, a datagram to `$NOTIFY_SOCKET`
//! (<https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html>). Without the variable
//! nothing is said. A manager that does not hear is no reason to stop.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The service manager that started this process, if there is one.
#[derive(Debug, Default)]
pub struct Supervisor {
    socket: Option<UnixDatagram>,
}

impl Supervisor {
    /// The one that the environment names.
    pub fn from_environment() -> Self {
        let socket = std::env::var_os("NOTIFY_SOCKET").and_then(|name| {
            // A name that begins with `@` has no file.
            let address = match name.as_bytes().strip_prefix(b"@") {
                Some(name) => SocketAddr::from_abstract_name(name),
                None => SocketAddr::from_pathname(&name),
            };
            let socket = UnixDatagram::unbound().ok()?;
            address
                .and_then(|address| socket.connect_addr(&address))
                .inspect_err(|error| tracing::warn!(%error, "the service manager cannot be told"))
                .ok()?;
            Some(socket)
        });
        Self { socket }
    }

    /// Probes are answered from now on.
    pub fn ready(&self) {
        self.say("READY=1");
    }

    /// Every part turns.
    pub fn alive(&self) {
        self.say("WATCHDOG=1");
    }

    /// The shutdown has begun.
    pub fn stopping(&self) {
        self.say("STOPPING=1");
    }

    fn say(&self, state: &str) {
        if let Some(socket) = &self.socket {
            // The next one is due in a second.
            let _ = socket.send(state.as_bytes());
        }
    }
}
