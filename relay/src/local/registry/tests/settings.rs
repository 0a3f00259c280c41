//! `/config` and `/mode`.

use serde_json::{Value, json};

use super::Caller;

#[tokio::test]
async fn a_setting_is_the_registrys_unless_a_subject_has_its_own() {
    let caller = Caller::new().await;
    for (path, key, of_put, default, other, none) in [
        (
            "/config",
            "compatibilityLevel",
            "compatibility",
            "BACKWARD",
            "FULL",
            40408,
        ),
        ("/mode", "mode", "mode", "READWRITE", "READONLY", 40409),
    ] {
        let get = format!("GET {path}");
        assert_eq!(caller.ask(&get, Value::Null).await, json!({ key: default }));
        let own = format!("GET {path}/R");
        assert_eq!(caller.code(&own, Value::Null).await, none);
        let or_global = format!("{own}?defaultToGlobal=true");
        assert_eq!(
            caller.ask(&or_global, Value::Null).await,
            json!({ key: default })
        );

        let put = json!({ of_put: other });
        let answer = caller.ask(&format!("PUT {path}/R"), put.clone()).await;
        assert_eq!(answer, put);
        assert_eq!(caller.ask(&own, Value::Null).await, json!({ key: other }));
        assert_eq!(caller.ask(&get, Value::Null).await, json!({ key: default }));
        let delete = format!("DELETE {path}/R");
        assert_eq!(
            caller.ask(&delete, Value::Null).await,
            json!({ key: other })
        );
        assert_eq!(caller.code(&delete, Value::Null).await, 40401);

        caller.ask(&format!("PUT {path}"), put).await;
        assert_eq!(
            caller.ask(&or_global, Value::Null).await,
            json!({ key: other })
        );
        let delete = format!("DELETE {path}");
        assert_eq!(
            caller.ask(&delete, Value::Null).await,
            json!({ key: other })
        );
        assert_eq!(caller.ask(&get, Value::Null).await, json!({ key: default }));
    }
    let level = json!({ "compatibility": "BACKWARDS" });
    assert_eq!(caller.code("PUT /config", level).await, 42203);
    let mode = json!({ "mode": "IMPORT" });
    assert_eq!(caller.code("PUT /mode", mode).await, 42204);
    assert_eq!(caller.code("PUT /mode", json!({ "level": 1 })).await, 422);
    assert_eq!(caller.code("POST /config", Value::Null).await, 405);
}

#[tokio::test]
async fn a_read_only_registry_finds_schemas_and_takes_none() {
    let caller = Caller::new().await;
    caller.register("R", r#""int""#).await;
    caller.ask("PUT /mode", json!({ "mode": "READONLY" })).await;
    assert_eq!(caller.register("R", r#""int""#).await, 1);
    let other = json!({ "schema": r#""long""# });
    assert_eq!(caller.code("POST /subjects/R/versions", other).await, 42205);
    assert_eq!(caller.code("DELETE /subjects/R", Value::Null).await, 42205);
    assert_eq!(
        caller
            .code("DELETE /subjects/R/versions/1", Value::Null)
            .await,
        42205
    );
}
