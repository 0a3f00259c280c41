//! What of serde's attributes changes the JSON. What else serde knows, it checks itself.

use proc_macro2::TokenStream;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Expr, Ident, LitStr, Path, Token, Type, parenthesized, token};

use crate::errors::Errors;
use crate::rename::Rule;

/// `#[serde(…)]` on a struct or enum.
#[derive(Default)]
pub(crate) struct Container {
    pub(crate) rename: Option<LitStr>,
    pub(crate) rename_all: Option<Rule>,
    pub(crate) is_transparent: bool,
    /// The type that is written in its place.
    pub(crate) into: Option<Type>,
    /// `tag`, `content` or `untagged`.
    pub(crate) tagging: Option<Path>,
}

impl Container {
    pub(crate) fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut container = Self::default();
        each(attributes, errors, |name, meta| {
            match name {
                "rename" => container.rename = for_writing(&meta)?,
                "rename_all" => {
                    container.rename_all = for_writing(&meta)?.as_ref().and_then(Rule::read);
                }
                "transparent" => container.is_transparent = true,
                "into" => container.into = Some(meta.value()?.parse::<LitStr>()?.parse()?),
                "tag" | "content" | "untagged" => {
                    container.tagging = Some(meta.path.clone());
                    skip_value(&meta)?;
                }
                _ => skip_value(&meta)?,
            }
            Ok(())
        });
        container
    }
}

/// `#[serde(…)]` on a field or variant.
#[derive(Default)]
pub(crate) struct Member {
    pub(crate) rename: Option<LitStr>,
    pub(crate) is_skipped: bool,
    pub(crate) flatten: Option<Path>,
    pub(crate) with: Option<LitStr>,
    pub(crate) serialize_with: Option<LitStr>,
    pub(crate) skip_serializing_if: Option<Path>,
    pub(crate) untagged: Option<Path>,
}

impl Member {
    pub(crate) fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut member = Self::default();
        each(attributes, errors, |name, meta| {
            match name {
                "rename" => member.rename = for_writing(&meta)?,
                "skip" | "skip_serializing" => member.is_skipped = true,
                "flatten" => member.flatten = Some(meta.path.clone()),
                "untagged" => member.untagged = Some(meta.path.clone()),
                "with" => member.with = Some(meta.value()?.parse()?),
                "serialize_with" => member.serialize_with = Some(meta.value()?.parse()?),
                "skip_serializing_if" => {
                    member.skip_serializing_if = Some(meta.path.clone());
                    skip_value(&meta)?;
                }
                _ => skip_value(&meta)?,
            }
            Ok(())
        });
        member
    }
}

fn each(
    attributes: &[Attribute],
    errors: &mut Errors,
    mut read: impl FnMut(&str, ParseNestedMeta<'_>) -> syn::Result<()>,
) {
    for attribute in attributes {
        if attribute.path().is_ident("serde") {
            let result = attribute.parse_nested_meta(|meta| {
                let name = meta.path.get_ident().map(Ident::to_string);
                read(name.as_deref().unwrap_or_default(), meta)
            });
            errors.take(result);
        }
    }
}

/// The text of `name = "…"`, or of `name(serialize = "…", …)`.
fn for_writing(meta: &ParseNestedMeta<'_>) -> syn::Result<Option<LitStr>> {
    if !meta.input.peek(token::Paren) {
        return Ok(Some(meta.value()?.parse()?));
    }
    let mut text = None;
    meta.parse_nested_meta(|inner| {
        if inner.path.is_ident("serialize") {
            text = Some(inner.value()?.parse()?);
            Ok(())
        } else {
            skip_value(&inner)
        }
    })?;
    Ok(text)
}

fn skip_value(meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    if meta.input.peek(Token![=]) {
        meta.value()?.parse::<Expr>()?;
    } else if meta.input.peek(token::Paren) {
        let inner;
        parenthesized!(inner in meta.input);
        inner.parse::<TokenStream>()?;
    }
    Ok(())
}
