//! What a mapping is to be, and making it.

pub mod file;
pub mod made_file;
mod mapping;
pub mod memory_file;
pub mod options;
pub mod page_size;
