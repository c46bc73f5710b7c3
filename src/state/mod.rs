//! Mappings as Python objects: their classes, how their memory is used and waited for, and errors.

pub mod borrow;
pub mod buffer;
pub mod classes;
pub mod detach;
pub mod error;
pub mod position;
