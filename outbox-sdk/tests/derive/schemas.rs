//! The JSON of derived schemas.

use outbox_sdk::contract::schema::Error;
use outbox_sdk::{AvroType, Event};
use serde::Serialize;
use uuid::Uuid;

/// An order was placed.
///
/// It is not yet paid.
#[derive(Event, Serialize)]
#[event(type = "shop.OrderPlaced", aggregate = "order", key = order_id)]
struct OrderPlaced {
    order_id: Uuid,
    /// With tax.
    #[event(decimal(precision = 12, scale = 2))]
    total: String,
    #[event(default = -1.5)]
    ratio: f64,
    #[event(default = "EUR", doc = "Of the total.")]
    currency: Option<Currency>,
    #[event(default = {"gift": [true, "a\n\"b\""]})]
    #[event(
        avro = r#"{"type": "map", "values": {"type": "array", "items": ["boolean", "string"]}}"#
    )]
    extra: serde_json::Value,
    lines: Vec<Line>,
    bonus: Option<Line>,
    #[event(avro = "long")]
    #[serde(serialize_with = "as_seconds")]
    waited: std::time::Duration,
}

fn as_seconds<S: serde::Serializer>(
    duration: &std::time::Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}

#[expect(dead_code, reason = "only their names are in the schema")]
#[derive(AvroType, Serialize)]
#[event(type = "money.Currency")]
#[serde(rename_all = "UPPERCASE")]
enum Currency {
    Eur,
    Usd,
}

/// Of one article.
#[derive(AvroType, Serialize)]
struct Line {
    article: String,
    price: Price,
}

#[derive(AvroType, Serialize)]
struct Price(#[event(decimal(precision = 10, scale = 4))] String);

#[test]
fn a_schema_is_in_the_order_in_which_people_read_it() {
    insta::assert_snapshot!(OrderPlaced::schema().json());
    let compiled = OrderPlaced::schema().compiled().expect("a schema");
    assert_eq!(compiled.name(), Some("shop.OrderPlaced"));
}

#[test]
fn a_named_type_is_defined_once() {
    let json = OrderPlaced::schema().json();
    assert_eq!(json.matches("\"name\": \"shop.Line\"").count(), 1);
    assert!(
        json.contains("\"items\": {\n          \"type\": \"record\""),
        "{json}"
    );
}

#[test]
fn two_types_of_one_name_are_an_error() {
    mod other {
        #[derive(outbox_sdk::AvroType, serde::Serialize)]
        pub(super) struct Line {
            pub(super) number: i32,
        }
    }

    #[derive(Event, Serialize)]
    #[event(type = "shop.OrderSplit", aggregate = "order", key = order_id)]
    struct OrderSplit {
        order_id: i64,
        line: Line,
        other: other::Line,
    }

    let error = OrderSplit::schema().compiled().expect_err("two of a name");
    assert!(matches!(error, Error::DuplicateType { name } if name == "shop.Line"));
}

#[test]
fn a_default_of_another_type_is_an_error() {
    #[derive(Event, Serialize)]
    #[event(type = "shop.OrderCounted", aggregate = "order", key = count)]
    struct OrderCounted {
        #[event(default = "one")]
        count: i64,
    }

    let error = OrderCounted::schema().compiled().expect_err("a text");
    assert!(matches!(error, Error::Default { field, .. } if field == "count"));
}

/// serde is asked for the names that the macro computes.
macro_rules! names_of {
    ($($rule:literal)+) => {
        $({
            #[derive(Event, Serialize)]
            #[event(type = "Names", aggregate = "names", key = one)]
            #[serde(rename_all = $rule)]
            #[expect(non_snake_case, reason = "serde has a rule for such names, too")]
            struct Names {
                one: Variant,
                two_words_2: i32,
                _three__four: i32,
            }

            #[derive(AvroType, Serialize)]
            #[serde(rename_all = $rule)]
            enum Variant {
                TwoWords,
                ABCd2,
            }

            impl std::fmt::Display for Variant {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("key")
                }
            }

            for one in [Variant::TwoWords, Variant::ABCd2] {
                let names = Names { one, two_words_2: 0, _three__four: 0 };
                let json = serde_json::to_string(&names).expect("it is JSON");
                let schema = Names::schema().compiled().expect("a schema");
                let mut avro = Vec::new();
                outbox_sdk::contract::transcode::transcode(&json, schema, &mut avro)
                    .unwrap_or_else(|error| panic!("{}: {json}: {error}", $rule));
            }
        })+
    };
}

#[test]
fn names_are_those_that_serde_writes() {
    names_of!("lowercase" "UPPERCASE" "PascalCase" "camelCase" "snake_case" "SCREAMING_SNAKE_CASE");
}
