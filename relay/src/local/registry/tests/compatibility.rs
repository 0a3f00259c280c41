//! New versions are held against earlier ones.

use serde_json::{Value, json};

use super::{Caller, record};

#[tokio::test]
async fn a_new_version_must_read_the_latest_one_unless_told_otherwise() {
    let caller = Caller::new().await;
    caller.register("R", &record("R", &["a:int"])).await;
    let breaking = json!({ "schema": record("R", &["a:int", "b:int"]) });
    let (code, message) = caller
        .refused("POST /subjects/R/versions", breaking.clone())
        .await;
    assert_eq!(code, 409);
    assert_eq!(
        message,
        "Schema being registered is incompatible with an earlier schema for subject \"R\", \
         details: [the new version cannot read events of version 1: \
         b: the field was not written, and has no default to be read instead]"
    );
    let versions = caller.ask("GET /subjects/R/versions", Value::Null).await;
    assert_eq!(versions, json!([1]));
    for level in ["FORWARD", "NONE"] {
        let subject = format!("R.{level}");
        caller.register(&subject, &record("R", &["a:int"])).await;
        let config = json!({ "compatibility": level });
        caller.ask(&format!("PUT /config/{subject}"), config).await;
        caller
            .ask(
                &format!("POST /subjects/{subject}/versions"),
                breaking.clone(),
            )
            .await;
    }
}

#[tokio::test]
async fn what_only_alters_values_is_let_through_as_by_every_registry() {
    let caller = Caller::new().await;
    let decimal = |scale: u32| {
        format!(r#"{{"type":"bytes","logicalType":"decimal","precision":9,"scale":{scale}}}"#)
    };
    caller.register("Amount", &decimal(2)).await;
    caller.register("Amount", &decimal(4)).await;
}

#[tokio::test]
async fn one_may_ask_before_one_registers() {
    let caller = Caller::new().await;
    let all = "POST /compatibility/subjects/R/versions";
    let latest = "POST /compatibility/subjects/R/versions/latest";
    let needs_b = json!({ "schema": record("R", &["a:int", "b:int"]) });
    let fits = json!({ "is_compatible": true });
    // Nothing is there that it could break.
    assert_eq!(caller.ask(all, needs_b.clone()).await, fits);
    assert_eq!(caller.ask(latest, needs_b.clone()).await, fits);
    let first = "POST /compatibility/subjects/R/versions/1";
    assert_eq!(caller.code(first, needs_b.clone()).await, 40401);

    caller.register("R", &record("R", &["a:int"])).await;
    caller
        .register("R", &record("R", &["a:int", "b:int=0"]))
        .await;
    assert_eq!(caller.ask(latest, needs_b.clone()).await, fits);
    assert_eq!(caller.ask(all, needs_b.clone()).await, fits);
    let answer = caller.ask(first, needs_b.clone()).await;
    assert_eq!(answer, json!({ "is_compatible": false }));
    let config = json!({ "compatibility": "BACKWARD_TRANSITIVE" });
    caller.ask("PUT /config", config).await;
    let answer = caller
        .ask(&format!("{all}?verbose=true"), needs_b.clone())
        .await;
    assert_eq!(
        answer,
        json!({ "is_compatible": false, "messages": [
            "the new version cannot read events of version 1: \
             b: the field was not written, and has no default to be read instead"
        ] })
    );
    let third = "POST /compatibility/subjects/R/versions/3";
    assert_eq!(caller.code(third, needs_b.clone()).await, 40402);
    let none = "POST /compatibility/subjects/R/versions/none";
    assert_eq!(caller.code(none, needs_b).await, 42202);
    let versions = caller.ask("GET /subjects/R/versions", Value::Null).await;
    assert_eq!(versions, json!([1, 2]), "asking registers nothing");
}
