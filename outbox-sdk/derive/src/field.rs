//! One field: the name that serde writes, and its Avro type.

use outbox_contract::schema::names::is_name;
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Field, Path};

use crate::attributes::{Decimal, OfField};
use crate::errors::Errors;
use crate::schema_file::SchemaFile;
use crate::serde_attributes::{Container, Member};
use crate::told::{known_module, overridden, wrapped};
use crate::{tokens, unsupported};

/// A field that serde writes.
pub(crate) struct Written<'f> {
    pub(crate) field: &'f Field,
    pub(crate) name: String,
    pub(crate) doc: Option<String>,
    /// An expression of the type `Avro`.
    pub(crate) avro: TokenStream,
    /// JSON.
    pub(crate) default: Option<String>,
    /// `skip_serializing_if`, where it stands.
    pub(crate) may_be_left_out: Option<Path>,
}

impl<'f> Written<'f> {
    /// The fields that serde writes; errors for those that cannot be.
    pub(crate) fn all(
        fields: impl IntoIterator<Item = &'f Field>,
        of: &Of<'_>,
        errors: &mut Errors,
    ) -> Vec<Self> {
        let mut written: Vec<Self> = Vec::new();
        for field in fields {
            let Some(one) = Self::read(field, of, errors) else {
                continue;
            };
            let is_named = field.ident.is_some();
            if is_named && written.iter().any(|other| other.name == one.name) {
                let problem = format!("two fields are written as `{}`: rename one", one.name);
                errors.at(&field.ident, problem);
            }
            written.push(one);
        }
        written
    }

    /// Nothing for a field that serde skips, and for one with an error.
    fn read(field: &'f Field, of: &Of<'_>, errors: &mut Errors) -> Option<Self> {
        let serde = Member::read(&field.attrs, errors);
        let event = OfField::read(&field.attrs, errors);
        if serde.is_skipped {
            return None;
        }
        if let Some(flatten) = serde.flatten {
            errors.at(
                flatten,
                "Avro records are not flattened: write the inner struct as a field of its own, or \
                 its fields here",
            );
            return None;
        }
        let ident = field.ident.as_ref();
        let name = match (&serde.rename, ident) {
            (Some(rename), _) => rename.value(),
            (None, Some(ident)) => {
                let name = ident.unraw().to_string();
                of.serde
                    .rename_all
                    .map_or(name.clone(), |rule| rule.of_field(&name))
            }
            (None, None) => String::new(),
        };
        if ident.is_some() && !is_name(&name) {
            let problem = format!(
                "`{name}` is not an Avro name: use letters, digits and `_`, for example with \
                 `#[serde(rename = \"…\")]`"
            );
            match &serde.rename {
                Some(rename) => errors.at(rename, problem),
                None => errors.at(ident, problem),
            }
        }
        if of.file.is_some()
            && let Some((_, span)) = &event.default
        {
            let problem = "the schema file has the defaults: take this one away";
            errors.add(syn::Error::new(*span, problem));
        }
        let avro = avro(field, &name, &serde, &event, of);
        let may_be_left_out = serde.skip_serializing_if;
        let has_default = event.default.is_some() || unsupported::is_option(&field.ty);
        if let (Some(attribute), false, None) = (&may_be_left_out, has_default, of.file) {
            errors.at(
                attribute,
                "a field that is left out needs a default: add `#[event(default = …)]` with the \
                 value that it stands for, such as `[]`, or take this away",
            );
        }
        Some(Self {
            field,
            name,
            doc: event.doc,
            avro: errors.take(avro)?,
            default: event.default.map(|(json, _)| json),
            may_be_left_out,
        })
    }
}

/// What a field is a part of.
pub(crate) struct Of<'c> {
    pub(crate) sdk: &'c Path,
    pub(crate) serde: &'c Container,
    /// The struct's type, with `'static` for its lifetimes.
    pub(crate) itself: &'c TokenStream,
    pub(crate) file: Option<&'c SchemaFile>,
}

/// An expression of the type `Avro` for what serde writes.
fn avro(
    field: &Field,
    name: &str,
    serde: &Member,
    event: &OfField,
    of: &Of<'_>,
) -> syn::Result<TokenStream> {
    let sdk = of.sdk;
    let field_type = tokens::made_static(field.ty.to_token_stream(), of.itself);
    let span = field.ty.span();
    if let Some(text) = &event.avro {
        if event.decimal.is_some() {
            let problem = "`decimal(…)` says the same already: take one of them away";
            return Err(syn::Error::new_spanned(text, problem));
        }
        return overridden(text, &field.ty, sdk);
    }
    let is_told = event.decimal.is_some();
    if let (Some(module), false) = (
        serde.with.as_ref().or(serde.serialize_with.as_ref()),
        is_told,
    ) {
        let is_with = serde.with.is_some();
        return match known_module(&module.value()).filter(|_| is_with) {
            Some((variant, is_nullable)) => {
                let variant = Ident::new(variant, span);
                Ok(wrapped(
                    &quote!(#sdk::avro::Avro::#variant),
                    is_nullable,
                    sdk,
                ))
            }
            None => Err(syn::Error::new_spanned(
                module,
                "the type does not tell what this writes: add `#[event(avro = \"…\")]`, such as \
                 \"string\", \"timestamp-millis\" or the JSON of a schema",
            )),
        };
    }
    let of_file = || {
        let file = of.file.filter(|_| unsupported::names_decimal(&field.ty))?;
        file.decimal(name)
    };
    if let Some(Decimal { precision, scale }) = event.decimal.or_else(of_file) {
        return Ok(quote_spanned! {span=>
            <#field_type as #sdk::avro::AvroDecimal<#precision, #scale>>::AVRO
        });
    }
    if let Some(error) = unsupported::find(&field.ty) {
        return Err(error);
    }
    Ok(quote_spanned!(span=> <#field_type as #sdk::avro::AvroType>::AVRO))
}

/// An expression of the type `fn() -> Vec<Field>`.
///
/// The types are constants of their own: so they are evaluated, and what is wrong found, even
/// where nothing calls the function.
pub(crate) fn function(fields: &[Written<'_>], of: &Of<'_>) -> TokenStream {
    let sdk = of.sdk;
    let constant = |index| format_ident!("AVRO_{index}");
    let constants = fields.iter().enumerate().map(|(index, one)| {
        let (constant, avro) = (constant(index), &one.avro);
        let check = of.file.map(|file| file.check_kind(one, &constant, sdk));
        quote! {
            const #constant: #sdk::avro::Avro = #avro;
            #check
        }
    });
    let entries = fields.iter().enumerate().map(|(index, one)| {
        let (constant, name) = (constant(index), &one.name);
        let doc = optional(one.doc.as_ref());
        let default = optional(one.default.as_ref());
        quote! {
            #sdk::avro::Field { name: #name, doc: #doc, avro: #constant, default: #default }
        }
    });
    quote! {
        || {
            #(#constants)*
            ::std::vec![#(#entries),*]
        }
    }
}

/// An expression of the type `Option<&'static str>`.
pub(crate) fn optional(text: Option<&String>) -> TokenStream {
    text.map_or_else(
        || quote!(::core::option::Option::None),
        |text| quote!(::core::option::Option::Some(#text)),
    )
}
