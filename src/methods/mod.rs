//! What mappings can do, a file for each base class and each concept.

pub mod buffer_protocol;
pub mod bytes;
pub mod bytes_mut;
pub mod code;
pub mod common;
pub mod copies;
pub mod export;
pub mod iter;
pub mod jit;
pub mod lines;
pub mod mapped;
pub mod search;
pub mod sending;
pub mod slots;
pub mod transitions;
pub mod try_from;
