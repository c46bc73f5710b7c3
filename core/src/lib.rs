//! The core of the Python binding of `mmap-rs`, without Python.
//!
//! * [`state`]: which uses of a mapping are allowed now; the only place that waits.
//! * [`memory`]: upstream's objects as regions: map, protect, split, merge, flush, advise, and the bytes in them.
//! * [`areas`]: the memory areas of a process.
//! * [`registry`]: where the regions of this process are.
//! * [`guard`]: pages that the system can't provide.
//! * [`within`]: mappings in a range of addresses.
//! * [`adopt`]: memory that other code has mapped.
//!
//! Where upstream is wrong, the module that works around the defect cites its number (`U1` and so on); the list with the
//! test that watches each one is in `docs/upstream.md`.

pub mod adopt;
pub mod areas;
mod blocks;
pub mod error;
pub mod guard;
#[cfg(any(target_os = "macos", target_os = "ios", test))]
mod mach;
pub mod memory;
pub mod registry;
pub mod state;
pub mod within;

pub use error::{Error, Result};
pub use mmap_rs;
