//! The local registry beside another of the same interface: it is of the same hand as the relay, so
//! what both understand wrongly would go unseen.

use anyhow::Result;
use outbox_contract::fingerprint::Fingerprint;
use postrider::local::{Apicurio, ApicurioOptions, Registry, RegistryOptions, http_client};
use serde_json::{Value, json};

fn record(fields: &str) -> Value {
    let schema = format!(r#"{{"type": "record", "name": "shop.R", "fields": [{fields}]}}"#);
    json!({ "schema": schema })
}

/// Calls in their order. Left out is where Apicurio departs from Confluent's documentation: an
/// invalid version (42202) is none that is found there, an invalid level (42203) no JSON, and it
/// has no `/mode`.
fn calls() -> Vec<(&'static str, Value)> {
    let nothing = Value::Null;
    let a = r#"{"name": "a", "type": "int"}"#;
    let b = r#"{"name": "b", "type": "int", "default": 0}"#;
    let one = record(a);
    let two = record(&format!("{a}, {b}"));
    let needs_c = record(&format!(r#"{a}, {b}, {{"name": "c", "type": "int"}}"#));
    let wider = record(&format!("{}, {b}", a.replace("int", "long")));
    let level = |level: &str| json!({ "compatibility": level });
    vec![
        ("PUT /config", level("BACKWARD")),
        ("GET /config", nothing.clone()),
        ("GET /subjects", nothing.clone()),
        ("GET /subjects/shop.R/versions", nothing.clone()),
        ("POST /subjects/shop.R/versions", one.clone()),
        ("POST /subjects/shop.R/versions", one.clone()),
        ("POST /subjects/shop.R/versions", two.clone()),
        ("POST /subjects/shop.R/versions", needs_c.clone()),
        ("POST /subjects/shop.R/versions", json!({ "schema": "{" })),
        ("POST /subjects/shop.R", two.clone()),
        ("POST /subjects/shop.R", needs_c.clone()),
        ("GET /subjects/shop.R/versions", nothing.clone()),
        ("GET /subjects/shop.R/versions/1", nothing.clone()),
        ("GET /subjects/shop.R/versions/latest", nothing.clone()),
        ("GET /subjects/shop.R/versions/7", nothing.clone()),
        ("GET /subjects/shop.R/versions/1/schema", nothing.clone()),
        ("GET /subjects/nobody/versions/1", nothing.clone()),
        ("GET /schemas/ids/1", nothing.clone()),
        ("GET /schemas/ids/77", nothing.clone()),
        ("GET /schemas/ids/1/versions", nothing.clone()),
        (
            "POST /compatibility/subjects/shop.R/versions/latest",
            needs_c.clone(),
        ),
        (
            "POST /compatibility/subjects/shop.R/versions/latest",
            wider.clone(),
        ),
        (
            "POST /compatibility/subjects/shop.R/versions/1",
            wider.clone(),
        ),
        (
            "POST /compatibility/subjects/shop.R/versions",
            wider.clone(),
        ),
        ("PUT /config/shop.R", level("FULL")),
        ("GET /config/shop.R", nothing.clone()),
        (
            "POST /compatibility/subjects/shop.R/versions/latest",
            wider.clone(),
        ),
        ("POST /subjects/shop.R/versions", wider),
        ("DELETE /subjects/shop.R/versions/1", nothing.clone()),
        ("GET /subjects/shop.R/versions", nothing.clone()),
        ("DELETE /subjects/shop.R", nothing.clone()),
        ("GET /subjects/shop.R/versions", nothing.clone()),
        ("GET /subjects", nothing),
    ]
}

/// The status, and what of the answer both must have in common.
async fn ask(url: &str, call: &str, body: &Value) -> Result<String> {
    let (method, path) = call.split_once(' ').expect("a method and a path");
    let mut request = http_client()?.request(method.parse()?, format!("{url}{path}"));
    if !body.is_null() {
        request = request.json(body);
    }
    let answer = request.send().await?;
    let status = answer.status().as_u16();
    let text = answer.text().await?;
    let mut json = serde_json::from_str(&text).unwrap_or(Value::from(text.as_str()));
    // A schema may be spelled in any way.
    if path.ends_with("/schema") {
        json = Fingerprint::of_schema(&text)?.to_string().into();
    }
    if let Value::Object(members) = &mut json {
        if let Some(Value::String(schema)) = members.get("schema") {
            let fingerprint = Fingerprint::of_schema(schema)?.to_string();
            members.insert("schema".to_owned(), fingerprint.into());
        }
        // Words are free, and so is how nothing is said.
        members.remove("message");
        members.retain(|_, value| !value.is_null() && *value != json!([]));
    }
    Ok(format!("{status} {json}"))
}

#[tokio::test]
async fn another_registry_of_this_interface_answers_the_same() -> Result<()> {
    let ours = Registry::start(RegistryOptions::default()).await?;
    let other = Apicurio::start(ApicurioOptions::default()).await?;
    let mut different = Vec::new();
    for (call, body) in calls() {
        let answers = (
            ask(&ours.url(), call, &body).await?,
            ask(&other.url(), call, &body).await?,
        );
        if answers.0 != answers.1 {
            different.push(format!(
                "{call}\n  ours  {}\n  other {}",
                answers.0, answers.1
            ));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    Ok(())
}
