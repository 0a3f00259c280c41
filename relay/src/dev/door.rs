//! How `postrider dev --env` finds a workbench that runs: a socket with a name for each account
//! and temporary folder, in the kernel's abstract namespace (<https://man7.org/linux/man-pages/man7/unix.7.html>), which
//! leaves no file behind, whichever way the process ends.

use std::io::{self, Read as _, Write as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::Duration;

use rustix::process::getuid;

use super::Error;
use crate::runtime;

/// `sun_path` without the byte that says "abstract".
const NAME_BYTES_MAX: usize = 107;

/// Whoever knocks takes the answer at once or is gone.
const LIMIT: Duration = Duration::from_secs(2);

/// A workbench answers once its servers run; the first time, Kafka is fetched before that.
const START_LIMIT: Duration = Duration::from_mins(5);

/// The one workbench of this account and temporary folder that runs.
pub struct Door {
    listener: UnixListener,
}

impl Door {
    /// Claims the name. Refused while another workbench of this account runs.
    pub fn claim() -> Result<Self, Error> {
        let listener = name().and_then(|name| UnixListener::bind_addr(&name));
        match listener {
            Ok(listener) => Ok(Self { listener }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(Error::Running),
            Err(error) => Err(Error::Door(error)),
        }
    }

    /// Answers everybody with `exports`, for as long as the process lives.
    pub fn answer(self, exports: String) {
        // The thread ends with the process; it holds nothing that needs an end.
        drop(runtime::spawn_thread("dev-door", move || {
            for visitor in self.listener.incoming() {
                // The exports hold a password, so they are for this account only.
                let answer = visitor.and_then(|visitor| hand_out(visitor, &exports));
                if let Err(error) = answer {
                    tracing::debug!(%error, "a visitor got no answer");
                }
            }
        }));
    }
}

fn hand_out(mut visitor: UnixStream, exports: &str) -> io::Result<()> {
    visitor.set_write_timeout(Some(LIMIT))?;
    if rustix::net::sockopt::socket_peercred(&visitor)?.uid != getuid() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    visitor.write_all(exports.as_bytes())
}

/// The exports of this account's workbench, once it runs; none when there is none.
pub fn ask() -> Result<Option<String>, Error> {
    let visit = || -> io::Result<String> {
        let mut door = UnixStream::connect_addr(&name()?)?;
        door.set_read_timeout(Some(START_LIMIT))?;
        let mut exports = String::new();
        door.read_to_string(&mut exports)?;
        Ok(exports)
    };
    match visit() {
        Ok(exports) => Ok(Some(exports)),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(None),
        Err(error) => Err(Error::Door(error)),
    }
}

fn name() -> io::Result<SocketAddr> {
    let (account, folder) = (getuid().as_raw(), std::env::temp_dir());
    let mut name = format!("postrider-dev-{account}-").into_bytes();
    name.extend(folder.as_os_str().as_bytes());
    // The name of a socket has a fixed size; the folder's end is what differs.
    let excess = name.len().saturating_sub(NAME_BYTES_MAX);
    SocketAddr::from_abstract_name(&name[excess..])
}
