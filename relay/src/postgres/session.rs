//! Short-lived sessions for ordinary SQL.

use std::convert::Infallible;
use std::future::{Ready, poll_fn, ready};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;
use tokio_postgres::config::{SslMode as DriverSslMode, SslNegotiation};
use tokio_postgres::tls::{ChannelBinding as DriverBinding, TlsConnect, TlsStream};
use tokio_postgres::{AsyncMessage, Client, Connection};

use super::dial::{Attempt, Attempts};
use super::socket::Io;
use super::target::{ChannelBinding, Target};
use super::{Error, Place, ServerError};

/// A server that got our `Terminate` closes at once; one that does not is not waited for.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A session for ordinary SQL. Close it as soon as its statements are done: an open session
/// delays a smart shutdown of the server.
pub struct Session {
    client: Client,
    driver: JoinHandle<()>,
    at: Place,
}

/// Opens a session with the first host of `target` that accepts writes.
pub async fn connect(target: &Target) -> Result<Session, Error> {
    open(target, None).await
}

/// The same for statements that nobody waits for longer than `limit`. The server ends them as well:
/// one that waits for a lock would outlive its client, and the next one join it.
pub async fn connect_within(limit: Duration, target: &Target) -> Result<Session, Error> {
    open(target, Some(limit)).await
}

async fn open(target: &Target, statement_limit: Option<Duration>) -> Result<Session, Error> {
    let mut attempts = Attempts::new(target)?;
    loop {
        let attempt = attempts.next().await?;
        let limit = attempt.limit();
        match Attempt::within(limit, start(attempt, target, statement_limit)).await {
            Ok(session) => return Ok(session),
            Err(error) => attempts.failed(error)?,
        }
    }
}

impl Session {
    /// The driver's client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The driver's client, for transactions.
    pub fn client_mut(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Turns the driver's error into ours: `.map_err(session.failed("reading the slot"))`.
    pub fn failed(&self, doing: &'static str) -> impl FnOnce(tokio_postgres::Error) -> Error {
        let at = self.at.clone();
        move |source| Error::Query { at, doing, source }
    }

    /// Says goodbye and waits until the server has heard it.
    pub async fn close(self) {
        let Self {
            client, mut driver, ..
        } = self;
        drop(client);
        if tokio::time::timeout(CLOSE_TIMEOUT, &mut driver)
            .await
            .is_err()
        {
            driver.abort();
        }
    }
}

async fn start(
    attempt: Attempt,
    target: &Target,
    statement_limit: Option<Duration>,
) -> Result<Session, Error> {
    let at = attempt.at.clone();
    let mut config = tokio_postgres::Config::new();
    config
        .user(&target.user)
        .dbname(&target.database)
        .application_name(&target.application_name);
    if let Some(password) = target.password() {
        config.password(password);
    }
    let mut options = target.options.clone().unwrap_or_default();
    if let Some(limit) = statement_limit {
        let limit = limit.as_millis();
        options = format!("{options} -c statement_timeout={limit}");
    }
    if !options.is_empty() {
        config.options(&options);
    }
    config.channel_binding(match target.channel_binding {
        ChannelBinding::Disable => tokio_postgres::config::ChannelBinding::Disable,
        ChannelBinding::Prefer => tokio_postgres::config::ChannelBinding::Prefer,
        ChannelBinding::Require => tokio_postgres::config::ChannelBinding::Require,
    });
    // TLS is already negotiated by `dial`; this only hands its channel binding to the driver.
    config
        .ssl_mode(DriverSslMode::Require)
        .ssl_negotiation(SslNegotiation::Direct);
    let stream = NegotiatedStream {
        io: attempt.io,
        server_end_point: attempt.server_end_point,
    };
    let (client, connection) = config
        .connect_raw(stream, Negotiated)
        .await
        .map_err(|source| start_up_error(at.clone(), target, source))?;
    let session_is_standby = connection.parameter("in_hot_standby") == Some("on");
    #[expect(
        clippy::disallowed_methods,
        reason = "the session owns this task and ends it"
    )]
    let driver = tokio::spawn(drive(connection));
    let session = Session { client, driver, at };
    if session_is_standby {
        let at = session.at.clone();
        session.close().await;
        return Err(Error::Standby { at });
    }
    Ok(session)
}

/// Moves the session's bytes until the client is dropped or the connection breaks; the statement
/// in flight gets the error.
async fn drive(mut connection: Connection<NegotiatedStream, NegotiatedStream>) {
    while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
        match message {
            Ok(AsyncMessage::Notice(notice)) => {
                tracing::debug!(notice = %ServerError::from(&notice), "notice from PostgreSQL");
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

fn start_up_error(at: Place, target: &Target, error: tokio_postgres::Error) -> Error {
    if let Some(answer) = error.as_db_error() {
        return Error::from_start_up(at, Box::new(answer.into()));
    }
    let cause = std::error::Error::source(&error);
    match cause.and_then(|cause| cause.downcast_ref::<std::io::Error>()) {
        Some(io) => Error::lost(at, std::io::Error::new(io.kind(), error)),
        None if error.is_closed() => Error::Lost {
            at,
            source: std::io::Error::new(std::io::ErrorKind::UnexpectedEof, error),
        },
        None if target.password().is_none() => Error::PasswordMissing { at },
        None => Error::AuthenticationMethod {
            at,
            method: "what the server asks for",
        },
    }
}

/// A connection whose TLS, if any, is negotiated by `dial`.
struct NegotiatedStream {
    io: Box<dyn Io>,
    server_end_point: Option<Vec<u8>>,
}

/// Stands where the driver expects a TLS connector, over a connection that needs none any more.
struct Negotiated;

impl TlsConnect<NegotiatedStream> for Negotiated {
    type Stream = NegotiatedStream;
    type Error = Infallible;
    type Future = Ready<Result<NegotiatedStream, Infallible>>;

    fn connect(self, stream: NegotiatedStream) -> Self::Future {
        ready(Ok(stream))
    }
}

impl TlsStream for NegotiatedStream {
    fn channel_binding(&self) -> DriverBinding {
        match &self.server_end_point {
            Some(hash) => DriverBinding::tls_server_end_point(hash.clone()),
            None => DriverBinding::none(),
        }
    }
}

impl AsyncRead for NegotiatedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl AsyncWrite for NegotiatedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
