//! Python's values as Rust's, and back. No mapping is known here.

pub mod flags;
pub mod numbers;
pub mod paths;
pub mod ranges;
pub mod slices;
