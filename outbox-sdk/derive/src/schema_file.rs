//! `#[event(schema = "…")]`: a file that is the schema, and the fields of the type against it.
//!
//! The macro sees names, and what of a type can be known in a constant; the rest, such as the
//! fields of inner types, is for `outbox_sdk::contracts::check`.

use std::fs;
use std::path::PathBuf;

use outbox_contract::schema::{CompiledSchema, FieldOutline, Kind};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{LitStr, Path};

use crate::attributes::Decimal;
use crate::errors::{Errors, listed, with_causes};
use crate::field::Written;

/// A schema file that was read and compiled.
pub(crate) struct SchemaFile {
    path: LitStr,
    schema: CompiledSchema,
}

impl SchemaFile {
    pub(crate) fn read(path: LitStr) -> syn::Result<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "cargo tells macros the folder this way"
        )]
        let folder = std::env::var("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let file = folder.unwrap_or_default().join(path.value());
        let failed = |problem: String| {
            let problem = format!("{}: {problem}", path.value());
            syn::Error::new(path.span(), problem)
        };
        let text = fs::read_to_string(&file).map_err(|error| {
            failed(format!(
                "{error}; the path begins at the folder of Cargo.toml"
            ))
        })?;
        let schema = CompiledSchema::compile(&text, &[]).map_err(|e| failed(with_causes(&e)))?;
        if schema.kind() != Kind::Record {
            return Err(failed("the schema of an event is a record".to_owned()));
        }
        Ok(Self { path, schema })
    }

    /// The full name of the record.
    pub(crate) fn name(&self) -> &str {
        self.schema.name().expect("`read` takes records only")
    }

    /// An expression of the type `EventSchema`; the file is a dependency of the build.
    pub(crate) fn event_schema(&self, sdk: &Path) -> TokenStream {
        let path = &self.path;
        quote! {
            #sdk::EventSchema::new(::core::include_str!(::core::concat!(
                ::core::env!("CARGO_MANIFEST_DIR"), "/", #path
            )))
        }
    }

    /// The digits of the decimal that the field is.
    pub(crate) fn decimal(&self, field: &str) -> Option<Decimal> {
        let (precision, scale) = self.field(field)?.decimal?;
        Some(Decimal { precision, scale })
    }

    fn field(&self, name: &str) -> Option<FieldOutline<'_>> {
        self.schema
            .fields()
            .into_iter()
            .find(|one| one.name == name)
    }

    /// Adds an error for each field that only the type or only the file has.
    pub(crate) fn check_names(&self, of: &Ident, fields: &[Written<'_>], errors: &mut Errors) {
        let path = self.path.value();
        let outlines = self.schema.fields();
        for written in fields {
            let Some(outline) = outlines.iter().find(|one| one.name == written.name) else {
                let known = listed(outlines.iter().map(|one| one.name));
                let problem = format!(
                    "{path} has no field `{}`; its fields are {known}",
                    written.name
                );
                errors.at(&written.field.ident, problem);
                continue;
            };
            if let (Some(attribute), false) = (&written.may_be_left_out, outline.has_default) {
                let problem = format!(
                    "{path} gives `{}` no default, so it cannot be left out: take this away",
                    written.name
                );
                errors.at(attribute, problem);
            }
        }
        for outline in outlines.iter().filter(|one| !one.has_default) {
            if fields.iter().all(|written| written.name != outline.name) {
                let problem = format!(
                    "{path} wants a field `{}` ({}), which has no default: add it",
                    outline.name, outline.type_name
                );
                errors.at(of, problem);
            }
        }
    }

    /// A constant that fails to compile if the field's type, in `constant`, is of another kind.
    pub(crate) fn check_kind(
        &self,
        written: &Written<'_>,
        constant: &Ident,
        sdk: &Path,
    ) -> TokenStream {
        let Some(outline) = self.field(&written.name) else {
            return TokenStream::new();
        };
        let kinds = outline.kinds.iter().map(|kind| format_ident!("{kind:?}"));
        let is_nullable = outline.is_nullable;
        let problem = format!(
            "{} wants {} for `{}`, which serde does not write for this type: change the type, or \
             say with `#[event(avro = \"…\")]` what it writes",
            self.path.value(),
            outline.type_name,
            written.name
        );
        quote_spanned! {written.field.ty.span()=>
            const _: () = ::core::assert!(
                #constant.fits(&[#(#sdk::avro::Kind::#kinds),*], #is_nullable),
                #problem
            );
        }
    }
}
