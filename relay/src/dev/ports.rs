//! The ports on which people expect these servers.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};

use crate::local::port;

const CLAIM: &str = "postrider-dev-usual-ports";

/// The right to the usual ports. Of several workbenches on a machine, whatever their accounts, one
/// has it: that a port is free says nothing while another's server is about to listen there.
///
/// A name in the kernel's abstract namespace holds it, as with [`super::Door`]; it ends with the
/// process, as the ports do.
pub(super) struct UsualPorts {
    claim: Option<UnixListener>,
}

impl UsualPorts {
    pub(super) fn claim() -> Self {
        let claim = SocketAddr::from_abstract_name(CLAIM)
            .and_then(|name| UnixListener::bind_addr(&name))
            .ok();
        Self { claim }
    }

    /// `port`, where nothing listens there and no other workbench may; else any.
    pub(super) fn pick(&self, port: u16) -> Option<u16> {
        self.claim.as_ref()?;
        port::is_free(port).then_some(port)
    }
}
