//! A PyO3 extension module that shares mappings with Python: it uses one in threads, gives one and takes one.

use pyo3::prelude::*;
use pyo3_mmap_rs::mmap_rs::{Mmap, MmapMut, MmapOptions};
use pyo3_mmap_rs::{Given, Taken, View, to_pyerr};

/// Counts the lines of a mapping with several threads, while other threads of Python run.
#[pyfunction]
fn count_lines(py: Python<'_>, view: View, threads: usize) -> PyResult<usize> {
    let threads = threads.clamp(1, 64);
    let share = view.len().div_ceil(threads);
    py.detach(|| {
        std::thread::scope(|scope| {
            let parts: Vec<_> = (0..threads)
                .map(|number| {
                    let view = &view;
                    scope.spawn(move || lines(view, number * share, share))
                })
                .collect();
            parts.into_iter().map(|part| part.join().expect("no panic")).sum()
        })
    })
}

/// The lines that end in `len` bytes from `start` on.
fn lines(view: &View, start: usize, len: usize) -> PyResult<usize> {
    let end = (start + len).min(view.len());
    let (mut block, mut found) = (vec![0; 1 << 16], 0);
    for offset in (start..end).step_by(block.len()) {
        let part = block.len().min(end - offset);
        view.read_into(offset, &mut block[..part])?;
        found += block[..part].iter().filter(|byte| **byte == b'\n').count();
    }
    Ok(found)
}

/// Writes bytes at an offset.
#[pyfunction]
fn write(view: View, offset: usize, bytes: &[u8]) -> PyResult<()> {
    Ok(view.write_from(offset, bytes)?)
}

/// Finds a byte. Nothing may write to the mapping meanwhile.
#[pyfunction]
fn find(py: Python<'_>, view: View, byte: u8) -> Option<usize> {
    // SAFETY: the caller keeps to what the docstring says.
    py.detach(|| unsafe { view.as_slice() }.iter().position(|other| *other == byte))
}

/// Gives Python a mapping that Rust has made.
#[pyfunction]
fn make(size: usize) -> PyResult<Given<MmapMut>> {
    MmapOptions::new(size).and_then(MmapOptions::map_mut).map(Given).map_err(to_pyerr)
}

/// Takes a mapping from Python, fills it in a thread, and returns how many bytes it had.
#[pyfunction]
fn take_and_fill(mapping: &Bound<'_, PyAny>, byte: u8) -> PyResult<usize> {
    // SAFETY: for mappings that nobody else writes, as the name says: private and anonymous ones.
    let mut taken = unsafe { Taken::<MmapMut>::new(mapping) }?;
    let filler = std::thread::spawn(move || {
        taken.fill(byte);
        taken.iter().filter(|other| **other == byte).count()
        // The memory is unmapped here.
    });
    Ok(filler.join().expect("no panic"))
}

/// Takes a mapping from Python, makes it read-only, and returns it.
#[pyfunction]
fn freeze(mapping: &Bound<'_, PyAny>) -> PyResult<Taken<Mmap>> {
    // SAFETY: no slice is made of it.
    let taken = unsafe { Taken::<MmapMut>::new(mapping) }?;
    taken.make_read_only().map_err(|(_, error)| to_pyerr(error))
}

/// Keeps a view in a thread that Python does not know, for so many milliseconds.
#[pyfunction]
fn keep(view: View, milliseconds: u64) {
    std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        drop(view);
    });
}

/// A module of Python's.
#[pymodule(gil_used = false)]
fn extension(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(count_lines, module)?)?;
    module.add_function(wrap_pyfunction!(write, module)?)?;
    module.add_function(wrap_pyfunction!(find, module)?)?;
    module.add_function(wrap_pyfunction!(make, module)?)?;
    module.add_function(wrap_pyfunction!(take_and_fill, module)?)?;
    module.add_function(wrap_pyfunction!(freeze, module)?)?;
    module.add_function(wrap_pyfunction!(keep, module)?)
}
