//! The registry's HTTP server, on a thread and a runtime of its own.
//!
//! Of its own, because the tests share one registry and each has a runtime that ends with it, and
//! because then nothing of it can be left: when the thread's runtime ends, so do its listener, its
//! connections and their tasks.

use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::sync::oneshot;

use super::interface::{Answer, Request, answer};
use super::refusal::Refusal;
use super::store::Store;
use super::{BODY_BYTES_MAX, CONTENT_TYPES};
use crate::percent;
use crate::runtime::spawn_thread;

/// A server that answers until it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    // Dropped first, which is the word to stop.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers on `listener` from `store`.
    pub(super) fn start(listener: TcpListener, store: Arc<Mutex<Store>>) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = spawn_thread("schema registry", move || {
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    // The owner is gone: that is the word to stop.
                    _ = stopped => {}
                    // It ends only with an error, and without it nobody answers.
                    ended = serve(listener, store) => {
                        tracing::error!(?ended, "the schema registry ends");
                    }
                }
            });
        });
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there was reported by the panic itself.
            let _reported = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, store: Arc<Mutex<Store>>) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let router = Router::new().fallback(handle).with_state(store);
    axum::serve(listener, router).await
}

async fn handle(
    State(store): State<Arc<Mutex<Store>>>,
    request: axum::http::Request<Body>,
) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let answered = match read(request).await {
        Ok(request) => {
            let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
            answer(&mut store, &request)
        }
        Err(refusal) => Err(refusal),
    };
    let code = answered.as_ref().map_or_else(Refusal::code, |_| 200);
    tracing::debug!(%method, %uri, code, "answered");
    respond(answered)
}

fn respond(answered: Result<Answer, Refusal>) -> Response {
    let (status, text) = match answered {
        Ok(Answer::Json(json)) => (StatusCode::OK, json.to_string()),
        Ok(Answer::Schema(text)) => (StatusCode::OK, text),
        Err(refusal) => {
            let code = refusal.code();
            let digits = if code < 1_000 { code } else { code / 100 };
            let status = u16::try_from(digits).ok();
            let status = status.and_then(|status| StatusCode::from_u16(status).ok());
            let body = json!({ "error_code": code, "message": refusal.to_string() });
            let status = status.expect("every code begins with an HTTP status");
            (status, body.to_string())
        }
    };
    (status, [(CONTENT_TYPE, CONTENT_TYPES[0])], text).into_response()
}

/// Takes a request apart.
async fn read(request: axum::http::Request<Body>) -> Result<Request, Refusal> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX).await;
    let body = body.map_err(|_| Refusal::BodyTooLarge)?.to_vec();
    if !body.is_empty() {
        check_media_type(&head.headers)?;
    }
    Ok(Request {
        method: head.method,
        path: path(&head.uri)?,
        query: query(&head.uri),
        body,
    })
}

/// What JAX-RS lets through: a body without a type is taken, a form is not.
fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(given) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let given = given.to_str().map_err(|_| Refusal::MediaType)?;
    let essence = given.split(';').next().unwrap_or_default().trim();
    let is_taken = CONTENT_TYPES
        .iter()
        .any(|taken| taken.eq_ignore_ascii_case(essence));
    if is_taken {
        return Ok(());
    }
    Err(Refusal::MediaType)
}

fn path(uri: &Uri) -> Result<Vec<String>, Refusal> {
    let path = uri.path().trim_start_matches('/').trim_end_matches('/');
    let segments = path.split('/').filter(|_| !path.is_empty());
    segments
        .map(|segment| percent::decode(segment).ok_or(Refusal::NoSuchPath))
        .collect()
}

fn query(uri: &Uri) -> Vec<(String, String)> {
    let pairs = uri.query().unwrap_or_default().split('&');
    let decode = |text: &str| percent::decode(&text.replace('+', " ")).unwrap_or_default();
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}
