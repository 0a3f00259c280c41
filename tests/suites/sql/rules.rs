//! EVT-08: what is too large or badly named is refused at the insert, and by `emit` in the same way.

use tokio_postgres::types::Type;

use super::{database, refusal};

const CHECK_VIOLATION: &str = "23514";

/// A value of a column, at the limit and beyond it, and the constraint that refuses the latter.
struct Rule {
    column: &'static str,
    good: Vec<String>,
    bad: Vec<String>,
    constraint: &'static str,
}

#[expect(clippy::too_many_lines, reason = "a table, one rule after the other")]
fn rules() -> Vec<Rule> {
    let texts = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    let header_count = |count| {
        let headers: Vec<String> = (1..=count)
            .map(|number| format!("\"header-{number}\": \"v\""))
            .collect();
        format!("{{{}}}", headers.join(", "))
    };
    let header_bytes = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    let payload_bytes = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let name = |column, constraint| Rule {
        column,
        good: texts(&["a", "_", "shop.OrderPlaced", "A-b_c.9", &"n".repeat(200)]),
        bad: texts(&[
            "",
            "9a",
            ".a",
            "-a",
            "a b",
            "a/b",
            "a\n",
            "\u{e4}",
            &"n".repeat(201),
        ]),
        constraint,
    };
    let key = |column, constraint| Rule {
        column,
        good: texts(&["1", &"k".repeat(1024), &"\u{e4}".repeat(512), " "]),
        bad: texts(&["", &"k".repeat(1025), &"\u{e4}".repeat(513)]),
        constraint,
    };
    vec![
        name("aggregate_type", "event_aggregate_type_name"),
        name("event_type", "event_type_name"),
        Rule {
            column: "event_type",
            good: texts(&["postrider", "Postrider.x", "x.postrider.y"]),
            bad: texts(&["postrider.", "postrider.x", "postrider.canary"]),
            constraint: "event_type_reserved",
        },
        key("aggregate_id", "event_aggregate_id_size"),
        key("key", "event_key_size"),
        key("correlation_id", "event_correlation_id_size"),
        key("causation_id", "event_causation_id_size"),
        Rule {
            column: "payload",
            good: vec![payload_bytes(1_048_576)],
            bad: vec![payload_bytes(1_048_577)],
            constraint: "event_payload_size",
        },
        Rule {
            column: "headers",
            good: vec![header_bytes(65_536)],
            bad: vec![header_bytes(65_537)],
            constraint: "event_headers_size",
        },
        Rule {
            column: "headers",
            good: vec![header_count(64)],
            bad: vec![header_count(65)],
            constraint: "event_headers_count",
        },
        Rule {
            column: "headers",
            good: texts(&[
                "{}",
                "{\"a\":\"1\"}",
                " { \"a\" : \"{[1]}\" , \"b\" : \"\\\"x\\\\\" }\n",
                "{\"traceparent\":\"00-1-2-01\",\"reply-to\":\"\u{e4}\"}",
            ]),
            bad: texts(&[
                "[]",
                "\"\"",
                "null",
                "1",
                "{\"a\":1}",
                "{\"a\":-1e5}",
                "{\"a\":null}",
                "{\"a\":true}",
                "{\"a\":{}}",
                "{\"a\":[]}",
                "{\"a\":\"x\",\"b\":[\"y\"]}",
                "{\"a\":{},\"a\":\"x\"}",
                "{\"\":\"x\"}",
                "{\"a b\":\"x\"}",
                "{\"\u{e4}\":\"x\"}",
                // Escapes in a name would hide a reserved one from a reader of the text.
                "{\"\\u0069d\":\"x\"}",
            ]),
            constraint: "event_headers_flat",
        },
        Rule {
            column: "headers",
            good: texts(&["{\"Id\":\"x\"}", "{\"x\":\"id\"}"]),
            bad: outbox_contract::headers::RESERVED
                .map(|name| format!("{{\"tenant\": \"t\", \"{name}\": \"x\"}}"))
                .to_vec(),
            constraint: "event_headers_reserved",
        },
    ]
}

/// Runs `statement` with the given values for the named columns, text that PostgreSQL casts.
async fn write(
    client: &tokio_postgres::Client,
    statement: &str,
    (column, value): (&str, &str),
) -> Result<u64, tokio_postgres::Error> {
    let columns = [
        "aggregate_type",
        "aggregate_id",
        "event_type",
        "key",
        "correlation_id",
        "causation_id",
        "payload",
        "headers",
    ];
    let defaults = [
        Some("order"),
        Some("42"),
        Some("shop.OrderPlaced"),
        None,
        None,
        None,
        None,
        Some("{}"),
    ];
    let mut values = defaults;
    let position = columns.iter().position(|name| *name == column);
    values[position.expect("a column of the list")] = Some(value);
    let parameters = values
        .each_ref()
        .map(|value| value as &(dyn tokio_postgres::types::ToSql + Sync));
    let statement = client
        .prepare_typed(statement, &vec![Type::TEXT; columns.len()])
        .await?;
    client.execute(&statement, &parameters).await
}

