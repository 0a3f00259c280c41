//! Which host, which address and how much TLS to try next.
//!
//! The rules are libpq's: hosts in the order of the URL, every address of a name, and within
//! `prefer` and `allow` the other kind of connection where the first failed over encryption
//! (`PQconnectPoll` in `fe-connect.c`). A login that is refused ends the list: the next host would
//! refuse it too, and a wrong password tried everywhere can lock a role.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use postgres_protocol::message::frontend;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::channel_binding::server_end_point;
use super::socket::{self, Io};
use super::target::{Host, SslMode, Target};
use super::{Error, Place, tls};

/// rustls reads its socket in 4 KB steps; a buffer beneath it turns a gulp of the walsender's
/// output into one system call instead of sixty.
const TLS_SOCKET_BUFFER_BYTES: usize = 256 * 1024;

/// The ways to reach a target that have not been tried yet.
pub(crate) struct Attempts<'a> {
    target: &'a Target,
    tls: Option<Arc<ClientConfig>>,
    queue: VecDeque<Candidate>,
    last: Option<Error>,
}

/// A connection before its start-up message.
pub(crate) struct Attempt {
    pub(crate) io: Box<dyn Io>,
    pub(crate) at: Place,
    /// The channel binding, where the connection has TLS and the certificate allows one.
    pub(crate) server_end_point: Option<Vec<u8>>,
    limit: Option<Limit>,
}

#[derive(Clone, Copy)]
struct Limit {
    deadline: Instant,
    timeout: Duration,
}

#[derive(Clone)]
struct Candidate {
    host: usize,
    address: Address,
    encryption: Encryption,
    /// Only after the same address failed over encryption.
    is_second_choice: bool,
}

#[derive(Clone)]
enum Address {
    Unresolved { name: String, port: u16 },
    Tcp(SocketAddr),
    Unix(PathBuf),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encryption {
    Plain,
    IfOffered,
    Required,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(target: &'a Target) -> Result<Self, Error> {
        let mut queue = VecDeque::new();
        for (index, host) in target.hosts.iter().enumerate() {
            for (position, encryption) in encryptions(target.sslmode, host).iter().enumerate() {
                let address = match host {
                    Host::Tcp { name, port } => Address::Unresolved {
                        name: name.clone(),
                        port: *port,
                    },
                    Host::Unix { .. } => Address::Unix(PathBuf::from(host.to_string())),
                };
                queue.push_back(Candidate {
                    host: index,
                    address,
                    encryption: *encryption,
                    is_second_choice: position > 0,
                });
            }
        }
        let wants_tls = queue
            .iter()
            .any(|candidate| candidate.encryption != Encryption::Plain);
        let tls = if wants_tls {
            Some(tls::client_config(target)?)
        } else {
            None
        };
        Ok(Self {
            target,
            tls,
            queue,
            last: None,
        })
    }

    /// Connects to the next server that can be reached; the caller goes on with the start-up and
    /// reports its failure through [`Attempts::failed`]. An error means that no way is left.
    pub(crate) async fn next(&mut self) -> Result<Attempt, Error> {
        loop {
            let Some(candidate) = self.queue.pop_front() else {
                return Err(self
                    .last
                    .take()
                    .expect("a target has a host, and it failed"));
            };
            let at = self.place(&candidate);
            if let Address::Unresolved { name, port } = &candidate.address {
                match tokio::net::lookup_host((name.as_str(), *port)).await {
                    Ok(addresses) => self.resolved(&candidate, addresses.collect()),
                    Err(source) => self.failed(Error::Resolve { at, source })?,
                }
                continue;
            }
            let limit = self.target.connect_timeout.map(|timeout| Limit {
                deadline: Instant::now() + timeout,
                timeout,
            });
            let opened = within(limit, &at, self.open(&candidate, &at)).await;
            match opened {
                Ok((io, server_end_point)) => {
                    return Ok(Attempt {
                        io,
                        at,
                        server_end_point,
                        limit,
                    });
                }
                Err(error) => self.failed(error)?,
            }
        }
    }

    /// Takes note of a failure; gives it back when trying on is pointless.
    pub(crate) fn failed(&mut self, error: Error) -> Result<(), Error> {
        let try_other_encryption = error.is_about_encryption();
        if !try_other_encryption {
            while self.queue.front().is_some_and(|next| next.is_second_choice) {
                self.queue.pop_front();
            }
        }
        let second_choice = self.queue.front().is_some_and(|next| next.is_second_choice);
        if self.queue.is_empty() || !(second_choice || error.is_about_one_host()) {
            return Err(error);
        }
        tracing::debug!(error = %error, "trying the next way to connect");
        self.last = Some(error);
        Ok(())
    }

    fn place(&self, candidate: &Candidate) -> Place {
        Place {
            host: self.target.hosts[candidate.host].to_string(),
            user: self.target.user.clone(),
            database: self.target.database.clone(),
        }
    }

    /// Puts one candidate for each address in place of the name, each with its second choice.
    fn resolved(&mut self, first: &Candidate, addresses: Vec<SocketAddr>) {
        let second = self
            .queue
            .front()
            .is_some_and(|next| next.is_second_choice)
            .then(|| self.queue.pop_front())
            .flatten();
        for address in addresses.into_iter().rev() {
            for choice in second.iter().chain([first]) {
                let address = Address::Tcp(address);
                self.queue.push_front(Candidate {
                    address,
                    ..choice.clone()
                });
            }
        }
    }

    async fn open(
        &self,
        candidate: &Candidate,
        at: &Place,
    ) -> Result<(Box<dyn Io>, Option<Vec<u8>>), Error> {
        let unreachable = |source| Error::Unreachable {
            at: at.clone(),
            source,
        };
        let io = match &candidate.address {
            Address::Unix(path) => socket::connect_unix(path).await,
            Address::Tcp(address) => socket::connect_tcp(*address).await,
            Address::Unresolved { .. } => unreachable!("`next` resolves names first"),
        };
        let mut io = io.map_err(unreachable)?;
        let Some(config) = self
            .tls
            .as_ref()
            .filter(|_| candidate.encryption != Encryption::Plain)
        else {
            return Ok((io, None));
        };
        if !offers_tls(&mut io)
            .await
            .map_err(|source| Error::lost(at.clone(), source))?
        {
            return match candidate.encryption {
                Encryption::Required => Err(Error::TlsNotOffered { at: at.clone() }),
                Encryption::IfOffered | Encryption::Plain => Ok((io, None)),
            };
        }
        let stream = BufReader::with_capacity(TLS_SOCKET_BUFFER_BYTES, io);
        self.handshake(Arc::clone(config), candidate, stream)
            .await
            .map_err(|source| {
                if crate::tls::failure(&source).is_some() {
                    Error::TlsHandshake {
                        at: at.clone(),
                        source,
                    }
                } else {
                    Error::Lost {
                        at: at.clone(),
                        source,
                    }
                }
            })
    }

    async fn handshake(
        &self,
        config: Arc<ClientConfig>,
        candidate: &Candidate,
        stream: BufReader<Box<dyn Io>>,
    ) -> io::Result<(Box<dyn Io>, Option<Vec<u8>>)> {
        let Host::Tcp { name, .. } = &self.target.hosts[candidate.host] else {
            unreachable!("Unix sockets are always plain");
        };
        let name = ServerName::try_from(name.clone())
            .map_err(|_| io::Error::other(rustls::Error::General("not a host name".to_owned())))?;
        let stream = TlsConnector::from(config).connect(name, stream).await?;
        let (_, session) = stream.get_ref();
        let certificate = session.peer_certificates().and_then(<[_]>::first);
        let binding = certificate.and_then(|certificate| server_end_point(certificate));
        Ok((Box::new(stream), binding))
    }
}

impl Attempt {
    /// Runs the start-up within what is left of `connect_timeout`.
    pub(crate) async fn within<T>(
        limit: AttemptLimit,
        start_up: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        within(limit.limit, &limit.at, start_up).await
    }

