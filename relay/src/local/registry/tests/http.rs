//! What is no fine request, and what is left of a server that ended.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use serde_json::{Value, json};

use super::super::{BODY_BYTES_MAX, Registry, RegistryOptions, SCHEMA_BYTES_MAX};
use super::{Caller, record};
use crate::local::{Error, http_client};

const REGISTER: &str = "POST /subjects/R/versions";

#[tokio::test]
async fn a_body_that_is_wrong_is_refused_by_what_is_wrong_with_it() {
    let caller = Caller::new().await;
    for (body, code) in [
        ("{", 400),
        ("no json", 400),
        ("", 400),
        ("[]", 422),
        (r#"{"schema": 1}"#, 422),
        (r#"{"schema": "\"int\"", "references": [{}]}"#, 422),
        ("{}", 42201),
        (r#"{"schema": ""}"#, 42201),
        (r#"{"schema": "{"}"#, 42201),
        (r#"{"schema": "\"order\""}"#, 42201),
        (r#"{"schema": "\"int\"", "schemaType": "PROTOBUF"}"#, 42201),
    ] {
        let (status, text) = caller.send(REGISTER, Some(body.to_owned())).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["error_code"], code, "{body}: {status} {text}");
    }
    let more = json!({ "schema": r#""int""#, "schemaType": "AVRO", "metadata": {}, "version": 7 });
    assert_eq!(caller.ask(REGISTER, more).await, json!({ "id": 1 }));
}

#[tokio::test]
async fn sizes_have_an_end() {
    let caller = Caller::new().await;
    let padded = |bytes: usize| format!("\"int\"{}", " ".repeat(bytes - 5));
    let body = |bytes: usize| json!({ "schema": padded(bytes) });
    caller.ask(REGISTER, body(SCHEMA_BYTES_MAX)).await;
    assert_eq!(
        caller.code(REGISTER, body(SCHEMA_BYTES_MAX + 1)).await,
        42209
    );
    assert_eq!(caller.code(REGISTER, body(BODY_BYTES_MAX)).await, 413);
}

#[tokio::test]
async fn paths_methods_and_media_types_that_are_not_known_are_told_apart() {
    let caller = Caller::new().await;
    for (call, code) in [
        ("GET /nothing", 404),
        ("GET /subjects/R/versions/1/other", 404),
        ("GET /schemas/ids/one", 404),
        ("PUT /subjects", 405),
        ("PUT /subjects/R/versions", 405),
        ("DELETE /schemas/ids/1", 405),
        ("GET /compatibility/subjects/R/versions/1", 405),
    ] {
        assert_eq!(caller.code(call, Value::Null).await, code, "{call}");
    }
    let url = format!("{}/subjects/R/versions", caller.registry.url());
    let body = json!({ "schema": r#""int""# }).to_string();
    for (media_type, status) in [
        ("application/x-www-form-urlencoded", 415),
        ("text/plain", 415),
        ("application/json; charset=utf-8", 200),
        ("application/vnd.schemaregistry+json", 200),
        ("application/octet-stream", 200),
    ] {
        let request = caller.client.post(&url).body(body.clone());
        let answer = request
            .header("content-type", media_type)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), status, "{media_type}");
    }
}

#[tokio::test]
async fn a_stopped_registry_keeps_its_port_and_its_schemas() {
    let mut caller = Caller::new().await;
    caller.register("R", &record("R", &["a:int"])).await;
    let url = caller.registry.url();
    caller.registry.stop();
    assert!(caller.client.get(&url).send().await.is_err());
    caller.registry.restart().await.unwrap();
    assert_eq!(caller.registry.url(), url);
    let subjects = caller.ask("GET /subjects", Value::Null).await;
    assert_eq!(subjects, json!(["R"]));
}

#[tokio::test]
async fn a_dropped_registry_leaves_no_thread_no_port_and_no_connection() {
    let caller = Caller::new().await;
    let url = caller.registry.url();
    let port = url.rsplit_once(':').unwrap().1.parse::<u16>().unwrap();
    // A pooled connection and one that says nothing.
    caller.ask("GET /subjects", Value::Null).await;
    let silent = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .unwrap();
    drop(caller);
    let closed = tokio::time::timeout(Duration::from_secs(10), silent.readable()).await;
    assert!(closed.is_ok(), "the connection is open");
    assert!(http_client().unwrap().get(&url).send().await.is_err());
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
}

#[tokio::test]
async fn a_port_that_is_taken_is_refused() {
    let caller = Caller::new().await;
    let port = caller.registry.port;
    let second = Registry::start(RegistryOptions { port: Some(port) }).await;
    assert!(matches!(second, Err(Error::PortTaken { .. })), "{second:?}");
}

#[test]
fn a_registry_outlives_the_runtime_that_started_it() {
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let registry = runtime().block_on(Registry::start(RegistryOptions::default()));
    let registry = registry.unwrap();
    let registered = runtime().block_on(registry.register("R", r#""int""#));
    assert_eq!(registered.unwrap().id, 1);
}
