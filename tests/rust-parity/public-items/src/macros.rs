//! Macros that make items: those of `bitflags`, and those that the crate defines with one rule.

use std::collections::HashMap;

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Token, Visibility, braced, parenthesized};

use crate::{Read, unknown};

/// The types of `bitflags! { ... }`.
pub struct Bitflags(pub Vec<FlagType>);

/// `pub struct Name: Type { const FLAG = value; ... }`.
pub struct FlagType {
    pub attributes: Vec<Attribute>,
    pub visibility: Visibility,
    pub name: Ident,
    pub flags: Vec<Flag>,
}

/// `const FLAG = value;`.
pub struct Flag {
    pub attributes: Vec<Attribute>,
    pub name: Ident,
    pub value: Expr,
}

fn all<T: Parse>(input: ParseStream<'_>) -> syn::Result<Vec<T>> {
    let mut found = Vec::new();
    while !input.is_empty() {
        found.push(input.parse()?);
    }
    Ok(found)
}

impl Parse for Bitflags {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        all(input).map(Self)
    }
}

impl Parse for FlagType {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        input.parse::<Token![struct]>()?;
        let name = input.parse()?;
        input.parse::<Token![:]>()?;
        input.parse::<syn::Type>()?;
        let body;
        braced!(body in input);
        let flags = all(&body)?;
        Ok(Self { attributes, visibility, name, flags })
    }
}

impl Parse for Flag {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        input.parse::<Token![const]>()?;
        let name = input.parse()?;
        input.parse::<Token![=]>()?;
        let value = input.parse()?;
        input.parse::<Token![;]>()?;
        Ok(Self { attributes, name, value })
    }
}

/// A macro of one rule whose arguments are names: `($t:ident) => { ... }`.
pub struct Macro {
    parameters: Vec<Ident>,
    template: TokenStream,
}

/// `$t:ident`.
struct Parameter(Ident);

impl Parse for Parameter {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        input.parse::<Token![$]>()?;
        let name = input.parse()?;
        input.parse::<Token![:]>()?;
        let kind: Ident = input.parse()?;
        if kind != "ident" {
            return Err(syn::Error::new(kind.span(), "a parameter of a macro that is not an `ident`"));
        }
        Ok(Self(name))
    }
}

impl Parse for Macro {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let (pattern, template);
        parenthesized!(pattern in input);
        input.parse::<Token![=>]>()?;
        braced!(template in input);
        input.parse::<Option<Token![;]>>()?;
        let parameters = Punctuated::<Parameter, Token![,]>::parse_terminated(&pattern)?;
        Ok(Self {
            parameters: parameters.into_iter().map(|parameter| parameter.0).collect(),
            template: template.parse()?,
        })
    }
}

impl Macro {
    /// Read the definition of a macro.
    pub fn parse(definition: TokenStream) -> Read<Self> {
        Ok(syn::parse2(definition)?)
    }

    /// Return what the macro makes of its arguments.
    pub fn expand(&self, arguments: TokenStream) -> Read<TokenStream> {
        let values = Punctuated::<Ident, Token![,]>::parse_terminated.parse2(arguments)?;
        if values.len() != self.parameters.len() {
            return unknown("a macro with a wrong number of arguments");
        }
        let values = self.parameters.iter().map(ToString::to_string).zip(values).collect();
        Ok(replace(self.template.clone(), &values))
    }
}

/// Put values in the place of `$name`.
fn replace(template: TokenStream, values: &HashMap<String, Ident>) -> TokenStream {
    let mut tokens = template.into_iter().peekable();
    let mut made = TokenStream::new();
    while let Some(token) = tokens.next() {
        let token = match token {
            TokenTree::Group(group) => Group::new(group.delimiter(), replace(group.stream(), values)).into(),
            TokenTree::Punct(mark) if mark.as_char() == '$' => {
                let value = match tokens.peek() {
                    Some(TokenTree::Ident(name)) => values.get(&name.to_string()).cloned(),
                    _ => None,
                };
                match value {
                    Some(value) => {
                        tokens.next();
                        value.into()
                    }
                    // Not a parameter: what is made can't be parsed, and is refused.
                    None => mark.into(),
                }
            }
            other => other,
        };
        made.extend([token]);
    }
    made
}
