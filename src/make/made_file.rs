//! A mapping of a file that is made for it: `map_file()` with the mode `"w+"`.

use super::file;
use super::mapping::announce;
use super::options::MmapOptions;
use crate::call::call;
use crate::state::classes::{Mapping, wrap};
use crate::state::error::Result;
use mmap_rs_core::memory::{Access, Request, Source};
use pyo3::prelude::*;

/// Maps a file, writable, after `make()` has given it its bytes.
///
/// It is mapped once before, past its end: what the system or an audit hook has against the mapping is known while the
/// file is as it was. Windows resizes no file that is mapped, so that first mapping does not stay.
#[pyfunction]
#[pyo3(name = "_map_made")]
pub fn map_made<'py>(options: &Bound<'py, MmapOptions>, make: &Bound<'py, PyAny>) -> Result<Bound<'py, Mapping>> {
    let (py, access) = (options.py(), Access::Write);
    let request = file::opened(py, &options.get().request, access)?;
    announce(py, &request, access, false)?;
    let trial = Request { source: request.source.as_ref().map(Source::to_past_end), ..request.as_ref().clone() };
    drop(py.detach(|| trial.map(access, false))?);
    call(make, (), None)?;
    Ok(wrap(py, py.detach(|| request.map(access, false))?)?)
}
