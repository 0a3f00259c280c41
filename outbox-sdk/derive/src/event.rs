//! The implementation of `Event`.

use outbox_contract::limits;
use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Field, Fields, LitStr};

use crate::attributes::Container;
use crate::errors::{Errors, listed};
use crate::field::{Of, Written};
use crate::schema_file::SchemaFile;
use crate::{avro_type, serde_attributes, tokens, unsupported};

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut errors = Errors::default();
    let mut event = Container::read(&input.attrs, true, &mut errors);
    // What an attribute that cannot be read might have said, is not missing.
    std::mem::take(&mut errors).finish()?;
    let serde = serde_attributes::Container::read(&input.attrs, &mut errors);
    let fields = named_fields(input)?;
    check_struct(input, &serde, &mut errors);
    let file = event
        .schema_file
        .take()
        .and_then(|path| errors.take(SchemaFile::read(path)));
    let names = Names::read(input, &event, file.as_ref(), &mut errors);
    let keys = Keys::read(input, &event, fields, &mut errors);
    let itself = tokens::static_type(&input.ident, &input.generics);
    let of = Of {
        sdk: &event.sdk,
        serde: &serde,
        itself: &itself,
        file: file.as_ref(),
    };
    let written = Written::all(fields, &of, &mut errors);
    if let Some(file) = &file {
        file.check_names(&input.ident, &written, &mut errors);
    }
    errors.finish()?;
    let avro = avro_type::record(&names.record, event.doc.as_ref(), &written, &of);
    let avro_type = avro_type::implementation(input, &of, &avro);
    let event = implementation(input, &of, &event, &names, &keys);
    Ok(quote!(#avro_type #event))
}

fn implementation(
    input: &DeriveInput,
    of: &Of<'_>,
    event: &Container,
    names: &Names,
    keys: &Keys<'_>,
) -> TokenStream {
    let (sdk, ident, itself) = (of.sdk, &input.ident, of.itself);
    let (for_impl, for_type, clause) = input.generics.split_for_impl();
    let (event_type, aggregate_type) = (&names.event, &names.aggregate);
    let public = event.is_private.then(|| {
        quote!(
            const PUBLIC: bool = false;
        )
    });
    let schema = of.file.map_or_else(
        || quote!(#sdk::EventSchema::of_type::<#itself>()),
        |file| file.event_schema(sdk),
    );
    let aggregate_id = keys.aggregate_id();
    let key = keys.key();
    quote! {
        #[automatically_derived]
        impl #for_impl #sdk::Event for #ident #for_type #clause {
            const EVENT_TYPE: &'static str = #event_type;
            const AGGREGATE_TYPE: &'static str = #aggregate_type;
            #public

            fn schema() -> &'static #sdk::EventSchema {
                static SCHEMA: #sdk::EventSchema = #schema;
                &SCHEMA
            }

            #aggregate_id
            #key
        }
    }
}

fn named_fields(input: &DeriveInput) -> syn::Result<&Fields> {
    match &input.data {
        Data::Struct(data) if matches!(data.fields, Fields::Named(_)) => Ok(&data.fields),
        Data::Enum(_) => Err(syn::Error::new_spanned(
            &input.ident,
            "an event is one thing that happened: derive `Event` for a struct for each variant",
        )),
        _ => Err(syn::Error::new_spanned(
            &input.ident,
            "an event is a struct with named fields, which become the fields of its Avro record",
        )),
    }
}

fn check_struct(input: &DeriveInput, serde: &serde_attributes::Container, errors: &mut Errors) {
    avro_type::check_generics(input, errors);
    avro_type::check_tagging(serde, errors);
    if serde.is_transparent || serde.into.is_some() {
        errors.at(
            &input.ident,
            "serde writes something else in place of this struct: derive `Event` for what it \
             writes, or take `transparent` or `into` away",
        );
    }
}

/// The names of an event, checked.
struct Names {
    event: String,
    aggregate: String,
    record: String,
}

impl Names {
    fn read(
        input: &DeriveInput,
        event: &Container,
        file: Option<&SchemaFile>,
        errors: &mut Errors,
    ) -> Self {
        match &event.name {
            Some(name) => {
                if file.is_none() {
                    avro_type::check_name(name, errors);
                }
                if let Err(error) = limits::check_event_type(&name.value()) {
                    errors.at(name, error);
                }
            }
            None => errors.at(
                &input.ident,
                "the event has no type: add `#[event(type = \"shop.OrderPlaced\")]`",
            ),
        }
        match &event.aggregate {
            Some(name) => {
                if let Err(error) = limits::check_aggregate_type(&name.value()) {
                    errors.at(name, error);
                }
            }
            None => errors.at(
                &input.ident,
                "the event has no aggregate: add `#[event(aggregate = \"order\")]`, the kind of \
                 thing that it happens to",
            ),
        }
        let text = |name: &Option<LitStr>| name.as_ref().map(LitStr::value).unwrap_or_default();
        let event_type = text(&event.name);
        Self {
            record: file.map_or(event_type.clone(), |file| file.name().to_owned()),
            event: event_type,
            aggregate: text(&event.aggregate),
        }
    }
}

/// The fields that are keys.
struct Keys<'f> {
    aggregate_id: Option<&'f Field>,
    partition_key: Option<&'f Field>,
}

impl<'f> Keys<'f> {
    fn read(
        input: &DeriveInput,
        event: &Container,
        fields: &'f Fields,
        errors: &mut Errors,
    ) -> Self {
        let known = listed(fields.iter().filter_map(|field| field.ident.as_ref()));
        if event.key.is_none() {
            let problem = format!(
                "the event has no key: add `#[event(key = …)]` with the field that is the \
                 aggregate's id; there are {known}"
            );
            errors.at(&input.ident, problem);
        }
        let mut find = |name: &Ident| -> Option<&'f Field> {
            let found = fields
                .iter()
                .find(|field| field.ident.as_ref() == Some(name));
            if found.is_none() {
                errors.at(
                    name,
                    format!("there is no field `{name}`; there are {known}"),
                );
            }
            found
        };
        let key = event.key.as_ref().and_then(&mut find);
        let partition_key = event.partition_key.as_ref().and_then(&mut find);
        if let Some(key) = key.filter(|key| unsupported::is_option(&key.ty)) {
            let problem = "the key is an `Option`, but every event happens to an aggregate: take \
                           the `Option` away, or another field";
            errors.at(&key.ty, problem);
        }
        Self {
            aggregate_id: key,
            partition_key,
        }
    }

    fn aggregate_id(&self) -> Option<TokenStream> {
        let Field { ident, ty, .. } = self.aggregate_id?;
        let text = quote_spanned!(ty.span()=> ::std::string::ToString::to_string(&self.#ident));
        Some(quote! {
            fn aggregate_id(&self) -> ::std::borrow::Cow<'_, str> {
                ::std::borrow::Cow::Owned(#text)
            }
        })
    }

    fn key(&self) -> Option<TokenStream> {
        let Field { ident, ty, .. } = self.partition_key?;
        let value = if unsupported::is_option(ty) {
            quote!(::core::option::Option::as_ref(&self.#ident))
        } else {
            quote!(::core::option::Option::Some(&self.#ident))
        };
        let text = quote_spanned!(ty.span()=> ::std::string::ToString::to_string(key));
        Some(quote! {
            fn key(&self) -> ::core::option::Option<::std::borrow::Cow<'_, str>> {
                ::core::option::Option::map(#value, |key| ::std::borrow::Cow::Owned(#text))
            }
        })
    }
}
