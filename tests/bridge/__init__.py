"""The Rust crate pyo3-mmap-rs, and extension modules made with it."""
