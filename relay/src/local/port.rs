//! Free ports below the range from which the kernel takes ports for outgoing connections
//! (`net.ipv4.ip_local_port_range`, from 32768 on).
//!
//! A port inside that range is not safe for a server that is killed and restarted: meanwhile an
//! outgoing connection may get it, even a client's own attempt to reach that very server, which
//! then connects to itself.

use std::collections::HashSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{LazyLock, Mutex, PoisonError};

use rand::Rng;

use super::error::Error;

const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

/// More draws than this without a free port means that the machine is full.
const DRAWS_MAX: usize = 1_000;

/// Ports that this process has given out: two servers that start at the same time must not draw
/// the same port before either listens.
static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// A port on which nothing listens, never given out before by this process.
pub fn free() -> Result<u16, Error> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    (0..DRAWS_MAX)
        .map(|_| rand::rng().random_range(FIRST..=LAST))
        .find(|port| bind(*port).is_ok() && given.insert(*port))
        .ok_or(Error::NoFreePort {
            first: FIRST,
            last: LAST,
        })
}

/// `wanted` if nothing listens there, or a free port if none is wanted.
pub(super) fn free_or(wanted: Option<u16>) -> Result<u16, Error> {
    let Some(port) = wanted else { return free() };
    bind(port)
        .map(|()| port)
        .map_err(|source| Error::PortTaken { port, source })
}

/// Whether nothing listens on `port`.
pub(crate) fn is_free(port: u16) -> bool {
    bind(port).is_ok()
}

fn bind(port: u16) -> std::io::Result<()> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_in_use_is_refused() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(matches!(free_or(Some(port)), Err(Error::PortTaken { .. })));
    }

    #[test]
    fn no_port_is_given_twice() {
        let ports: Vec<u16> = (0..100).map(|_| free().unwrap()).collect();
        let distinct: HashSet<u16> = ports.iter().copied().collect();
        assert_eq!(distinct.len(), ports.len());
    }
}
