use std::time::Duration;

use outbox_sdk::{AvroType, Event};
use serde::Serialize;

#[derive(AvroType, Serialize)]
struct Fields {
    #[serde(flatten)]
    inner: Inner,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(with = "as_seconds")]
    waited: Duration,
    #[serde(serialize_with = "as_seconds::serialize")]
    waited_more: Duration,
    #[serde(rename = "order-id")]
    order_id: i64,
    #[serde(rename(serialize = "tags"))]
    more_tags: Vec<String>,
}

#[derive(AvroType, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Kebab {
    order_id: i64,
}

#[derive(AvroType, Serialize)]
struct Inner {}

#[derive(AvroType, Serialize)]
#[serde(tag = "type")]
struct Tagged {}

#[derive(AvroType, Serialize)]
#[serde(tag = "type", content = "data")]
enum Adjacent {
    One,
}

#[derive(AvroType, Serialize)]
#[serde(untagged)]
enum Untagged {
    One,
}

#[derive(AvroType, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Paid,
    NotPaid,
    #[serde(rename = "paid")]
    PaidAgain,
    #[serde(untagged)]
    Unknown,
}

#[derive(Event, Serialize)]
#[event(type = "shop.OrderPlaced", aggregate = "order", key = order_id)]
#[serde(transparent)]
struct OrderPlaced {
    order_id: i64,
}

mod as_seconds {
    use super::Duration;

    pub fn serialize<S: serde::Serializer>(it: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(it.as_secs())
    }
}

fn main() {}
