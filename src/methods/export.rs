//! Exports: what outlives a call and keeps the memory as it is.
#![expect(unsafe_code, reason = "fills the C API's buffer views")]

use super::copies;
use super::jit::may_write;
use super::search::{Needle, Window, search};
use crate::call::check_signals;
use crate::convert::numbers::Number;
use crate::convert::slices::Unpacked;
use crate::state::borrow::{BytesOf, Refused, check_fault, retry};
use crate::state::buffer::Buffer;
use crate::state::classes::Mapping;
use crate::state::detach::{LARGE, free};
use crate::state::error::{Result, closed_file, unwritable};
use mmap_rs_core::Error as CoreError;
use mmap_rs_core::memory::Region;
use mmap_rs_core::state::{Exported, Requests};
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Counts one more export: one attempt.
#[inline]
fn try_export(mapping: &Mapping, requests: Requests) -> std::result::Result<Exported<'_, Region>, Refused<'_>> {
    let export = mapping.cell().export(requests).map_err(|refusal| Refused::new(mapping, refusal))?;
    check_fault(mapping.kind(), export.is_faulted())?;
    Ok(export)
}

/// Fills a view of a mapping's bytes, and counts it: one attempt. False where a Python error is set.
///
/// # Safety
/// Attached. `view` is a view to fill, as the buffer protocol hands it over.
#[inline]
pub unsafe fn try_fill<'a>(
    object: &'a Bound<'_, Mapping>,
    view: *mut ffi::Py_buffer,
    flags: c_int,
    requests: Requests,
) -> std::result::Result<bool, Refused<'a>> {
    let mapping = object.get();
    // SAFETY: the caller's view. A failed call must leave no object there.
    unsafe { (*view).obj = std::ptr::null_mut() };
    let kind = mapping.kind();
    if !kind.is_readable() {
        return Err(PyBufferError::new_err(format!("the bytes of this {} can't be read", kind.name())).into());
    }
    let export = try_export(mapping, requests)?;
    let span = export.span();
    let Ok(len) = ffi::Py_ssize_t::try_from(span.len) else {
        return Err(PyBufferError::new_err(format!("{} bytes are more than a buffer can have", span.len)).into());
    };
    let readonly = c_int::from(!kind.is_writable());
    // SAFETY: the view to fill; the span stays mapped, with the protection of its kind, until the release. It can fail:
    // a writable view of read-only memory, and flags that are none.
    let filled = unsafe { ffi::PyBuffer_FillInfo(view, object.as_ptr(), span.start as *mut _, len, readonly, flags) };
    if filled == 0 {
        export.leak();
    }
    Ok(filled == 0)
}

/// Fills a view of a mapping's bytes, and counts it.
///
/// # Safety
/// `view` is a view to fill, as the buffer protocol hands it over.
pub unsafe fn fill(object: &Bound<'_, Mapping>, view: *mut ffi::Py_buffer, flags: c_int) -> Result<()> {
    let py = object.py();
    // SAFETY: the caller vouches for it.
    if retry(py, |requests| unsafe { try_fill(object, view, flags, requests) })? {
        Ok(())
    } else {
        Err(PyErr::fetch(py).into())
    }
}

/// Ends an export. The last use of a mapping closed with `defer` unmaps it.
pub fn release(py: Python<'_>, mapping: &Mapping) {
    if let Some(region) = mapping.cell().release() {
        free(py, region);
    }
}

/// An export without a view, for functions and files: it ends with the object. The memory can be used through it after
/// the mapping was closed with `defer`.
///
/// For files it has a position. Threads that share one read and write parts that do not overlap, without a lock: that of
/// a thread which was stopped, by a fork or by the end of the interpreter, would never be free again.
#[pyclass(module = "mmap_rs", name = "_Export", frozen)]
pub struct Export {
    mapping: Py<Mapping>,
    position: AtomicUsize,
    closed: AtomicBool,
}

impl Export {
    pub fn new(object: &Bound<'_, Mapping>) -> Result<Self> {
        let exported = retry(object.py(), |requests| try_export(object.get(), requests))?;
        // From here on it ends with this value.
        exported.leak();
        Ok(Self { mapping: object.clone().unbind(), position: AtomicUsize::new(0), closed: AtomicBool::new(false) })
    }

