//! The public items of a module: types, their members, and the traits that they have.

use std::collections::HashMap;

use serde::Serialize;
use syn::punctuated::Punctuated;
use syn::{
    Attribute, BinOp, Expr, FnArg, GenericArgument, ImplItem, Lit, Meta, Pat, PathArguments, Signature, Token, Type,
    Visibility,
};

use crate::macros::{self, Macro};
use crate::{Read, unknown};

/// A public item; `owner` is the type that it belongs to, or empty.
#[derive(Default, Serialize)]
pub struct Item {
    kind: &'static str,
    owner: String,
    name: String,
    /// The value of a constant or a flag.
    value: Option<i128>,
    /// How a method takes its object: `self`, `&self`, `&mut self`, or empty.
    receiver: &'static str,
    /// The names of a function's parameters, without the receiver.
    parameters: Vec<String>,
    /// What the trait `TryFrom` converts from.
    source: String,
    /// The condition under which the item exists.
    cfg: String,
}

impl Item {
    fn new(kind: &'static str, owner: &str, name: impl ToString) -> Self {
        Self { kind, owner: owner.to_owned(), name: name.to_string(), ..Self::default() }
    }
}

/// Whether an item is public outside of its crate.
pub fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Return the condition of an item, such as `test` of `#[cfg(test)]`, or an empty text.
fn condition(attributes: &[Attribute]) -> String {
    attributes
        .iter()
        .find_map(|attribute| match &attribute.meta {
            Meta::List(list) if list.path.is_ident("cfg") => Some(list.tokens.to_string()),
            _ => None,
        })
        .unwrap_or_default()
}

/// Read the public items of a module.
pub fn read_module(found: &[syn::Item]) -> Read<Vec<Item>> {
    let mut items = Vec::new();
    read_items(found, &mut HashMap::new(), &mut items)?;
    Ok(items)
}

fn read_items(found: &[syn::Item], known: &mut HashMap<String, Macro>, items: &mut Vec<Item>) -> Read<()> {
    for item in found {
        match item {
            syn::Item::Macro(used) => read_macro(used, known, items)?,
            syn::Item::Impl(block) => read_impl(block, items)?,
            syn::Item::Struct(found) if is_public(&found.vis) => {
                let owner = found.ident.to_string();
                add_type(&owner, &found.attrs, items)?;
                for (index, field) in found.fields.iter().enumerate() {
                    if is_public(&field.vis) {
                        // The fields of a tuple struct have numbers.
                        let name = field.ident.as_ref().map_or(index.to_string(), ToString::to_string);
                        items.push(Item::new("field", &owner, name));
                    }
                }
            }
            syn::Item::Enum(found) if is_public(&found.vis) => {
                let owner = found.ident.to_string();
                add_type(&owner, &found.attrs, items)?;
                items.extend(found.variants.iter().map(|variant| Item {
                    cfg: condition(&variant.attrs),
                    ..Item::new("variant", &owner, &variant.ident)
                }));
            }
            syn::Item::Fn(function) if is_public(&function.vis) => {
                items.push(read_function(&function.sig, &function.attrs, "")?);
            }
            syn::Item::Const(constant) if is_public(&constant.vis) => {
                let name = constant.ident.to_string();
                items.push(read_constant(&name, &constant.expr, &constant.attrs, "")?);
            }
            syn::Item::Struct(_) | syn::Item::Enum(_) | syn::Item::Fn(_) | syn::Item::Const(_) => {}
            other => refuse_public(other)?,
        }
    }
    Ok(())
}

/// Refuse public items of kinds that have no counterpart in Python.
fn refuse_public(item: &syn::Item) -> Read<()> {
    let (visibility, what) = match item {
        syn::Item::ExternCrate(found) => (&found.vis, "an extern crate"),
        syn::Item::Mod(found) => (&found.vis, "a module"),
        syn::Item::Static(found) => (&found.vis, "a static"),
        syn::Item::Trait(found) => (&found.vis, "a trait"),
        syn::Item::TraitAlias(found) => (&found.vis, "an alias of a trait"),
        syn::Item::Type(found) => (&found.vis, "an alias of a type"),
        syn::Item::Union(found) => (&found.vis, "a union"),
        syn::Item::Use(found) => (&found.vis, "a re-export"),
        _ => return unknown("an item of an unknown form"),
    };
    if is_public(visibility) {
        return unknown(what);
    }
    Ok(())
}

/// Add a type, and the traits that it derives.
fn add_type(owner: &str, attributes: &[Attribute], items: &mut Vec<Item>) -> Read<()> {
    items.push(Item::new("type", owner, owner));
    for attribute in attributes {
        if attribute.path().is_ident("derive") {
            let traits = attribute.parse_args_with(Punctuated::<syn::Path, Token![,]>::parse_terminated)?;
            for path in traits {
                items.push(Item::new("trait", owner, last_name(&path)?));
            }
        }
    }
    Ok(())
}

