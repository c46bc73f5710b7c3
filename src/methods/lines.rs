//! Lines: finding their ends, and the iterator of `lines()`.
#![expect(unsafe_code, reason = "raw pointers to mapped bytes, and to new bytes objects")]

use super::copies::{self, new_bytes};
use super::search::{Needle, Window, search};
use crate::call::check_signals;
use crate::convert::slices::Unpacked;
use crate::state::borrow::{BytesOf, Glance, Refused, retry};
use crate::state::classes::Mapping;
use crate::state::detach::LARGE;
use crate::state::error::Result;
use crate::state::position::Position;
use mmap_rs_core::memory::bytes::{Bytes, Strided};
use mmap_rs_core::state::Requests;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

const NEWLINE: u8 = b'\n';

/// A line that was copied out.
pub struct Line<'py> {
    pub bytes: Bound<'py, PyBytes>,
    /// The index after it.
    pub end: usize,
}

/// The line from `start` on: one attempt; `None` where it is long. After the end it is empty.
#[inline(always)]
pub fn short_line<'a, 'py>(
    py: Python<'py>,
    mapping: &'a Mapping,
    start: usize,
    keepends: bool,
    requests: Requests,
) -> std::result::Result<Option<Line<'py>>, Refused<'a>> {
    let glance = Glance::of_bytes(mapping, requests)?;
    // SAFETY: the glance keeps the span mapped, and it can be read.
    let bytes = unsafe { Bytes::new(glance.span()) };
    let near = start.saturating_add(LARGE - 1).min(bytes.len());
    let found = bytes.part(start, near).and_then(|part| part.find(&[NEWLINE]));
    let (len, end) = match found {
        // Inside of the part, so neither can overflow.
        Some(at) => (at + usize::from(keepends), start + at + 1),
        None if near < bytes.len() => return Ok(None),
        None => (near.saturating_sub(start), near.max(start)),
    };
    // Not tracked by the collector: making it runs no code.
    let (object, memory) = new_bytes(py, len)?;
    // SAFETY: the glance keeps the span mapped, and it can be read; the new object has room for the line.
    let copied = unsafe { bytes.copy_to(Strided { start, step: 1, len }, memory) };
    debug_assert!(copied);
    glance.check()?;
    Ok(Some(Line { bytes: object, end }))
}

/// The index after the next newline of a part; its end where it has none.
pub fn line_end(py: Python<'_>, bytes: BytesOf<'_>, start: usize, stop: usize) -> Result<usize> {
    // Most lines are short. Looking for their ends attached costs less, and nobody moves the position meanwhile.
    let near = start.saturating_add(LARGE - 1).min(stop);
    for (start, stop) in [(start, near), (near, stop)] {
        if start < stop {
            let window = Window::between(start, stop);
            let found = search(py, bytes, &Needle::Byte([NEWLINE]), window, |at, part, newline| {
                part.find(newline).and_then(|found| found.checked_add(at)).and_then(|found| found.checked_add(1))
            })?;
            if let Some(end) = found.flatten() {
                return Ok(end);
            }
        }
    }
    Ok(stop)
}

/// An iterator over the lines of a mapping. It keeps the mapping alive, but not open. Threads that share it get each
/// line once. Its `__next__` is in `slots/`.
#[pyclass(module = "mmap_rs", name = "LineIterator", subclass, frozen)]
pub struct LineSteps {
    mapping: Py<Mapping>,
    /// The index of the next line; [`ENDED`] once the end was reached.
    next: Position,
    keepends: bool,
}

/// An index that no line has.
const ENDED: usize = usize::MAX;

impl LineSteps {
    /// The next line, where it is short: one attempt. `Some(None)` at the end, `None` where it is long.
    #[inline(always)]
    #[allow(clippy::type_complexity)]
    pub fn step<'py>(
        &self,
        py: Python<'py>,
        requests: Requests,
    ) -> std::result::Result<Option<Option<Bound<'py, PyBytes>>>, Refused<'_>> {
        loop {
            let start = self.next.get();
            if start == ENDED {
                return Ok(Some(None));
            }
            let found = short_line(py, self.mapping.get(), start, self.keepends, requests)?;
            let Some(Line { bytes, end }) = found else { return Ok(None) };
            let then = if end == start { ENDED } else { end };
            if self.next.advance(start, then) {
                return Ok(Some((then != ENDED).then_some(bytes)));
            }
        }
    }

    /// The next line, waited for; `None` at the end.
    pub fn next<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyBytes>>> {
        loop {
            if let Some(found) = retry(py, |requests| self.step(py, requests))? {
                return Ok(found);
            }
            let (start, bytes) = (self.next.get(), BytesOf::Mapping(self.mapping.get()));
            let size = bytes.size(py)?;
            if start < size {
                let end = line_end(py, bytes, start, size)?;
                if self.next.advance(start, end) {
                    let line = copies::slice(py, bytes, Unpacked::between(start, end));
                    match &line {
                        Err(_) => drop(self.next.advance(end, start)),
                        // Another thread has made the mapping shorter meanwhile, and this is behind its end.
                        Ok(line) if line.as_bytes().is_empty() => {
                            self.next.advance(end, ENDED);
                            return Ok(None);
                        }
                        Ok(line) if !self.keepends => {
                            if let Some((&NEWLINE, rest)) = line.as_bytes().split_last() {
                                return Ok(Some(PyBytes::new(py, rest)));
                            }
                        }
                        Ok(_) => {}
                    }
                    return line.map(Some);
                }
            }
            check_signals(py)?;
        }
    }
}

/// What such an iterator has beyond its steps.
#[pyclass(module = "mmap_rs", name = "LineIterator", extends = LineSteps, frozen)]
pub struct LineIterator;

impl LineIterator {
    pub fn new(mapping: &Bound<'_, Mapping>, keepends: bool) -> PyResult<Py<Self>> {
        let steps = LineSteps { mapping: mapping.clone().unbind(), next: Position::new(0), keepends };
        Py::new(mapping.py(), PyClassInitializer::from(steps).add_subclass(Self))
    }
}

#[pymethods]
impl LineIterator {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }
}
