//! Requests over real HTTP, and the answers that Confluent's documentation promises.

mod compatibility;
mod delete;
mod http;
mod settings;
mod subjects;

use serde_json::{Value, json};

use super::{Registry, RegistryOptions};
use crate::local::http_client;

/// A registry of the test's own, and a client.
struct Caller {
    registry: Registry,
    client: reqwest::Client,
}

impl Caller {
    async fn new() -> Self {
        let registry = Registry::start(RegistryOptions::default()).await.unwrap();
        let client = http_client().unwrap();
        Self { registry, client }
    }

    /// Sends `METHOD /path` and returns the status and the text of the answer.
    async fn send(&self, call: &str, body: Option<String>) -> (u16, String) {
        let (method, path) = call.split_once(' ').unwrap();
        let url = format!("{}{path}", self.registry.url());
        let mut request = self.client.request(method.parse().unwrap(), url);
        if let Some(body) = body {
            let json = "application/vnd.schemaregistry.v1+json";
            request = request.header("content-type", json).body(body);
        }
        let answer = request.send().await.unwrap();
        let media_type = answer.headers()["content-type"].to_str().unwrap();
        assert_eq!(media_type, "application/vnd.schemaregistry.v1+json");
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// What a request that must succeed gives.
    async fn ask(&self, call: &str, body: Value) -> Value {
        let (status, text) = self.send(call, some(&body)).await;
        assert_eq!(status, 200, "{call}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The code and the message of a request that must be refused.
    async fn refused(&self, call: &str, body: Value) -> (u64, String) {
        let (status, text) = self.send(call, some(&body)).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        let code = answer["error_code"].as_u64().unwrap();
        let first_digits = if code < 1_000 { code } else { code / 100 };
        assert_eq!(u64::from(status), first_digits, "{call}: {text}");
        (code, answer["message"].as_str().unwrap().to_owned())
    }

    async fn code(&self, call: &str, body: Value) -> u64 {
        self.refused(call, body).await.0
    }

    /// Registers a schema and returns its id.
    async fn register(&self, subject: &str, schema: &str) -> u64 {
        let call = format!("POST /subjects/{subject}/versions");
        let answer = self.ask(&call, json!({ "schema": schema })).await;
        answer["id"].as_u64().unwrap()
    }
}

fn some(body: &Value) -> Option<String> {
    (!body.is_null()).then(|| body.to_string())
}

/// A record with these fields: `name:type`, and `name:type=default`.
fn record(name: &str, fields: &[&str]) -> String {
    let fields = fields.iter().map(|field| {
        let (name, rest) = field.split_once(':').unwrap();
        let (field_type, default) = rest.split_once('=').unwrap_or((rest, ""));
        let mut field = json!({ "name": name, "type": field_type });
        if !default.is_empty() {
            field["default"] = serde_json::from_str(default).unwrap();
        }
        field
    });
    let fields: Vec<Value> = fields.collect();
    json!({ "type": "record", "name": name, "fields": fields }).to_string()
}
