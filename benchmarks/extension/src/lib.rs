//! Times what an extension module does with views. The loops run here: a call from Python takes as long as a view.

use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;
use pyo3_mmap_rs::View;
use std::hint::black_box;
use std::time::Instant;

/// The seconds that `loops` calls take; what they return is dropped within.
fn time<T>(loops: u32, mut work: impl FnMut() -> PyResult<T>) -> PyResult<f64> {
    let begun = Instant::now();
    for _ in 0..loops {
        black_box(work()?);
    }
    Ok(begun.elapsed().as_secs_f64())
}

/// The loop alone.
#[pyfunction]
fn nothing(loops: u32) -> PyResult<f64> {
    time(loops, || Ok(()))
}

/// A view and its release.
#[pyfunction]
fn view(loops: u32, mapping: &Bound<'_, PyAny>) -> PyResult<f64> {
    time(loops, || View::new(black_box(mapping)))
}

/// One more view and its release, in a thread that is detached from Python.
#[pyfunction]
fn clone(py: Python<'_>, loops: u32, view: View) -> PyResult<f64> {
    py.detach(|| time(loops, || view.try_clone().ok_or_else(|| PyMemoryError::new_err("no memory for a view"))))
}

/// A search over a view.
#[pyfunction]
fn find(py: Python<'_>, loops: u32, view: View, needle: &[u8]) -> PyResult<f64> {
    // SAFETY: the benchmark alone has the mapping, and writes nothing meanwhile.
    py.detach(|| time(loops, || Ok(memchr::memmem::find(black_box(unsafe { view.as_slice() }), needle))))
}

/// A module of Python's.
#[pymodule]
fn views(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(nothing, module)?)?;
    module.add_function(wrap_pyfunction!(view, module)?)?;
    module.add_function(wrap_pyfunction!(clone, module)?)?;
    module.add_function(wrap_pyfunction!(find, module)?)
}
