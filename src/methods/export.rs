//! Exports that are objects: what `function` and `as_file` return.

use super::buffer_protocol::release;
use super::copies;
use super::jit::may_write;
use super::lines::{Line, line_end, short_line};
use crate::call::check_signals;
use crate::convert::numbers::{Number, limit};
use crate::convert::slices::Unpacked;
use crate::state::borrow::{BytesOf, Refused, retry, try_export};
use crate::state::buffer::Buffer;
use crate::state::classes::Mapping;
use crate::state::error::{Result, closed_file, unwritable};
use crate::state::position::Position;
use mmap_rs_core::Error as CoreError;
use mmap_rs_core::state::Requests;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::atomic::{AtomicBool, Ordering};

/// An export without a view, for functions and files: it ends with the object. The memory can be used through it after
/// the mapping was closed with `defer`.
///
/// For files it has a position. Threads that share one read and write parts that do not overlap.
#[pyclass(module = "mmap_rs", name = "MappingFile", subclass, frozen)]
pub struct Export {
    mapping: Py<Mapping>,
    position: Position,
    closed: AtomicBool,
}

impl Export {
    pub fn new(object: &Bound<'_, Mapping>) -> Result<Self> {
        let exported = retry(object.py(), |requests| try_export(object.get(), requests))?;
        // From here on it ends with this value.
        exported.leak();
        Ok(Self { mapping: object.clone().unbind(), position: Position::new(0), closed: AtomicBool::new(false) })
    }

    fn bytes(&self) -> Result<BytesOf<'_>> {
        if self.closed.load(Ordering::Acquire) { Err(closed_file()) } else { Ok(BytesOf::Export(self.mapping.get())) }
    }

    fn size(&self, py: Python<'_>) -> Result<usize> {
        self.bytes()?.size(py)
    }

    /// Ends the export, once.
    fn end(&self, py: Python<'_>) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            release(py, self.mapping.get());
        }
    }

    /// Copies out the bytes from the position to the end that `end` finds in at most `limit` bytes. A thread takes them by
    /// moving the position behind them, and moves it back where the copy fails.
    fn take<'py>(
        &self,
        py: Python<'py>,
        limit: Option<usize>,
        end: impl Fn(usize, usize) -> Result<usize>,
    ) -> Result<Bound<'py, PyBytes>> {
        let size = self.size(py)?;
        loop {
            let before = self.position.get();
            let start = before.min(size);
            let stop = end(start, limit.map_or(size, |limit| start.saturating_add(limit).min(size)))?;
            if self.position.advance(before, before.max(stop)) {
                let copied = self.bytes().and_then(|bytes| copies::slice(py, bytes, Unpacked::between(start, stop)));
                if copied.is_err() {
                    self.position.advance(stop, before);
                }
                return copied;
            }
            // Another thread has moved the position during a long search, and may go on doing so.
            check_signals(py)?;
        }
    }

    /// The next line, where it is short: one attempt; `None` where it is long, or the thorough way has to look. Empty at
    /// the end.
    #[inline(always)]
    pub fn short_line<'py>(
        &self,
        py: Python<'py>,
        requests: Requests,
    ) -> std::result::Result<Option<Bound<'py, PyBytes>>, Refused<'_>> {
        if self.closed.load(Ordering::Acquire) {
            return Ok(None);
        }
        let start = self.position.get();
        let found = short_line(py, self.mapping.get(), start, true, requests)?;
        let Some(Line { bytes, end }) = found else { return Ok(None) };
        Ok(self.position.advance(start, end).then_some(bytes))
    }

    /// The next line of at most `limit` bytes, waited for.
    pub fn line<'py>(&self, py: Python<'py>, limit: Option<usize>) -> Result<Bound<'py, PyBytes>> {
        self.take(py, limit, |start, stop| line_end(py, self.bytes()?, start, stop))
    }
}

/// What files have beyond reading lines, which is in `slots/`.
#[pyclass(module = "mmap_rs", name = "MappingFile", extends = Export, frozen)]
pub struct FileExport;

impl FileExport {
    pub fn new<'py>(object: &Bound<'py, Mapping>) -> Result<Bound<'py, Self>> {
        let export = PyClassInitializer::from(Export::new(object)?);
        Ok(Bound::new(object.py(), export.add_subclass(Self))?)
    }
}

#[pymethods]
impl FileExport {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __len__(slf: &Bound<'_, Self>) -> Result<usize> {
        slf.as_super().get().size(slf.py())
    }

    /// Ends the export; calls of other threads that use it go on.
    fn close(slf: &Bound<'_, Self>) {
        slf.as_super().get().end(slf.py());
    }

    /// The position, in bytes from the start.
    fn tell(slf: &Bound<'_, Self>) -> usize {
        slf.as_super().get().position.get()
    }

    /// Sets the position.
    fn seek(slf: &Bound<'_, Self>, position: Number<usize>) {
        slf.as_super().get().position.set(position.0);
    }

    /// Up to `size` bytes from the position on; all where it is negative or `None`.
    #[pyo3(signature = (size = None, /))]
    fn read<'py>(slf: &Bound<'py, Self>, size: Option<&Bound<'py, PyAny>>) -> Result<Bound<'py, PyBytes>> {
        slf.as_super().get().take(slf.py(), limit(size)?, |_, stop| Ok(stop))
    }

    /// Writes all of `source` at the position, and moves behind it. The source is the bytes of a contiguous buffer.
    #[pyo3(signature = (source, /))]
    fn write(slf: &Bound<'_, Self>, source: &Bound<'_, PyAny>) -> Result<usize> {
        let (py, export) = (slf.py(), slf.as_super().get());
        let (bytes, source) = (export.bytes()?, Buffer::get(source)?);
        if !bytes.kind().is_writable() {
            return Err(unwritable(bytes.kind()));
        }
        may_write(py, bytes)?;
        let (size, count) = (export.size(py)?, source.len(py)?);
        loop {
            let position = export.position.get();
            let end = position.saturating_add(count);
            if count > 0 && end > size {
                return Err(CoreError::InvalidSize(format!(
                    "{count} bytes at {position} would pass the end of the mapping's {size} bytes"
                ))
                .into());
            }
            // The part is this thread's from here on.
            if export.position.advance(position, end) {
                return match copies::set_slice(py, bytes, Unpacked::between(position, end), &source) {
                    Ok(()) => Ok(count),
                    Err(error) => {
                        export.position.advance(end, position);
                        Err(error)
                    }
                };
            }
        }
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        // Where the interpreter is ending for good, the memory ends with the process.
        Python::try_attach(|py| self.end(py));
    }
}
