//! Avro types that attributes tell: `#[event(avro = "…")]`, and known modules of serde's `with`.

use outbox_contract::schema::{CompiledSchema, Kind};
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{LitStr, Path, Type};

use crate::errors::{listed, with_causes};
use crate::unsupported;

/// Modules for `#[serde(with = "…")]` of which it is known what they write, and whether it can be
/// null.
pub(crate) fn known_module(path: &str) -> Option<(&'static str, bool)> {
    Some(match path.trim_start_matches("::") {
        "time::serde::rfc3339" => ("TimestampMicros", false),
        "time::serde::rfc3339::option" => ("TimestampMicros", true),
        "outbox_sdk::base64" => ("Bytes", false),
        "outbox_sdk::base64::option" => ("Bytes", true),
        _ => return None,
    })
}

/// What `#[event(avro = "…")]` can name, and the variant of `Avro`.
const NAMED: [(&str, &str); 17] = [
    ("boolean", "Boolean"),
    ("int", "Int"),
    ("long", "Long"),
    ("float", "Float"),
    ("double", "Double"),
    ("bytes", "Bytes"),
    ("string", "String"),
    ("uuid", "Uuid"),
    ("date", "Date"),
    ("time-millis", "TimeMillis"),
    ("time-micros", "TimeMicros"),
    ("timestamp-millis", "TimestampMillis"),
    ("timestamp-micros", "TimestampMicros"),
    ("timestamp-nanos", "TimestampNanos"),
    ("local-timestamp-millis", "LocalTimestampMillis"),
    ("local-timestamp-micros", "LocalTimestampMicros"),
    ("local-timestamp-nanos", "LocalTimestampNanos"),
];

/// An expression of the type `Avro` for the text of `#[event(avro = "…")]`.
pub(crate) fn overridden(text: &LitStr, field_type: &Type, sdk: &Path) -> syn::Result<TokenStream> {
    let value = text.value();
    let is_option = unsupported::is_option(field_type);
    if let Some((_, variant)) = NAMED.iter().find(|(name, _)| *name == value) {
        let variant = Ident::new(variant, text.span());
        return Ok(wrapped(&quote!(#sdk::avro::Avro::#variant), is_option, sdk));
    }
    if !value.trim_start().starts_with(['{', '[']) {
        let problem = format!(
            "is none of {}, or the JSON of a schema; a decimal is `decimal(…)`",
            listed(NAMED.map(|(name, _)| name))
        );
        return Err(syn::Error::new_spanned(text, problem));
    }
    match CompiledSchema::compile(&value, &[]) {
        Ok(schema) => {
            let is_union = schema.kind() == Kind::Union;
            let avro = quote!(#sdk::avro::Avro::Json(#text));
            Ok(wrapped(&avro, is_option && !is_union, sdk))
        }
        Err(error) => Err(syn::Error::new_spanned(text, with_causes(&error))),
    }
}

/// The same, or null.
pub(crate) fn wrapped(avro: &TokenStream, is_nullable: bool, sdk: &Path) -> TokenStream {
    if is_nullable {
        quote!(#sdk::avro::Avro::Nullable(&#avro))
    } else {
        avro.clone()
    }
}