    /// A connection that is not to a server.
    #[cfg(test)]
    pub(crate) fn over(io: Box<dyn Io>) -> Self {
        let [host, user, database] = ["db:5432", "relay", "shop"].map(str::to_owned);
        Self {
            io,
            at: Place {
                host,
                user,
                database,
            },
            server_end_point: None,
            limit: None,
        }
    }

    /// The limit that [`Attempt::within`] applies, apart from the connection.
    pub(crate) fn limit(&self) -> AttemptLimit {
        AttemptLimit {
            limit: self.limit,
            at: self.at.clone(),
        }
    }
}

/// What is left of `connect_timeout` for one attempt.
pub(crate) struct AttemptLimit {
    limit: Option<Limit>,
    at: Place,
}

async fn within<T>(
    limit: Option<Limit>,
    at: &Place,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match limit {
        Some(Limit { deadline, timeout }) => tokio::time::timeout_at(deadline, work)
            .await
            .unwrap_or_else(|_| {
                Err(Error::TimedOut {
                    at: at.clone(),
                    after: timeout,
                })
            }),
        None => work.await,
    }
}

/// The kinds of connection to try with one host, in this order.
fn encryptions(sslmode: SslMode, host: &Host) -> &'static [Encryption] {
    match (host, sslmode) {
        (Host::Unix { .. }, _) | (Host::Tcp { .. }, SslMode::Disable) => &[Encryption::Plain],
        (Host::Tcp { .. }, SslMode::Allow) => &[Encryption::Plain, Encryption::Required],
        (Host::Tcp { .. }, SslMode::Prefer) => &[Encryption::IfOffered, Encryption::Plain],
        (Host::Tcp { .. }, SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull) => {
            &[Encryption::Required]
        }
    }
}

/// Asks for TLS. Exactly one byte is read: what a man in the middle sent after it would otherwise
/// be taken for the server's words inside TLS (CVE-2021-23222).
async fn offers_tls(io: &mut Box<dyn Io>) -> io::Result<bool> {
    let mut request = bytes::BytesMut::new();
    frontend::ssl_request(&mut request);
    io.write_all(&request).await?;
    match io.read_u8().await? {
        b'S' => Ok(true),
        b'N' => Ok(false),
        // It could not start a process for us, and says nothing of TLS.
        b'E' => Err(io::Error::other(
            "the server is too busy to answer the request for TLS",
        )),
        byte => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the answer to the request for TLS is {byte:#04x}"),
        )),
    }
}
