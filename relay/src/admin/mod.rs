//! The HTTP server on `http.listen`: `/livez`, `/readyz`, `/status`, `/metrics`.
//!
//! Contract: `/livez` fails only when the watchdog would end the process; `/readyz` is 200 as long
//! as the process serves, whatever Kafka, the slot or a halt do, because a sidecar must never take
//! its application offline. Everything is read-only.
//!
//! Guards against a server that disturbs the relay: each connection carries one request and ends
//! after a few seconds, their number is limited, and nobody waits for them at shutdown.

mod error;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::guardian::SlotWatch;
use crate::runtime::{self, Watchdog};
use crate::telemetry::{self, Vitals};

pub use error::Error;

/// The longest connection: one small request, one small answer. A client that is slower is cut off.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(5);

/// More than probes and scrapes ever need, and few enough to cost nothing.
const CONNECTIONS_MAX: usize = 64;

/// Between two attempts to take a connection, when the system has no file for it.
const ACCEPT_RETRY: Duration = Duration::from_millis(200);

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the server shows.
#[derive(Clone)]
pub struct Shown {
    /// What the pipeline says.
    pub vitals: Vitals,
    /// Whether the pipeline is stuck.
    pub watchdog: Watchdog,
    /// What PostgreSQL says of the slot.
    pub slot: SlotWatch,
}

/// Takes the port, so that a second process on it ends before it touches anything.
pub async fn bind(listen: SocketAddr) -> Result<TcpListener, Error> {
    let bound = TcpListener::bind(listen).await;
    bound.map_err(|source| Error::Bind { listen, source })
}

/// Answers for as long as the task lives; abort it to end.
pub async fn serve(listener: TcpListener, shown: Shown) {
    let service = TowerToHyperService::new(router(shown));
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        let (stream, _) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "a connection to http.listen could not be taken");
                sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let service = service.clone();
        runtime::spawn("http connection", async move {
            let connection = http1::Builder::new()
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            // A client that breaks off or is too slow is no concern of ours.
            let _ended = timeout(CONNECTION_TIME_MAX, connection).await;
            drop(place);
        });
    }
}

fn router(shown: Shown) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(async || "ready\n"))
        .route("/status", get(status))
        .route("/metrics", get(metrics))
        .with_state(shown)
}

async fn livez(State(shown): State<Shown>) -> impl IntoResponse {
    match shown.watchdog.stuck() {
        None => (StatusCode::OK, "alive\n".to_owned()),
        Some(part) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{part} is stuck\n"),
        ),
    }
}

async fn status(State(shown): State<Shown>) -> impl IntoResponse {
    let slot = shown.slot.position().await;
    Json(shown.vitals.status(slot))
}

async fn metrics(State(shown): State<Shown>) -> impl IntoResponse {
    let slot = shown.slot.position().await;
    let status = shown.vitals.status(slot);
    let text = telemetry::render(&status, shown.vitals.commit_to_kafka());
    ([(CONTENT_TYPE, OPEN_METRICS)], text)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::error::{Action, Classify as _};

    struct Server {
        address: SocketAddr,
        watchdog: Watchdog,
        task: JoinHandle<()>,
    }

    /// A server whose relay has no database.
    async fn server() -> Server {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let nowhere = "postgres://nobody@127.0.0.1:1/nothing".parse().unwrap();
        let watchdog = Watchdog::default();
        let shown = Shown {
            vitals: Vitals::new("orders", "postrider_orders", "postrider"),
            watchdog: watchdog.clone(),
            slot: SlotWatch::of(nowhere, "postrider_orders".to_owned()),
        };
        let task = runtime::spawn("http server", serve(listener, shown));
        Server {
            address,
            watchdog,
            task,
        }
    }

    /// The whole answer, head and body.
    async fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: relay\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn liveness_fails_with_the_watchdog_and_readiness_does_not() {
        let server = server().await;
        server.watchdog.heart("pipeline").beat();
        let alive = get(server.address, "/livez").await;
        assert!(alive.starts_with("HTTP/1.1 200"), "{alive}");
        server.watchdog.grow_old();
        let stuck = get(server.address, "/livez").await;
        assert!(stuck.starts_with("HTTP/1.1 503"), "{stuck}");
        assert!(stuck.contains("pipeline is stuck"), "{stuck}");
        let ready = get(server.address, "/readyz").await;
        assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
        server.task.abort();
    }

    #[tokio::test]
    async fn status_and_metrics_answer_without_a_database() {
        let server = server().await;
        let status = get(server.address, "/status").await;
        assert!(status.contains(r#""state":"starting""#), "{status}");
        assert!(
            status.contains(r#""slot_retained_wal_bytes":null"#),
            "{status}"
        );
        let metrics = get(server.address, "/metrics").await;
        assert!(metrics.contains(OPEN_METRICS), "{metrics}");
        assert!(metrics.ends_with("# EOF\n"), "{metrics}");
        server.task.abort();
    }

    #[tokio::test]
    async fn silent_clients_in_every_place_do_not_keep_a_probe_out_for_long() {
        let server = server().await;
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            silent.push(TcpStream::connect(server.address).await.unwrap());
        }
        let asked = Instant::now();
        let ready = get(server.address, "/readyz").await;
        assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
        assert!(asked.elapsed() < CONNECTION_TIME_MAX * 2);
        server.task.abort();
    }

    #[tokio::test]
    async fn a_taken_port_is_refused_with_its_address_and_key() {
        let server = server().await;
        let error = bind(server.address).await.unwrap_err();
        assert_eq!(error.action(), Action::Refuse);
        let (sentence, address) = (error.to_string(), server.address.to_string());
        assert!(
            sentence.contains(&address) && sentence.contains("http.listen"),
            "{sentence}"
        );
        assert!(error.remedy().contains("http.listen"));
        server.task.abort();
    }
}