    fn bytes(&self) -> Result<BytesOf<'_>> {
        if self.closed.load(Ordering::Acquire) { Err(closed_file()) } else { Ok(BytesOf::Export(self.mapping.get())) }
    }

    fn size(&self, py: Python<'_>) -> Result<usize> {
        let bytes = self.bytes()?;
        retry(py, |requests| Ok(bytes.try_pin(requests)?.span().len))
    }

    /// Ends the export, once.
    fn end(&self, py: Python<'_>) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            release(py, self.mapping.get());
        }
    }

    /// Moves the position, unless another thread has.
    fn advance(&self, from: usize, to: usize) -> bool {
        self.position.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Copies out the bytes from the position to the end that `end` finds in at most `limit` bytes. A thread takes them by
    /// moving the position behind them, and moves it back where the copy fails.
    fn take<'py>(
        &self,
        py: Python<'py>,
        limit: Option<Number<usize>>,
        end: impl Fn(usize, usize) -> Result<usize>,
    ) -> Result<Bound<'py, PyBytes>> {
        let size = self.size(py)?;
        loop {
            let before = self.position.load(Ordering::Acquire);
            let start = before.min(size);
            let stop = end(start, limit.map_or(size, |limit| start.saturating_add(limit.0).min(size)))?;
            if self.advance(before, before.max(stop)) {
                let copied = self.bytes().and_then(|bytes| copies::slice(py, bytes, Unpacked::between(start, stop)));
                if copied.is_err() {
                    self.advance(stop, before);
                }
                return copied;
            }
            // Another thread has moved the position during a long search, and may go on doing so.
            check_signals(py)?;
        }
    }

    /// The index after the next newline of a part; its end where it has none.
    fn line_end(&self, py: Python<'_>, start: usize, stop: usize) -> Result<usize> {
        // Most lines are short. Looking for their ends attached costs less, and nobody moves the position meanwhile.
        let near = start.saturating_add(LARGE - 1).min(stop);
        for (start, stop) in [(start, near), (near, stop)] {
            if start < stop {
                let window = Window::between(start, stop);
                let found = search(py, self.bytes()?, &Needle::Byte(*b"\n"), window, |at, part, newline| {
                    part.find(newline).and_then(|found| found.checked_add(at)).and_then(|found| found.checked_add(1))
                })?;
                if let Some(end) = found.flatten() {
                    return Ok(end);
                }
            }
        }
        Ok(stop)
    }
}

#[pymethods]
impl Export {
    fn __len__(&self, py: Python<'_>) -> Result<usize> {
        self.size(py)
    }

    /// Ends the export; calls of other threads that use it go on.
    fn close(&self, py: Python<'_>) {
        self.end(py);
    }

    /// The position, in bytes from the start.
    fn tell(&self) -> usize {
        self.position.load(Ordering::Acquire)
    }

    /// Sets the position.
    fn seek(&self, position: Number<usize>) {
        self.position.store(position.0, Ordering::Release);
    }

    /// Up to `limit` bytes from the position on, all without one.
    #[pyo3(signature = (limit, /))]
    fn read<'py>(&self, py: Python<'py>, limit: Option<Number<usize>>) -> Result<Bound<'py, PyBytes>> {
        self.take(py, limit, |_, stop| Ok(stop))
    }

    /// The same, but no more than up to the next newline, and with it.
    #[pyo3(signature = (limit, /))]
    fn readline<'py>(&self, py: Python<'py>, limit: Option<Number<usize>>) -> Result<Bound<'py, PyBytes>> {
        self.take(py, limit, |start, stop| self.line_end(py, start, stop))
    }

    /// Writes all of `source` at the position, and moves behind it. The source is the bytes of a contiguous buffer.
    #[pyo3(signature = (source, /))]
    fn write(&self, py: Python<'_>, source: &Bound<'_, PyAny>) -> Result<usize> {
        let (bytes, source) = (self.bytes()?, Buffer::get(source)?);
        if !bytes.kind().is_writable() {
            return Err(unwritable(bytes.kind()));
        }
        may_write(py, bytes)?;
        let (size, count) = (self.size(py)?, source.len(py)?);
        loop {
            let position = self.position.load(Ordering::Acquire);
            let end = position.saturating_add(count);
            if count > 0 && end > size {
                return Err(CoreError::InvalidSize(format!(
                    "{count} bytes at {position} would pass the end of the mapping's {size} bytes"
                ))
                .into());
            }
            // The part is this thread's from here on.
            if self.advance(position, end) {
                return match copies::set_slice(py, bytes, Unpacked::between(position, end), &source) {
                    Ok(()) => Ok(count),
                    Err(error) => {
                        self.advance(end, position);
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
