"""Tests of the Rust crate's own cases and defects."""
