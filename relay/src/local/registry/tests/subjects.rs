//! Registration, lookup, ids, references.

use serde_json::{Value, json};

use super::{Caller, record};

#[tokio::test]
async fn what_was_registered_is_found_by_every_path() {
    let caller = Caller::new().await;
    let schema = record("R", &["a:int"]);
    assert_eq!(caller.register("shop.R", &schema).await, 1);
    let kept = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}"#;
    let whole = json!({ "subject": "shop.R", "version": 1, "id": 1, "schema": kept });
    for (call, answer) in [
        ("GET /", json!({})),
        ("GET /subjects", json!(["shop.R"])),
        ("GET /subjects/", json!(["shop.R"])),
        ("GET /subjects?subjectPrefix=shop.", json!(["shop.R"])),
        ("GET /subjects?subjectPrefix=other", json!([])),
        ("GET /subjects/shop.R/versions", json!([1])),
        ("GET /subjects/shop.R/versions/1", whole.clone()),
        ("GET /subjects/shop.R/versions/latest", whole.clone()),
        ("GET /subjects/shop.R/versions/-1", whole.clone()),
        ("GET /subjects/shop.R/versions/1/referencedby", json!([])),
        ("GET /schemas/types", json!(["AVRO"])),
        ("GET /schemas/ids/1", json!({ "schema": kept })),
        ("GET /schemas/ids/1/subjects", json!(["shop.R"])),
        (
            "GET /schemas/ids/1/versions",
            json!([{ "subject": "shop.R", "version": 1 }]),
        ),
    ] {
        assert_eq!(caller.ask(call, Value::Null).await, answer, "{call}");
    }
    for call in [
        "GET /subjects/shop.R/versions/1/schema",
        "GET /schemas/ids/1/schema",
    ] {
        assert_eq!(caller.send(call, None).await, (200, kept.to_owned()));
    }
    let found = caller
        .ask("POST /subjects/shop.R", json!({ "schema": schema }))
        .await;
    assert_eq!(found, whole);
}

#[tokio::test]
async fn what_is_not_there_is_refused_with_its_code() {
    let caller = Caller::new().await;
    caller.register("R", &record("R", &["a:int"])).await;
    let other = json!({ "schema": record("R", &["b:int"]) });
    for (call, body, code, message) in [
        (
            "GET /subjects/X/versions",
            Value::Null,
            40401,
            "Subject 'X' not found.",
        ),
        (
            "GET /subjects/X/versions/1",
            Value::Null,
            40401,
            "Subject 'X' not found.",
        ),
        (
            "POST /subjects/X",
            other.clone(),
            40401,
            "Subject 'X' not found.",
        ),
        (
            "DELETE /subjects/X",
            Value::Null,
            40401,
            "Subject 'X' not found.",
        ),
        (
            "GET /subjects/R/versions/2",
            Value::Null,
            40402,
            "Version 2 not found.",
        ),
        (
            "DELETE /subjects/R/versions/2",
            Value::Null,
            40402,
            "Version 2 not found.",
        ),
        ("POST /subjects/R", other, 40403, "Schema not found"),
        (
            "GET /schemas/ids/9",
            Value::Null,
            40403,
            "Schema 9 not found",
        ),
        (
            "GET /schemas/ids/9/versions",
            Value::Null,
            40403,
            "Schema 9 not found",
        ),
    ] {
        let refused = caller.refused(call, body).await;
        assert_eq!(refused, (code, message.to_owned()), "{call}");
    }
    for version in ["0", "-2", "first", "2147483648"] {
        let call = format!("GET /subjects/R/versions/{version}");
        assert_eq!(caller.code(&call, Value::Null).await, 42202, "{call}");
    }
}

#[tokio::test]
async fn ids_are_of_the_whole_registry_and_never_given_twice() {
    let caller = Caller::new().await;
    let (a, b) = (record("R", &["a:int"]), record("R", &["a:int", "b:int=0"]));
    assert_eq!(caller.register("one", &a).await, 1);
    assert_eq!(caller.register("one", &b).await, 2);
    assert_eq!(caller.register("one", &a).await, 1);
    assert_eq!(caller.register("two", &b).await, 2);
    let versions = caller.ask("GET /subjects/one/versions", Value::Null).await;
    assert_eq!(versions, json!([1, 2]));
    for permanent in ["", "?permanent=true"] {
        let call = format!("DELETE /subjects/one/versions/1{permanent}");
        assert_eq!(caller.ask(&call, Value::Null).await, json!(1));
    }
    assert_eq!(caller.code("GET /schemas/ids/1", Value::Null).await, 40403);
    assert_eq!(caller.register("three", &a).await, 3);
}

