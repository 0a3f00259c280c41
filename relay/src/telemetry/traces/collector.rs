//! The way to the collector.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::Handle;

use crate::error::Chain;

/// Longest wait for one answer; the specification's default for an export.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends on the relay's runtime what the exporter's own thread hands over.
#[derive(Debug)]
pub(super) struct Collector {
    client: reqwest::Client,
    runtime: Handle,
    /// Whether the last attempt failed, so that an operator is told once and not every 5 seconds.
    is_away: AtomicBool,
}

impl Collector {
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        // A provider that is there already serves as well.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            client: reqwest::Client::builder().timeout(ANSWER_TIMEOUT).build()?,
            runtime: Handle::current(),
            is_away: AtomicBool::new(false),
        })
    }

    fn note(&self, failure: Option<String>) {
        let was_away = self.is_away.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(error) if !was_away => tracing::warn!(
                error,
                "traces do not reach the collector; events are published all the same"
            ),
            None if was_away => tracing::info!("traces reach the collector again"),
            _ => {}
        }
    }
}

async fn send(
    client: reqwest::Client,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, reqwest::Error> {
    let mut answer = client.execute(request.try_into()?).await?;
    let mut response = Response::builder().status(answer.status());
    if let Some(headers) = response.headers_mut() {
        std::mem::swap(headers, answer.headers_mut());
    }
    let body = answer.bytes().await?;
    Ok(response
        .body(body)
        .expect("a status and headers that were received make a response"))
}

impl HttpClient for Collector {
    fn send_bytes<'life0, 'async_trait>(
        &'life0 self,
        request: Request<Bytes>,
    ) -> BoxFuture<'async_trait, Result<Response<Bytes>, HttpError>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        async move {
            let sent = self.runtime.spawn(send(self.client.clone(), request)).await;
            let sent: Result<_, HttpError> = match sent {
                Ok(sent) => sent.map_err(Into::into),
                Err(gone) => Err(gone.into()),
            };
            self.note(match &sent {
                Ok(answer) if answer.status().is_success() => None,
                Ok(answer) => Some(format!("it answered {}", answer.status())),
                Err(error) => Some(Chain(error.as_ref()).to_string()),
            });
            sent
        }
        .boxed()
    }
}
