//! What the Python binding of `mmap-rs` is made of, without Python.
//!
//! * [`state`]: who may do what to a mapping at this moment; the only place where anyone waits.
//! * [`memory`]: upstream's objects as regions: map, protect, split, merge, flush, advise, and the bytes in them.
//! * [`areas`]: the memory areas of a process.
//! * [`guard`]: pages that the system can't provide.
//!
//! Where upstream is wrong, the module that meets the defect cites its number (`U1` and so on); the list with the
//! test that watches each one is in `docs/upstream.md`.

pub mod areas;
pub mod error;
pub mod guard;
#[cfg(any(target_os = "macos", target_os = "ios", test))]
mod mach;
pub mod memory;
pub mod state;

pub use error::{Error, Result};
pub use mmap_rs;