#[tokio::test]
async fn a_schema_is_the_same_in_other_whitespace_and_another_with_other_words() {
    let caller = Caller::new().await;
    let id = caller
        .register("R", r#"{"type":"record","name":"n.R","fields":[]}"#)
        .await;
    let same = r#" { "name": "R", "namespace": "n", "fields": [], "type": "record" } "#;
    assert_eq!(caller.register("R", same).await, id);
    let documented = r#"{"type":"record","name":"n.R","doc":"An R.","fields":[]}"#;
    assert_ne!(caller.register("R", documented).await, id);
}

#[tokio::test]
async fn normalized_schemas_are_kept_with_full_names_and_found_in_any_spelling() {
    let caller = Caller::new().await;
    let short = r#"{"type":"record","name":"R","namespace":"n","fields":[{"name":"r","type":["null","R"]}]}"#;
    let full = r#"{"type":"record","name":"n.R","fields":[{"name":"r","type":["null","n.R"]}]}"#;
    let body = json!({ "schema": short });
    let registered = caller
        .ask("POST /subjects/R/versions?normalize=true", body.clone())
        .await;
    assert_eq!(registered, json!({ "id": 1 }));
    let kept = caller.ask("GET /schemas/ids/1", Value::Null).await;
    assert_eq!(kept, json!({ "schema": full }));
    assert_eq!(caller.code("POST /subjects/R", body.clone()).await, 40403);
    let found = caller.ask("POST /subjects/R?normalize=true", body).await;
    assert_eq!(found["version"], 1);
}

#[tokio::test]
async fn subjects_may_have_any_character_that_can_be_printed() {
    let caller = Caller::new().await;
    for (path, subject) in [
        ("shop%2FOrder%20%C3%A4", "shop/Order ä"),
        ("a%3Fb%23c%25", "a?b#c%"),
        ("%E6%B3%A8%E6%96%87-value", "注文-value"),
    ] {
        caller.register(path, r#""string""#).await;
        let found = caller
            .ask(&format!("GET /subjects/{path}/versions/1"), Value::Null)
            .await;
        assert_eq!(found["subject"], subject);
        let registered = caller
            .registry
            .register(subject, r#""string""#)
            .await
            .unwrap();
        assert_eq!(registered.version, 1);
    }
    for path in ["a%0Ab", "__GLOBAL", "__EMPTY"] {
        let call = format!("POST /subjects/{path}/versions");
        assert_eq!(
            caller.code(&call, json!({ "schema": r#""int""# })).await,
            42208,
            "{path}"
        );
    }
    assert_eq!(
        caller.code("GET /subjects/%FF/versions", Value::Null).await,
        404
    );
}

#[tokio::test]
async fn references_bring_the_types_that_a_schema_uses() {
    let caller = Caller::new().await;
    caller
        .register("Money", &record("shop.Money", &["cents:long"]))
        .await;
    caller
        .register("Line", &record("shop.Line", &["a:int"]))
        .await;
    let order = json!({
        "schema": record("shop.Order", &["total:shop.Money", "tax:Money"]),
        "references": [{ "name": "shop.Money", "subject": "Money", "version": -1 }],
    });
    caller
        .ask("POST /subjects/Order/versions", order.clone())
        .await;
    let found = caller
        .ask("GET /subjects/Order/versions/1", Value::Null)
        .await;
    let settled = json!([{ "name": "shop.Money", "subject": "Money", "version": 1 }]);
    assert_eq!(found["references"], settled);
    let by_id = caller.ask("GET /schemas/ids/3", Value::Null).await;
    assert_eq!(by_id["references"], settled);
    assert_eq!(
        caller.ask("POST /subjects/Order", order.clone()).await["version"],
        1
    );

    let basket = json!({
        "schema": record("shop.Basket", &["order:shop.Order", "line:shop.Line"]),
        "references": [
            { "name": "shop.Order", "subject": "Order", "version": 1 },
            { "name": "shop.Line", "subject": "Line", "version": 1 },
        ],
    });
    caller.ask("POST /subjects/Basket/versions", basket).await;
    let referrers = caller
        .ask("GET /subjects/Order/versions/1/referencedby", Value::Null)
        .await;
    assert_eq!(referrers, json!([4]));

    let mut dangling = order.clone();
    dangling["references"][0]["version"] = json!(2);
    let (code, message) = caller
        .refused("POST /subjects/Order/versions", dangling)
        .await;
    assert_eq!(code, 42201);
    assert!(
        message.contains("version 2 of \"Money\" leads nowhere"),
        "{message}"
    );
    let mut without = order;
    without["references"] = json!([]);
    assert_eq!(
        caller.code("POST /subjects/Order/versions", without).await,
        42201
    );
}

#[tokio::test]
async fn references_end_somewhere() {
    let caller = Caller::new().await;
    caller.register("R0", &record("R0", &[])).await;
    for depth in 1..=17 {
        let inner = format!("R{}", depth - 1);
        let body = json!({
            "schema": record(&format!("R{depth}"), &[&format!("inner:{inner}")]),
            "references": [{ "name": inner, "subject": inner, "version": 1 }],
        });
        let call = format!("POST /subjects/R{depth}/versions");
        let (status, text) = caller.send(&call, Some(body.to_string())).await;
        assert_eq!(status == 200, depth < 16, "{depth}: {text}");
        if status != 200 {
            break;
        }
    }
}
