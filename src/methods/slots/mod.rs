//! The slots of the classes that loops call: indexing, the buffer protocol, steps of an iterator.
//!
//! The feature `internal-slots`, which wheels are built with, chooses between two ways into the classes. What the slots
//! do is the same; `docs/performance.md` says what the other way costs.

#[cfg(feature = "internal-slots")]
mod internal;
#[cfg(not(feature = "internal-slots"))]
mod public;
