//! Small work on tokens.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::ParseStream;
use syn::{Generics, Lit, Token};

/// What stands before the next comma.
pub(crate) fn up_to_comma(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut tokens = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        tokens.extend([input.parse::<TokenTree>()?]);
    }
    if tokens.is_empty() {
        return Err(input.error("a value is missing"));
    }
    Ok(tokens)
}

/// The JSON that `tokens` spell: texts, numbers, `true`, `null`, `[…]`, `{"…": …}`.
pub(crate) fn json(tokens: TokenStream) -> syn::Result<String> {
    let mut text = String::new();
    write_json(tokens.clone(), &mut text)?;
    match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(syn::Error::new_spanned(
            tokens,
            "a default is JSON, such as \"EUR\", -1, true, null, [] or {}",
        )),
    }
}

fn write_json(tokens: TokenStream, text: &mut String) -> syn::Result<()> {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Parenthesis | Delimiter::None => ("", ""),
                };
                text.push_str(open);
                write_json(group.stream(), text)?;
                text.push_str(close);
            }
            TokenTree::Literal(literal) => match syn::parse2(literal.to_token_stream())? {
                Lit::Str(string) => {
                    let escaped = serde_json::Value::String(string.value());
                    text.push_str(&escaped.to_string());
                }
                Lit::Int(number) => text.push_str(number.base10_digits()),
                Lit::Float(number) => text.push_str(number.base10_digits()),
                other => text.push_str(&other.to_token_stream().to_string()),
            },
            other => text.push_str(&other.to_string()),
        }
    }
    Ok(())
}

/// `tokens` of a type, as they stand outside of the type's own definition: each lifetime is
/// `'static`, and `Self` is `itself`.
pub(crate) fn made_static(tokens: TokenStream, itself: &TokenStream) -> TokenStream {
    let mut after_tick = false;
    let mut made = TokenStream::new();
    for token in tokens {
        let is_lifetime = std::mem::take(&mut after_tick);
        match token {
            TokenTree::Ident(name) if is_lifetime => {
                let name = Ident::new("static", name.span());
                made.extend([TokenTree::Ident(name)]);
            }
            TokenTree::Ident(name) if name == "Self" => made.extend(itself.clone()),
            TokenTree::Group(group) => {
                let inner = made_static(group.stream(), itself);
                let mut group_made = Group::new(group.delimiter(), inner);
                group_made.set_span(group.span());
                made.extend([TokenTree::Group(group_made)]);
            }
            other => {
                after_tick = matches!(&other, TokenTree::Punct(one) if one.as_char() == '\'');
                made.extend([other]);
            }
        }
    }
    made
}

/// The type of this name with `'static` for each of its lifetimes.
pub(crate) fn static_type(name: &Ident, generics: &Generics) -> TokenStream {
    if generics.lifetimes().next().is_none() {
        return quote!(#name);
    }
    let lifetimes = generics.lifetimes().map(|_| quote!('static));
    quote!(#name<#(#lifetimes),*>)
}
