#![doc = include_str!("../README.md")]

mod api;
mod error;
mod given;
mod taken;
mod view;

pub use error::{Error, Result, to_pyerr};
pub use given::{Given, MmapType};
pub use mmap_rs;
pub use pyo3;
pub use taken::Taken;
pub use view::View;