/// Read what a macro of the module or of `bitflags` makes, or remember how a macro is defined.
fn read_macro(used: &syn::ItemMacro, known: &mut HashMap<String, Macro>, items: &mut Vec<Item>) -> Read<()> {
    if let Some(name) = &used.ident {
        if used.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export")) {
            return unknown(format!("the exported macro {name}"));
        }
        known.insert(name.to_string(), Macro::parse(used.mac.tokens.clone())?);
        return Ok(());
    }
    let name = last_name(&used.mac.path)?;
    if name == "bitflags" {
        for flags in used.mac.parse_body::<macros::Bitflags>()?.0 {
            if !is_public(&flags.visibility) {
                continue;
            }
            let owner = flags.name.to_string();
            add_type(&owner, &flags.attributes, items)?;
            for flag in flags.flags {
                items.push(Item {
                    value: Some(number(&flag.value)?),
                    cfg: condition(&flag.attributes),
                    ..Item::new("flag", &owner, &flag.name)
                });
            }
        }
        return Ok(());
    }
    let Some(definition) = known.get(&name) else {
        return unknown(format!("the macro {name}!"));
    };
    let made: syn::File = syn::parse2(definition.expand(used.mac.tokens.clone())?)?;
    read_items(&made.items, known, items)
}

/// Read the public members of `impl Type { ... }`, or that a type has a trait.
fn read_impl(block: &syn::ItemImpl, items: &mut Vec<Item>) -> Read<()> {
    if condition(&block.attrs) == "test" {
        return Ok(());
    }
    let owner = type_name(&block.self_ty)?;
    if let Some((negative, path, _)) = &block.trait_ {
        if negative.is_some() {
            return unknown(format!("a negative impl for {owner}"));
        }
        let name = last_name(path)?;
        let source = if name == "TryFrom" { argument(path)? } else { String::new() };
        items.push(Item { source, ..Item::new("trait", &owner, name) });
        return Ok(());
    }
    for member in &block.items {
        match member {
            ImplItem::Fn(method) if is_public(&method.vis) => {
                items.push(read_function(&method.sig, &method.attrs, &owner)?);
            }
            ImplItem::Const(constant) if is_public(&constant.vis) => {
                let name = constant.ident.to_string();
                items.push(read_constant(&name, &constant.expr, &constant.attrs, &owner)?);
            }
            ImplItem::Fn(_) | ImplItem::Const(_) => {}
            _ => return unknown(format!("a member of {owner} that is no function or constant")),
        }
    }
    Ok(())
}

fn read_function(signature: &Signature, attributes: &[Attribute], owner: &str) -> Read<Item> {
    let kind = if owner.is_empty() { "function" } else { "method" };
    let mut item = Item { cfg: condition(attributes), ..Item::new(kind, owner, &signature.ident) };
    for input in &signature.inputs {
        match input {
            FnArg::Receiver(receiver) => {
                item.receiver = match (&receiver.reference, &receiver.mutability) {
                    (None, _) => "self",
                    (Some(_), None) => "&self",
                    (Some(_), Some(_)) => "&mut self",
                };
            }
            FnArg::Typed(parameter) => match &*parameter.pat {
                Pat::Ident(name) => item.parameters.push(name.ident.to_string()),
                _ => return unknown(format!("a parameter of {} without a name", signature.ident)),
            },
        }
    }
    Ok(item)
}

/// Read `const NAME: Type = value`, where the value may be wrapped as in `Self(12)`.
fn read_constant(name: &str, value: &Expr, attributes: &[Attribute], owner: &str) -> Read<Item> {
    let wrapped = match value {
        Expr::Call(call) if call.args.len() == 1 => match &*call.func {
            Expr::Path(path) if path.path.is_ident("Self") || path.path.is_ident(owner) => Some(&call.args[0]),
            _ => None,
        },
        _ => None,
    };
    Ok(Item {
        value: Some(number(wrapped.unwrap_or(value))?),
        cfg: condition(attributes),
        ..Item::new("constant", owner, name)
    })
}

/// Compute a constant expression of numbers.
fn number(value: &Expr) -> Read<i128> {
    let computed = match value {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) => Some(number.base10_parse()?),
            _ => None,
        },
        Expr::Paren(inner) => Some(number(&inner.expr)?),
        Expr::Group(inner) => Some(number(&inner.expr)?),
        Expr::Binary(both) => {
            let (left, right) = (number(&both.left)?, number(&both.right)?);
            match both.op {
                BinOp::Shl(_) => u32::try_from(right).ok().and_then(|by| left.checked_shl(by)),
                BinOp::BitOr(_) => Some(left | right),
                BinOp::Add(_) => left.checked_add(right),
                BinOp::Sub(_) => left.checked_sub(right),
                BinOp::Mul(_) => left.checked_mul(right),
                _ => None,
            }
        }
        _ => None,
    };
    computed.map_or_else(|| unknown("a value that is not a number"), Ok)
}

/// Return the name at the end of a path.
fn last_name(path: &syn::Path) -> Read<String> {
    match path.segments.last() {
        Some(segment) => Ok(segment.ident.to_string()),
        None => unknown("an empty path"),
    }
}

fn type_name(found: &Type) -> Read<String> {
    match found {
        Type::Path(path) => last_name(&path.path),
        Type::Reference(reference) => type_name(&reference.elem),
        _ => unknown("an impl for a type without a name"),
    }
}

/// Return the name of the one type that a trait has as its argument.
fn argument(path: &syn::Path) -> Read<String> {
    let arguments = match path.segments.last().map(|last| &last.arguments) {
        Some(PathArguments::AngleBracketed(found)) => Vec::from_iter(&found.args),
        _ => Vec::new(),
    };
    match arguments[..] {
        [GenericArgument::Type(found)] => type_name(found),
        _ => unknown("a trait without its one argument"),
    }
}
