//! Requests to a local registry, whichever it is.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::error::Error;
use crate::percent;

/// One request; the first registration in Apicurio takes about 50 ms.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// A schema as the registry knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Registered {
    /// The id that the wire header carries.
    pub id: u32,
    /// The version within its subject, from 1.
    pub version: u32,
}

/// Registers an Avro schema at the registry with this base URL, or finds it there.
pub(super) async fn register(url: &str, subject: &str, schema: &str) -> Result<Registered, Error> {
    let body = json!({ "schema": schema });
    let subject = format!("{url}/subjects/{}", percent::encode(subject));
    post(&format!("{subject}/versions"), &body).await?;
    // The answer above has only the id; the lookup of the same text has the version too.
    let found = post(&subject, &body).await?;
    found.json().await.map_err(Error::RegistryRequest)
}

/// Asks for the subjects.
pub(super) async fn ping(url: &str) -> Result<(), Error> {
    let client = http_client().map_err(Error::RegistryRequest)?;
    let answer = client.get(format!("{url}/subjects")).send().await;
    let answer = answer.and_then(reqwest::Response::error_for_status);
    answer.map(drop).map_err(Error::RegistryRequest)
}

async fn post(url: &str, body: &serde_json::Value) -> Result<reqwest::Response, Error> {
    let client = http_client().map_err(Error::RegistryRequest)?;
    let sent = client.post(url).json(body).send().await;
    let response = sent.map_err(Error::RegistryRequest)?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = response.text().await.map_err(Error::RegistryRequest)?;
    Err(Error::RegistryRefused {
        status: status.as_u16(),
        body,
    })
}

/// An HTTP client for one request to a local process: a pooled connection would belong to the
/// runtime of the test that made it, and seem open after a kill.
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    // An error says that a provider is installed already, which is what reqwest asks for.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    reqwest::Client::builder()
        .no_proxy()
        .timeout(REQUEST_LIMIT)
        .build()
}
