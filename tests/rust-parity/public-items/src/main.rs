//! Prints the public items of a crate as JSON: `public-items FOLDER`, where the folder has the crate's `lib.rs`.
//!
//! It knows the forms that mmap-rs uses. A public item of any other form ends it with status 3, so that no item is
//! missed silently.

mod items;
mod macros;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use items::{Item, is_public, read_module};
use syn::UseTree;

/// The status for source of an unknown form, or that is not Rust.
const UNKNOWN_FORM: u8 = 3;

/// Modules with one private type of the same name for each system; their items are not public.
const PLATFORM_MODULES: [&str; 1] = ["os_impl"];

/// Source that this program can't read, and where.
pub struct UnknownForm(String);

/// What reading a part of the source gives.
pub type Read<T> = Result<T, UnknownForm>;

/// Refuse a form of source.
pub fn unknown<T>(what: impl Display) -> Read<T> {
    Err(UnknownForm(what.to_string()))
}

impl From<syn::Error> for UnknownForm {
    fn from(error: syn::Error) -> Self {
        Self(error.to_string())
    }
}

fn parse(path: &Path) -> Read<syn::File> {
    let text = std::fs::read_to_string(path).map_err(|error| UnknownForm(format!("{}: {error}", path.display())))?;
    Ok(syn::parse_file(&text)?)
}

/// Read the public items of a crate: those of the modules that `lib.rs` makes public, or re-exports.
fn read_crate(folder: &Path) -> Read<Vec<Item>> {
    let mut public = Vec::new();
    let mut private = BTreeSet::new();
    for item in parse(&folder.join("lib.rs"))?.items {
        match item {
            syn::Item::Mod(module) if module.content.is_none() => {
                if is_public(&module.vis) {
                    public.push(module.ident.to_string());
                } else {
                    private.insert(module.ident.to_string());
                }
            }
            syn::Item::Use(import) if is_public(&import.vis) => {
                // `pub use name::*` or, of a module that is public anyway, `pub use name::Item`.
                let UseTree::Path(path) = import.tree else {
                    return unknown("a re-export of a whole module in lib.rs");
                };
                let name = path.ident.to_string();
                if !matches!(*path.tree, UseTree::Glob(_)) && private.contains(&name) {
                    return unknown(format!("a re-export of an item of the private module {name}"));
                }
                public.push(name);
            }
            // What it holds besides must be private.
            other => {
                if !read_module(&[other])?.is_empty() {
                    return unknown("a public item in lib.rs itself");
                }
            }
        }
    }
    for name in &private {
        if !public.contains(name) && !PLATFORM_MODULES.contains(&name.as_str()) {
            return unknown(format!("the module {name}, which is not read"));
        }
    }
    let mut items = Vec::new();
    let mut read = BTreeSet::new();
    for name in public {
        if read.insert(name.clone()) {
            items.extend(read_module(&parse(&folder.join(format!("{name}.rs")))?.items)?);
        }
    }
    Ok(items)
}

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: public-items FOLDER");
        return ExitCode::from(2);
    };
    match read_crate(&folder) {
        Ok(items) => match serde_json::to_writer(std::io::stdout(), &items) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        },
        Err(UnknownForm(what)) => {
            eprintln!("{what}");
            ExitCode::from(UNKNOWN_FORM)
        }
    }
}
