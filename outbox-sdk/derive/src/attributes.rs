//! What `#[event(…)]` says.

use proc_macro2::{Span, TokenStream};
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Expr, ExprLit, Ident, Lit, LitInt, LitStr, Meta, Path};

use crate::errors::{Errors, listed};
use crate::tokens;

/// `#[event(…)]` on a struct or enum.
pub(crate) struct Container {
    /// The full name, with the place where it stands.
    pub(crate) name: Option<LitStr>,
    pub(crate) aggregate: Option<LitStr>,
    pub(crate) key: Option<Ident>,
    pub(crate) partition_key: Option<Ident>,
    pub(crate) is_private: bool,
    pub(crate) schema_file: Option<LitStr>,
    pub(crate) doc: Option<String>,
    pub(crate) sdk: Path,
}

const OF_TYPES: [&str; 3] = ["type", "doc", "crate"];
const OF_EVENTS: [&str; 8] = [
    "type",
    "aggregate",
    "key",
    "partition_key",
    "private",
    "schema",
    "doc",
    "crate",
];

impl Container {
    /// `is_event` is false for a type that is only a part of events.
    pub(crate) fn read(attributes: &[Attribute], is_event: bool, errors: &mut Errors) -> Self {
        let mut container = Self {
            name: None,
            aggregate: None,
            key: None,
            partition_key: None,
            is_private: false,
            schema_file: None,
            doc: doc_comment(attributes),
            sdk: syn::parse_quote!(::outbox_sdk),
        };
        each(attributes, errors, |name, meta| {
            if !is_event && OF_EVENTS.contains(&name) && !OF_TYPES.contains(&name) {
                return Err(meta.error(format!(
                    "`{name}` is for events: a part of events has {}",
                    listed(OF_TYPES)
                )));
            }
            match name {
                "type" => once(&mut container.name, meta.value()?.parse()?, &meta),
                "aggregate" => once(&mut container.aggregate, meta.value()?.parse()?, &meta),
                "key" => once(&mut container.key, field_name(&meta)?, &meta),
                "partition_key" => once(&mut container.partition_key, field_name(&meta)?, &meta),
                "private" => {
                    container.is_private = true;
                    Ok(())
                }
                "schema" => once(&mut container.schema_file, meta.value()?.parse()?, &meta),
                "doc" => {
                    container.doc = Some(meta.value()?.parse::<LitStr>()?.value());
                    Ok(())
                }
                "crate" => {
                    container.sdk = meta.value()?.parse()?;
                    Ok(())
                }
                _ => Err(unknown(
                    &meta,
                    if is_event { &OF_EVENTS } else { &OF_TYPES },
                )),
            }
        });
        container
    }
}

/// `#[event(…)]` on a field.
#[derive(Default)]
pub(crate) struct OfField {
    pub(crate) decimal: Option<Decimal>,
    /// JSON, with the place where it stands.
    pub(crate) default: Option<(String, Span)>,
    pub(crate) avro: Option<LitStr>,
    pub(crate) doc: Option<String>,
}

#[derive(Clone, Copy)]
pub(crate) struct Decimal {
    pub(crate) precision: u32,
    pub(crate) scale: u32,
}

impl OfField {
    pub(crate) fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut field = Self {
            doc: doc_comment(attributes),
            ..Self::default()
        };
        each(attributes, errors, |name, meta| match name {
            "decimal" => once(&mut field.decimal, decimal(&meta)?, &meta),
            "default" => {
                let span = meta.value()?.span();
                let value: TokenStream = tokens::up_to_comma(meta.input)?;
                once(&mut field.default, (tokens::json(value)?, span), &meta)
            }
            "avro" => once(&mut field.avro, meta.value()?.parse()?, &meta),
            "doc" => {
                field.doc = Some(meta.value()?.parse::<LitStr>()?.value());
                Ok(())
            }
            _ => Err(unknown(&meta, &["decimal", "default", "avro", "doc"])),
        });
        field
    }
}

/// Calls `read` for each attribute within `#[event(…)]`.
fn each(
    attributes: &[Attribute],
    errors: &mut Errors,
    mut read: impl FnMut(&str, ParseNestedMeta<'_>) -> syn::Result<()>,
) {
    for attribute in attributes {
        if attribute.path().is_ident("event") {
            let result = attribute.parse_nested_meta(|meta| {
                let name = meta.path.get_ident().map(Ident::to_string);
                read(name.as_deref().unwrap_or_default(), meta)
            });
            errors.take(result);
        }
    }
}

fn once<T>(place: &mut Option<T>, value: T, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(meta.error("is there twice: remove one")),
    }
}

fn unknown(meta: &ParseNestedMeta<'_>, known: &[&str]) -> syn::Error {
    meta.error(format!("unknown attribute; there are {}", listed(known)))
}

fn field_name(meta: &ParseNestedMeta<'_>) -> syn::Result<Ident> {
    let value = meta.value()?;
    if value.peek(LitStr) {
        let text: LitStr = value.parse()?;
        let problem = format!("write the field's name without quotes: {}", text.value());
        return Err(syn::Error::new_spanned(text, problem));
    }
    value.parse()
}

fn decimal(meta: &ParseNestedMeta<'_>) -> syn::Result<Decimal> {
    let (mut precision, mut scale) = (None, None);
    meta.parse_nested_meta(|inner| {
        if inner.path.is_ident("precision") {
            once(&mut precision, inner.value()?.parse()?, &inner)
        } else if inner.path.is_ident("scale") {
            once(&mut scale, inner.value()?.parse()?, &inner)
        } else {
            Err(unknown(&inner, &["precision", "scale"]))
        }
    })?;
    let (Some(precision), Some(scale)): (Option<LitInt>, Option<LitInt>) = (precision, scale)
    else {
        return Err(meta.error("needs both: `decimal(precision = 12, scale = 2)`"));
    };
    let decimal = Decimal {
        precision: precision.base10_parse()?,
        scale: scale.base10_parse()?,
    };
    let precision_max = outbox_contract::schema::DECIMAL_PRECISION_MAX;
    if !(1..=precision_max).contains(&decimal.precision) {
        let problem = format!("a precision is a number of digits, 1 to {precision_max}");
        return Err(syn::Error::new_spanned(precision, problem));
    }
    if decimal.scale > decimal.precision {
        let problem = "the scale is the part of the precision after the point: it cannot be larger";
        return Err(syn::Error::new_spanned(scale, problem));
    }
    Ok(decimal)
}

/// The text of the doc comment, if there is one.
fn doc_comment(attributes: &[Attribute]) -> Option<String> {
    let line = |attribute: &Attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    };
    let lines: Vec<_> = attributes.iter().filter_map(line).collect();
    let text = lines.join("\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}
