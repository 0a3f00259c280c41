//! A collector of traces, as a relay's operator would run one: OTLP over HTTP.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use postrider::local::port;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The collector; it ends with its value.
#[derive(Debug)]
pub struct Collector {
    port: u16,
    received: Received,
    _server: JoinSet<()>,
}

type Received = Arc<Mutex<Vec<ResourceSpans>>>;

/// A collector that lets nothing in, and counts who tries; it ends with its value.
#[derive(Debug)]
pub struct ClosedCollector {
    port: u16,
    attempts: Arc<AtomicUsize>,
    _server: JoinSet<()>,
}

impl ClosedCollector {
    /// Starts it on a free port.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub async fn start() -> Result<Self> {
        let attempts = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&attempts);
        let (port, server) = serve(Router::new().fallback(async move || {
            counted.fetch_add(1, Ordering::Relaxed);
            StatusCode::FORBIDDEN
        }))
        .await?;
        Ok(Self {
            port,
            attempts,
            _server: server,
        })
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is to say.
    pub fn endpoint(&self) -> String {
        endpoint(self.port)
    }

    /// How often somebody tried.
    pub fn attempts(&self) -> usize {
        self.attempts.load(Ordering::Relaxed)
    }
}

fn endpoint(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

async fn serve(router: Router) -> Result<(u16, JoinSet<()>)> {
    let port = port::free()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let mut server = JoinSet::new();
    server.spawn(async move {
        axum::serve(listener, router)
            .await
            .expect("serving does not end by itself");
    });
    Ok((port, server))
}

impl Collector {
    /// Starts it on a free port.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub async fn start() -> Result<Self> {
        let received = Received::default();
        let router = Router::new()
            .route("/v1/traces", post(take))
            .with_state(Arc::clone(&received));
        let (port, server) = serve(router).await?;
        Ok(Self {
            port,
            received,
            _server: server,
        })
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is to say.
    pub fn endpoint(&self) -> String {
        endpoint(self.port)
    }

    /// Every span so far, each with the resource that sent it.
    pub fn spans(&self) -> Vec<(Vec<KeyValue>, Span)> {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        let of_one = |it: &ResourceSpans| {
            let resource = it.resource.clone().unwrap_or_default().attributes;
            let spans = it.scope_spans.iter().flat_map(|scope| scope.spans.clone());
            spans
                .map(|span| (resource.clone(), span))
                .collect::<Vec<_>>()
        };
        received.iter().flat_map(of_one).collect()
    }
}

async fn take(State(received): State<Received>, body: Bytes) -> StatusCode {
    match ExportTraceServiceRequest::decode(body) {
        Ok(request) => {
            let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
            received.extend(request.resource_spans);
            StatusCode::OK
        }
        Err(_) => StatusCode::BAD_REQUEST,
    }
}

/// The text of an attribute, if it is there.
pub fn text_attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
    match &attribute.value {
        Some(AnyValue {
            value: Some(any_value::Value::StringValue(text)),
        }) => Some(text),
        _ => None,
    }
}
