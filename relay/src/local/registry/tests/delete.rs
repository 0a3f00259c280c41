//! Deletion in two steps.

use serde_json::{Value, json};

use super::{Caller, record};

#[tokio::test]
async fn a_version_is_deleted_softly_first_and_found_only_by_who_asks_for_deleted_ones() {
    let caller = Caller::new().await;
    let (a, b) = (record("R", &["a:int"]), record("R", &["a:int", "b:int=0"]));
    caller.register("R", &a).await;
    caller.register("R", &b).await;
    let (one, for_good) = ("DELETE /subjects/R/versions/1", "?permanent=true");
    assert_eq!(
        caller.code(&format!("{one}{for_good}"), Value::Null).await,
        40407
    );
    assert_eq!(caller.ask(one, Value::Null).await, json!(1));
    assert_eq!(caller.code(one, Value::Null).await, 40406);
    for (call, answer) in [
        ("GET /subjects/R/versions", json!([2])),
        ("GET /subjects/R/versions?deleted=true", json!([1, 2])),
        ("GET /schemas/ids/1/subjects", json!([])),
        ("GET /schemas/ids/1/subjects?deleted=true", json!(["R"])),
    ] {
        assert_eq!(caller.ask(call, Value::Null).await, answer, "{call}");
    }
    assert_eq!(
        caller.code("GET /subjects/R/versions/1", Value::Null).await,
        40402
    );
    let deleted = caller
        .ask("GET /subjects/R/versions/1?deleted=true", Value::Null)
        .await;
    assert_eq!(deleted["id"], 1);
    assert_eq!(
        caller
            .code("POST /subjects/R", json!({ "schema": a }))
            .await,
        40403
    );

    // The same schema again is a new version with the same id.
    assert_eq!(caller.register("R", &a).await, 1);
    let versions = caller.ask("GET /subjects/R/versions", Value::Null).await;
    assert_eq!(versions, json!([2, 3]));
    assert_eq!(
        caller.ask(&format!("{one}{for_good}"), Value::Null).await,
        json!(1)
    );
    let versions = caller
        .ask("GET /subjects/R/versions?deleted=true", Value::Null)
        .await;
    assert_eq!(versions, json!([2, 3]));
}

#[tokio::test]
async fn a_subject_is_deleted_softly_first_and_loses_its_own_settings() {
    let caller = Caller::new().await;
    caller.register("R", &record("R", &["a:int"])).await;
    caller
        .ask("PUT /config/R", json!({ "compatibility": "FULL" }))
        .await;
    let (soft, for_good) = ("DELETE /subjects/R", "DELETE /subjects/R?permanent=true");
    assert_eq!(caller.code(for_good, Value::Null).await, 40405);
    assert_eq!(caller.ask(soft, Value::Null).await, json!([1]));
    assert_eq!(caller.code(soft, Value::Null).await, 40404);
    assert_eq!(caller.code("GET /config/R", Value::Null).await, 40408);
    for (call, answer) in [
        ("GET /subjects", json!([])),
        ("GET /subjects?deleted=true", json!(["R"])),
        ("GET /subjects?deletedOnly=true", json!(["R"])),
    ] {
        assert_eq!(caller.ask(call, Value::Null).await, answer, "{call}");
    }
    assert_eq!(
        caller.code("GET /subjects/R/versions", Value::Null).await,
        40401
    );
    assert_eq!(caller.ask(for_good, Value::Null).await, json!([1]));
    assert_eq!(caller.code(for_good, Value::Null).await, 40401);
    assert_eq!(caller.code("GET /schemas/ids/1", Value::Null).await, 40403);
}

#[tokio::test]
async fn what_others_refer_to_is_not_deleted() {
    let caller = Caller::new().await;
    caller.register("Money", &record("Money", &[])).await;
    let order = json!({
        "schema": record("Order", &["total:Money"]),
        "references": [{ "name": "Money", "subject": "Money", "version": 1 }],
    });
    caller.ask("POST /subjects/Order/versions", order).await;
    for call in [
        "DELETE /subjects/Money",
        "DELETE /subjects/Money/versions/1",
    ] {
        assert_eq!(caller.code(call, Value::Null).await, 42206, "{call}");
    }
    caller.ask("DELETE /subjects/Order", Value::Null).await;
    caller.ask("DELETE /subjects/Money", Value::Null).await;
}
