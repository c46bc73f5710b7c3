//! What the tests of `pyo3-mmap-rs` need beyond the example.

use pyo3::prelude::*;
use pyo3_mmap_rs::mmap_rs::{Error, MmapMut, UnsafeMmapFlags};
use pyo3_mmap_rs::{Taken, to_pyerr};
use std::ffi::c_int;
use std::io;

/// Each kind of error of the crate `mmap-rs`, as an exception.
#[pyfunction]
fn errors() -> Vec<PyErr> {
    let mut all = vec![
        Error::UnsafeFlagNeeded(UnsafeMmapFlags::JIT),
        Error::InvalidSize,
        Error::InvalidOffset,
        Error::InvalidOperation,
        Error::MustBeAdjacent,
        Error::AttributeMismatch,
        Error::BackingMismatch,
        // Access denied on Windows, and what POSIX calls EIO elsewhere.
        io::Error::from_raw_os_error(5).into(),
        io::Error::other("without a number").into(),
    ];
    all.extend("x".parse::<u8>().map_err(Error::ParseInt).err());
    let bytes = vec![0xff];
    all.extend(std::str::from_utf8(&bytes).map_err(Error::Utf8).err());
    all.into_iter().map(to_pyerr).collect()
}

/// Takes a mapping and returns it.
#[pyfunction]
fn there_and_back(mapping: &Bound<'_, PyAny>) -> PyResult<Taken<MmapMut>> {
    // SAFETY: no slice is made of it.
    unsafe { Taken::new(mapping) }
}

unsafe extern "C" {
    fn atexit(function: extern "C" fn()) -> c_int;
}

extern "C" fn ended() {
    let made = [PyErr::from(pyo3_mmap_rs::Error::ReadOnly), to_pyerr(Error::InvalidSize)];
    println!("{} exceptions", made.len());
}

/// Makes exceptions when the process ends, after the interpreter.
#[pyfunction]
fn raise_after_the_end() {
    // SAFETY: the function touches no Python object.
    assert_eq!(unsafe { atexit(ended) }, 0);
}

/// A module of Python's.
#[pymodule(gil_used = false)]
fn probe(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(errors, module)?)?;
    module.add_function(wrap_pyfunction!(raise_after_the_end, module)?)?;
    module.add_function(wrap_pyfunction!(there_and_back, module)?)
}
