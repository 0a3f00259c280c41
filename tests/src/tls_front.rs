//! A registry that lets in only whom it knows: TLS with a client certificate, and then a password,
//! in front of a registry that asks for nothing.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use postrider::local::{ServerTls, port};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Longest head of a request.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// How long a client that was refused has to read why.
const LINGER: Duration = Duration::from_secs(1);

/// A request for a path that begins so is sent on to the registry behind, out of TLS.
pub const DOWNGRADE: &str = "/downgrade";

/// The door; it stays open until the test binary ends.
#[derive(Debug)]
pub struct TlsFront {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
}

#[derive(Clone)]
struct Rules {
    acceptor: TlsAcceptor,
    upstream: String,
    authorization: String,
}

impl TlsFront {
    /// Opens the door to the plain HTTP server at `upstream` for `user`.
    ///
    /// # Errors
    ///
    /// The port or the certificate cannot be used.
    pub fn start(upstream: &str, tls: &ServerTls, user: &str, password: &str) -> Result<Self> {
        let rules = Rules {
            acceptor: TlsAcceptor::from(Arc::new(server_config(tls)?)),
            upstream: upstream.to_owned(),
            authorization: format!("Basic {}", BASE64.encode(format!("{user}:{password}"))),
        };
        let port = port::free()?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        // A runtime of its own: that of the test which opens the door ends with that test.
        std::thread::spawn(move || serve(listener, &rules));
        Ok(Self { port })
    }
}

fn server_config(tls: &ServerTls) -> Result<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(tls.client_authority.as_bytes()) {
        roots.add(authority?)?;
    }
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let certificates = CertificateDer::pem_slice_iter(tls.certificate.as_bytes());
    Ok(ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(clients.build()?)
        .with_single_cert(
            certificates.collect::<Result<_, _>>()?,
            PrivateKeyDer::from_pem_slice(tls.key.as_bytes())?,
        )?)
}

fn serve(listener: std::net::TcpListener, rules: &Rules) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime needs nothing special");
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).expect("it was made for this");
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let rules = rules.clone();
            // A client that goes away, or is not let in, is no failure of the door.
            connections.spawn(async move { rules.answer(stream).await.ok() });
            while connections.try_join_next().is_some() {}
        }
    });
}

impl Rules {
    /// Answers one request and closes: the next one has to show its password again.
    async fn answer(&self, stream: TcpStream) -> Result<()> {
        let mut client = match self.acceptor.accept(stream).into_fallible().await {
            Ok(client) => client,
            Err((error, mut stream)) => {
                // What the client has sent meanwhile would turn the close into a reset, and the
                // reset would overtake the reason.
                stream.shutdown().await?;
                let mut nowhere = tokio::io::sink();
                let rest = tokio::io::copy(&mut stream, &mut nowhere);
                tokio::time::timeout(LINGER, rest).await??;
                return Err(error.into());
            }
        };
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            ensure!(head.len() < HEAD_BYTES_MAX, "the head does not end");
            head.push(client.read_u8().await?);
        }
        let head = String::from_utf8(head)?;
        let (request, headers) = head.split_once("\r\n").context("no request line")?;
        let knows_password = headers.lines().any(|header| {
            header.split_once(": ").is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("authorization") && value == self.authorization
            })
        });
        let path = request.split(' ').nth(1).unwrap_or_default();
        if !knows_password {
            let refusal =
                "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            client.write_all(refusal.as_bytes()).await?;
        } else if let Some(rest) = path.strip_prefix(DOWNGRADE) {
            let there = format!(
                "HTTP/1.1 302 Found\r\nlocation: http://{}{rest}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
                self.upstream
            );
            client.write_all(there.as_bytes()).await?;
        } else {
            let mut server = TcpStream::connect(&self.upstream).await?;
            let head = format!("{request}\r\nconnection: close\r\n{headers}");
            server.write_all(head.as_bytes()).await?;
            tokio::io::copy(&mut server, &mut client).await?;
        }
        Ok(client.shutdown().await?)
    }
}
