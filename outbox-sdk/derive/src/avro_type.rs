//! The implementation of `AvroType`.

use outbox_contract::schema::names::is_name;
use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DataEnum, DeriveInput, Fields, GenericParam, LitStr};

use crate::attributes::Container;
use crate::errors::{Errors, listed};
use crate::field::{self, Of, Written, optional};
use crate::{serde_attributes, tokens};

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut errors = Errors::default();
    let event = Container::read(&input.attrs, false, &mut errors);
    let serde = serde_attributes::Container::read(&input.attrs, &mut errors);
    check_generics(input, &mut errors);
    check_tagging(&serde, &mut errors);
    let name = full_name(input, &event, &serde, &mut errors);
    let itself = tokens::static_type(&input.ident, &input.generics);
    let of = Of {
        sdk: &event.sdk,
        serde: &serde,
        itself: &itself,
        file: None,
    };
    let avro = avro(input, &name, event.doc.as_ref(), &of, &mut errors);
    errors.finish()?;
    Ok(implementation(input, &of, &avro))
}

/// An expression of the type `Avro`.
fn avro(
    input: &DeriveInput,
    name: &str,
    doc: Option<&String>,
    of: &Of<'_>,
    errors: &mut Errors,
) -> TokenStream {
    let sdk = of.sdk;
    if let Some(into) = &of.serde.into {
        return quote!(<#into as #sdk::avro::AvroType>::AVRO);
    }
    let fields = match &input.data {
        Data::Struct(data) => &data.fields,
        Data::Enum(data) => return enumeration(data, name, doc, of, errors),
        Data::Union(_) => {
            errors.at(&input.ident, "a union has no Avro type: use a struct");
            return TokenStream::new();
        }
    };
    let written = Written::all(fields, of, errors);
    match (fields, written.as_slice()) {
        (Fields::Unnamed(_), [inner]) if fields.len() == 1 => inner.avro.clone(),
        (Fields::Named(_), [inner]) if of.serde.is_transparent => inner.avro.clone(),
        (Fields::Named(_), _) => record(name, doc, &written, of),
        (Fields::Unnamed(_), _) if fields.len() == 1 => TokenStream::new(),
        (Fields::Unnamed(_) | Fields::Unit, _) => {
            errors.at(
                &input.ident,
                "serde writes this struct as an array or null: name its fields, or let it have \
                 one",
            );
            TokenStream::new()
        }
    }
}

/// An expression of the type `Avro` for a record.
pub(crate) fn record(
    name: &str,
    doc: Option<&String>,
    fields: &[Written<'_>],
    of: &Of<'_>,
) -> TokenStream {
    let (sdk, doc) = (of.sdk, optional(doc));
    let (function, defined_at) = (field::function(fields, of), defined_at());
    quote! {
        #sdk::avro::Avro::Record(&#sdk::avro::Record {
            name: #name,
            doc: #doc,
            fields: #function,
            defined_at: #defined_at,
        })
    }
}

fn enumeration(
    data: &DataEnum,
    name: &str,
    doc: Option<&String>,
    of: &Of<'_>,
    errors: &mut Errors,
) -> TokenStream {
    let mut symbols = Vec::new();
    for variant in &data.variants {
        let serde = serde_attributes::Member::read(&variant.attrs, errors);
        if serde.is_skipped {
            continue;
        }
        if !matches!(variant.fields, Fields::Unit) {
            errors.at(
                &variant.fields,
                "an Avro enum has no data: use a struct with an enum and optional fields, or an \
                 event type for each variant",
            );
            continue;
        }
        if let Some(untagged) = serde.untagged {
            errors.at(
                untagged,
                "serde writes an untagged variant as null: take this away",
            );
        }
        let ident = variant.ident.unraw().to_string();
        let symbol = match &serde.rename {
            Some(rename) => rename.value(),
            None => of
                .serde
                .rename_all
                .map_or(ident.clone(), |rule| rule.of_variant(&ident)),
        };
        if !is_name(&symbol) {
            let problem = format!(
                "`{symbol}` is not an Avro name: use letters, digits and `_`, for example with \
                 `#[serde(rename_all = \"SCREAMING_SNAKE_CASE\")]`"
            );
            errors.at(&variant.ident, problem);
        }
        if symbols.contains(&symbol) {
            let problem = format!("two variants are written as `{symbol}`: rename one");
            errors.at(&variant.ident, problem);
        }
        symbols.push(symbol);
    }
    let (sdk, doc, defined_at) = (of.sdk, optional(doc), defined_at());
    quote! {
        #sdk::avro::Avro::Enum(&#sdk::avro::Enum {
            name: #name,
            doc: #doc,
            symbols: &[#(#symbols),*],
            defined_at: #defined_at,
        })
    }
}

/// An expression that is different for each derive.
fn defined_at() -> TokenStream {
    quote! {
        ::core::concat!(
            ::core::module_path!(), ":", ::core::line!(), ":", ::core::column!()
        )
    }
}

pub(crate) fn implementation(input: &DeriveInput, of: &Of<'_>, avro: &TokenStream) -> TokenStream {
    let (sdk, ident) = (of.sdk, &input.ident);
    let (for_impl, for_type, clause) = input.generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #for_impl #sdk::avro::AvroType for #ident #for_type #clause {
            const AVRO: #sdk::avro::Avro = #avro;
        }
    }
}

/// The name of the record or enum.
fn full_name(
    input: &DeriveInput,
    event: &Container,
    serde: &serde_attributes::Container,
    errors: &mut Errors,
) -> String {
    let told = event.name.as_ref().or(serde.rename.as_ref());
    if let Some(name) = told {
        check_name(name, errors);
    }
    told.map_or_else(|| input.ident.unraw().to_string(), LitStr::value)
}

/// A name becomes that of an Avro type, so each part of it must be one.
pub(crate) fn check_name(name: &LitStr, errors: &mut Errors) {
    if !name.value().split('.').all(is_name) {
        errors.at(
            name,
            "is not the name of an Avro type: use parts of letters, digits and `_`, with dots \
             between, such as \"shop.OrderPlaced\"",
        );
    }
}

pub(crate) fn check_generics(input: &DeriveInput, errors: &mut Errors) {
    for parameter in &input.generics.params {
        if !matches!(parameter, GenericParam::Lifetime(_)) {
            let problem = format!(
                "a schema has one name, which all {}<…> would share: write a type for each",
                input.ident
            );
            errors.add(syn::Error::new(parameter.span(), problem));
        }
    }
}

pub(crate) fn check_tagging(serde: &serde_attributes::Container, errors: &mut Errors) {
    if let Some(attribute) = &serde.tagging {
        let problem = format!(
            "with {} the JSON is no Avro record or enum: take it away, and use a struct or an enum \
             without data",
            listed(attribute.get_ident())
        );
        errors.at(attribute, problem);
    }
}
