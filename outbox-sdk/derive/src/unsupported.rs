//! Types that cannot be part of an event as they are, and what to write instead.
//!
//! The trait `AvroType` is what decides; this only tells the reason for types that can be known by
//! their name, where the compiler would say no more than that a trait is missing.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{GenericArgument, PathArguments, PathSegment, Type, TypePath};

/// Where in `field_type` something is known not to be written as Avro has it, and why.
pub(crate) fn find(field_type: &Type) -> Option<syn::Error> {
    find_in(field_type, Outer::Nothing)
}

/// What stands around a type.
#[derive(Clone, Copy, PartialEq)]
enum Outer {
    Nothing,
    Option,
    Other,
}

fn find_in(inner: &Type, outer: Outer) -> Option<syn::Error> {
    let bytes = || Some(syn::Error::new_spanned(inner, bytes(outer)));
    match inner {
        Type::Paren(paren) => find_in(&paren.elem, outer),
        Type::Group(group) => find_in(&group.elem, outer),
        Type::Reference(reference) => find_in(&reference.elem, outer),
        Type::Array(array) if is_u8(&array.elem) => bytes(),
        Type::Slice(slice) if is_u8(&slice.elem) => bytes(),
        Type::Array(array) => find_in(&array.elem, Outer::Other),
        Type::Slice(slice) => find_in(&slice.elem, Outer::Other),
        Type::Tuple(tuple) => {
            let problem = "serde writes a tuple as an array of different types, which Avro does \
                           not have: use a struct with named fields";
            Some(syn::Error::new_spanned(tuple, problem))
        }
        Type::Path(path) => find_in_path(path, outer),
        _ => None,
    }
}

fn find_in_path(path: &TypePath, outer: Outer) -> Option<syn::Error> {
    let last = path.path.segments.last()?;
    let crate_name = path.path.segments.first()?.ident.to_string();
    let problem = match (last.ident.to_string().as_str(), crate_name.as_str()) {
        (name @ ("u64" | "u128" | "i128" | "usize" | "isize"), _) => format!(
            "Avro has no type for all values of `{name}`: use `i64`, or add `#[event(avro = \
             \"long\")]` if its values stay in that range (`emit` refuses others)"
        ),
        ("Option", _) if outer == Outer::Option => {
            "an `Option` in an `Option` is null in both cases: use one".to_owned()
        }
        ("Decimal", _) => "a `Decimal` needs its digits: add `#[event(decimal(precision = 12, \
                           scale = 2))]`, with 2 of 12 digits after the point"
            .to_owned(),
        ("OffsetDateTime", _) => match outer {
            Outer::Nothing => offset_date_time("time::serde::rfc3339"),
            Outer::Option => offset_date_time("time::serde::rfc3339::option"),
            Outer::Other => "serde does not write an `OffsetDateTime` as RFC 3339 by itself, and \
                             inside of other types it cannot be told to: use a struct with \
                             `#[serde(with = \"time::serde::rfc3339\")]` on its field"
                .to_owned(),
        },
        (name @ ("PrimitiveDateTime" | "Date" | "Time"), "time")
        | (name @ "PrimitiveDateTime", _) => {
            format!(
                "serde does not write a `{name}` of the crate `time` as ISO 8601 by itself: add \
                 `#[serde(with = \"…\")]` with a module of `time::serde::format_description!`, and \
                 `#[event(avro = \"…\")]` with date, time-micros or local-timestamp-micros"
            )
        }
        ("Value", "serde_json") => {
            "Avro has no type for any JSON: use a struct, or a `String` that holds the JSON"
                .to_owned()
        }
        ("Vec" | "Cow", _) if type_arguments(last).any(is_u8_or_slice_of_it) => bytes(outer),
        (name, _) => {
            let outer = if name == "Option" {
                Outer::Option
            } else {
                Outer::Other
            };
            return type_arguments(last).find_map(|argument| find_in(argument, outer));
        }
    };
    Some(syn::Error::new_spanned(path, problem))
}

fn offset_date_time(module: &str) -> String {
    format!(
        "serde does not write an `OffsetDateTime` as RFC 3339 by itself: add \
         `#[serde(with = \"{module}\")]`"
    )
}

fn bytes(outer: Outer) -> String {
    let module = match outer {
        Outer::Option => "outbox_sdk::base64::option",
        Outer::Nothing | Outer::Other => "outbox_sdk::base64",
    };
    format!(
        "serde writes bytes as an array of numbers, which is no Avro bytes: add \
         `#[serde(with = \"{module}\")]`"
    )
}

fn type_arguments(segment: &PathSegment) -> impl Iterator<Item = &Type> {
    let arguments = match &segment.arguments {
        PathArguments::AngleBracketed(bracketed) => Some(&bracketed.args),
        _ => None,
    };
    arguments
        .into_iter()
        .flatten()
        .filter_map(|argument| match argument {
            GenericArgument::Type(inner) => Some(inner),
            _ => None,
        })
}

/// Whether `Decimal` is somewhere in the type.
pub(crate) fn names_decimal(field_type: &Type) -> bool {
    fn is_in(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(name) => name == "Decimal",
            TokenTree::Group(group) => is_in(group.stream()),
            _ => false,
        })
    }
    is_in(field_type.to_token_stream())
}

/// Whether the type is written as `Option<…>`.
pub(crate) fn is_option(field_type: &Type) -> bool {
    match field_type {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "Option"),
        _ => false,
    }
}

fn is_u8_or_slice_of_it(inner: &Type) -> bool {
    match inner {
        Type::Slice(slice) => is_u8(&slice.elem),
        other => is_u8(other),
    }
}

fn is_u8(inner: &Type) -> bool {
    matches!(inner, Type::Path(path) if path.path.is_ident("u8"))
}