const INSERT: &str = "insert into outbox.event (aggregate_type, aggregate_id, event_type, key, \
     correlation_id, causation_id, payload, headers) \
     values ($1, $2, $3, $4, $5, $6, $7::json, $8::json)";

const EMIT: &str = "select outbox.emit(aggregate_type => $1, aggregate_id => $2, event_type => $3, \
     key => $4, correlation_id => $5, causation_id => $6, payload => $7, headers => $8)";

async fn assert_rules(role: &str, statement: &str) {
    let database = database().await;
    let client = database.role(role).await;
    for Rule {
        column,
        good,
        bad,
        constraint,
    } in rules()
    {
        for value in good {
            let outcome = write(&client, statement, (column, &value)).await;
            outcome.unwrap_or_else(|error| panic!("{column} = {value:.100}: {error:?}"));
        }
        for value in bad {
            let outcome = write(&client, statement, (column, &value)).await;
            let error = outcome.expect_err(&format!("{column} = {value:.100} must be refused"));
            let expected = (CHECK_VIOLATION, Some(constraint));
            // Of several constraints that a value breaks, PostgreSQL names the first by name.
            assert_eq!(
                refusal(&error),
                expected,
                "{column} = {value:.100}: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_insert_outside_the_limits_is_refused_and_names_the_rule() {
    assert_rules("outbox_app", INSERT).await;
}

#[tokio::test]
async fn emit_refuses_what_the_table_refuses() {
    assert_rules("outbox_emitter", EMIT).await;
}

#[tokio::test]
async fn a_schema_ref_is_a_version_or_a_fingerprint() {
    let database = database().await;
    let client = database.role("outbox_app").await;
    let insert = "insert into outbox.event (aggregate_type, aggregate_id, event_type, schema_ref) \
         values ('a', '1', 'x', $1)";
    for good in ["v1", "v999999999", "sha256:0123456789abcdef"] {
        let outcome = client.execute(insert, &[&good]).await;
        outcome.unwrap_or_else(|error| panic!("{good}: {error:?}"));
    }
    for bad in [
        "",
        "v",
        "v0",
        "v01",
        "v1000000000",
        "1",
        "latest",
        "sha256:0123456789abcde",
        "sha256:0123456789ABCDEF",
    ] {
        let error = client.execute(insert, &[&bad]).await.expect_err(bad);
        assert_eq!(
            refusal(&error),
            (CHECK_VIOLATION, Some("event_schema_ref_form")),
            "{bad}"
        );
    }
    let emitter = database.role("outbox_emitter").await;
    let emit = "select outbox.emit('x', 'a', '1', '{}', schema_version => $1)";
    for bad in [0, -1, i32::MAX] {
        let error = emitter
            .execute(emit, &[&bad])
            .await
            .expect_err("no registered version");
        assert_eq!(
            refusal(&error),
            (CHECK_VIOLATION, Some("event_schema_ref_form")),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn a_refusal_by_emit_says_what_why_and_what_instead() {
    let database = database().await;
    let emitter = database.role("outbox_emitter").await;
    let emit = "select outbox.emit('shop order', 'a', '1', '{}')";
    let error = emitter
        .batch_execute(emit)
        .await
        .expect_err("a space is no part of a name");
    let error = error.as_db_error().expect("PostgreSQL refused");
    assert_eq!(error.message(), "the event breaks the rule event_type_name");
    assert_eq!(error.detail(), Some("Found 'shop order'."));
    let hint = error.hint().expect("there is a hint");
    assert!(hint.contains("use the name of its contract"), "{hint}");
}

#[tokio::test]
async fn every_rule_of_the_table_has_a_comment_that_emit_can_show() {
    let database = database().await;
    let query = "select count(*), string_agg(conname, ' ') filter (where \
         coalesce(obj_description(oid, 'pg_constraint'), '') not like '%: %') \
         from pg_constraint where conrelid = 'outbox.event'::regclass and contype = 'c'";
    let row = super::one(&database.superuser().await, query).await;
    assert!(row.get::<_, i64>(0) > 10, "the query finds the rules");
    assert_eq!(row.get::<_, Option<String>>(1), None);
}
