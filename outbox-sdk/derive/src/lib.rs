//! The derive macros of outbox-sdk, which exports them: [`Event`] and [`AvroType`].
//!
//! What is wrong with a type is told at compile time, all of it at once, where it stands and with
//! what to write instead. The flow of one expansion:
//!
//! - `attributes`: what `#[event(…)]` says; `serde_attributes`: what of serde's attributes changes
//!   the JSON; `rename`: the names that serde makes.
//! - `field`, `told`, `unsupported`: one field and its Avro type, by its Rust type or by what an
//!   attribute tells, or why it has none.
//! - `schema_file`: the fields against those of a schema file.
//! - `avro_type`, `event`: the code that is written.

mod attributes;
mod avro_type;
mod errors;
mod event;
mod field;
mod rename;
mod schema_file;
mod serde_attributes;
mod tokens;
mod told;
mod unsupported;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct an event: its type, aggregate, key and Avro schema.
///
/// ```
/// use chrono::{DateTime, Utc};
/// use outbox_sdk::{AvroType, Event};
/// use rust_decimal::Decimal;
/// use uuid::Uuid;
///
/// /// An order was placed.
/// #[derive(Event, serde::Serialize, serde::Deserialize)]
/// #[event(type = "shop.OrderPlaced", aggregate = "order", key = order_id)]
/// struct OrderPlaced {
///     order_id: Uuid,
///     customer_id: Uuid,
///     /// With tax.
///     #[event(decimal(precision = 12, scale = 2))]
///     total: Decimal,
///     placed_at: DateTime<Utc>,
///     lines: Vec<Line>,
///     note: Option<String>,
/// }
///
/// #[derive(AvroType, serde::Serialize, serde::Deserialize)]
/// struct Line {
///     article: String,
///     #[event(default = 1)]
///     count: i32,
/// }
///
/// let schema = OrderPlaced::schema().compiled()?;
/// assert_eq!(schema.name(), Some("shop.OrderPlaced"));
/// # Ok::<(), &outbox_sdk::contract::schema::Error>(())
/// ```
///
/// It implements `AvroType`, too. On the struct, inside `#[event(…)]`:
///
/// | attribute | meaning |
/// |---|---|
/// | `type = "shop.OrderPlaced"` | the event type, and the name of the Avro record |
/// | `aggregate = "order"` | the aggregate type |
/// | `key = order_id` | the field that is the aggregate's id, as its `Display` writes it, and so the Kafka key |
/// | `partition_key = customer_id` | a field that is the Kafka key instead; of an `Option`, if there is one |
/// | `private` | the event is never published |
/// | `schema = "contracts/shop.OrderPlaced/1.avsc"` | this file is the schema; the path begins at the folder of `Cargo.toml` |
/// | `doc = "…"` | the schema's `doc`, in place of the doc comment |
/// | `crate = path` | where outbox-sdk is, if it is not `::outbox_sdk` |
///
/// On a field:
///
/// | attribute | meaning |
/// |---|---|
/// | `decimal(precision = 12, scale = 2)` | it is a decimal with 12 digits, 2 of them after the point |
/// | `default = "EUR"` | a default for readers and writers that do not have the field; any JSON |
/// | `avro = "timestamp-millis"` | what serde writes for it, where the type does not tell: an Avro type, a logical type or the JSON of a schema. In an `Option` it tells the inner type |
/// | `doc = "…"` | the field's `doc`, in place of the doc comment |
///
/// serde's attributes count as far as they change the JSON: `rename`, `rename_all`, `skip`,
/// `skip_serializing`, `with`, `transparent`, `into`. What cannot be an Avro record (`flatten`,
/// `tag`, `untagged`) is refused. What a default or two types of one name do to the schema is found
/// when it is compiled: call `OrderPlaced::schema().compiled()` in a unit test, or with a schema
/// file `outbox_sdk::contracts::check::<OrderPlaced>()`.
#[proc_macro_derive(Event, attributes(event))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    event::expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Makes a struct or enum a part of events: a record, an enum, or for a struct around one value
/// the type of that value.
///
/// ```
/// use outbox_sdk::AvroType;
///
/// #[derive(AvroType, serde::Serialize)]
/// #[event(type = "money.Currency")]
/// #[serde(rename_all = "UPPERCASE")]
/// enum Currency {
///     Eur,
///     Usd,
/// }
///
/// #[derive(AvroType, serde::Serialize)]
/// struct CustomerId(uuid::Uuid);
/// ```
///
/// Without `type` the name is that of the Rust type, or of `#[serde(rename = "…")]`; a name without
/// a dot is in the namespace of the event. `doc`, `crate` and the attributes of fields are those of
/// [`Event`].
#[proc_macro_derive(AvroType, attributes(event))]
pub fn derive_avro_type(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    avro_type::expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
