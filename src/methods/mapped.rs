//! What the three mapped classes have beyond the reserved ones: size, lock, flush, advice, and what is in memory.

use crate::audit;
use crate::call::warn;
use crate::convert::flags;
use crate::convert::numbers::Number;
use crate::convert::ranges::Range;
use crate::make::file;
use crate::state::borrow::{change, check_fault, exclusive, with_region};
use crate::state::classes::{Mapped, Mapping, base};
use crate::state::detach::is_large;
use crate::state::error::Result;
use mmap_rs_core::Error as CoreError;
use mmap_rs_core::memory::{Region, Resize, Source};
use mmap_rs_core::state::Extent;
use pyo3::exceptions::{PyRuntimeWarning, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyTuple};
use std::ffi::CStr;
use std::sync::atomic::Ordering;

/// Calls the core, detached where `waits` says so.
fn call(
    slf: &Bound<'_, Mapped>,
    waits: impl FnOnce(&Region) -> bool,
    work: impl FnOnce(&Region) -> mmap_rs_core::Result<()> + Send,
) -> Result<()> {
    Ok(with_region(slf.py(), base(slf).get(), waits, work)??)
}

/// The same; `FaultError` where the fault guard has replaced a page.
fn marked<T: Send>(
    slf: &Bound<'_, Mapped>,
    waits: impl FnOnce(&Region) -> bool,
    work: impl FnOnce(&Region) -> mmap_rs_core::Result<T> + Send,
) -> Result<T> {
    let mapping = base(slf).get();
    let (done, is_faulted) = with_region(slf.py(), mapping, waits, |region| {
        let done = work(region)?;
        let is_faulted = region.fault_flag().is_some_and(|flag| flag.load(Ordering::Acquire));
        Ok::<_, CoreError>((done, is_faulted))
    })??;
    check_fault(mapping.kind(), is_faulted)?;
    Ok(done)
}

/// Flushes. What the fault guard put in the place of a page never reaches the file, and is not to look as if.
fn flush(slf: &Bound<'_, Mapped>, range: Option<Range>, wait: bool) -> Result<()> {
    let (py, is_writable) = (slf.py(), base(slf).get().kind().is_writable());
    // What is never written to a file never waits for one.
    let is_unwritten = marked(
        slf,
        |region| region.facts().is_shared() && region.facts().is_file(),
        |region| {
            region.flush(bytes(range, region).as_ref(), wait)?;
            Ok(is_writable && is_private_of_file(region))
        },
    )?;
    if is_unwritten {
        warn(py, &py.get_type::<PyRuntimeWarning>(), UNWRITTEN)?;
    }
    Ok(())
}

/// `TypeError` for arguments after the range. An offset before them is refused as a range, with the same remedy.
fn only(more: &Bound<'_, PyTuple>) -> PyResult<()> {
    if more.is_empty() {
        return Ok(());
    }
    Err(PyTypeError::new_err(
        "one range or slice is needed: range(start, start + length) for that many bytes from a start",
    ))
}

/// What a flush is told that can't have written anything.
const UNWRITTEN: &CStr = c"nothing is written to the file: this mapping is private (copy-on-write); \
    map_file(path, 'r+') or with_flags(MmapFlags.SHARED) maps a file so that writes reach it";

fn is_private_of_file(region: &Region) -> bool {
    region.facts().is_file() && !region.facts().is_shared() && region.span().len > 0
}

/// A range in bytes from the start; the whole where there is none.
fn bytes(range: Option<Range>, region: &Region) -> Option<std::ops::Range<usize>> {
    range.map(|range| range.within(region.span().len))
}

/// The file behind a mapping, as a mapping of more of it needs it.
fn source(py: Python<'_>, mapping: &Mapping) -> Result<Option<Source>> {
    let found =
        with_region(py, mapping, |_| false, |region| region.source().map(|source| (source.clone(), region.writes())))?;
    Ok(match found {
        Some((source, writes)) => Some(file::ready(py, &source, writes)?.into_owned()),
        None => None,
    })
}

fn resize(slf: &Bound<'_, Mapped>, size: Option<usize>, may_move: bool) -> Result<()> {
    let (py, mapping) = (slf.py(), base(slf).get());
    loop {
        let (seen, executable) =
            with_region(py, mapping, |_| false, |region| (region.span(), region.facts().access.is_exec()))?;
        // A smaller mapping needs no look at the file.
        let source = if size.is_some_and(|size| size <= seen.len) { None } else { source(py, mapping)? };
        let size = match (size, &source) {
            (Some(size), _) => size,
            (None, Some(source)) => py.detach(|| source.rest())?,
            (None, None) => {
                let text = "resize() without a size takes that of the file, and this mapping is anonymous";
                return Err(CoreError::InvalidOperation(text.to_owned()).into());
            }
        };
        audit::event(py, c"mmap_rs.resize", || (seen.start, seen.len, size))?;
        if executable && size > seen.len {
            audit::event(py, c"mmap_rs.exec", || (seen.start, size))?;
        }
        let mut alone = exclusive(py, mapping)?;
        // Another thread may have changed it meanwhile.
        if alone.with(|region| region.span()) != seen {
            continue;
        }
        let wanted = Resize { size, may_move, source: source.as_ref() };
        py.detach(move || change(alone, |region| region.resize(&wanted)).map(drop))?;
        return Ok(());
    }
}

#[pymethods]
impl Mapped {
    /// Give the mapping another size; it stays the same object.
    ///
    /// The bytes up to the smaller of both sizes are kept. New bytes are zero, or what the file holds there; in the last
    /// page of shared anonymous memory, bytes that a smaller size had hidden come back, as other processes may use them. Protection,
    /// flags, lock, advice, guard, page size and name stay. A mapping grows where it lies if the addresses behind it are
    /// free. Otherwise it moves: on Linux and Android the system moves its pages (mremap(2)), elsewhere it is mapped
    /// again, and private memory is copied. If this fails, the mapping is as before, unless the message says that it
    /// was unmapped.
    ///
    /// Raises the audit event `mmap_rs.resize` with the address, the old and the new size; if executable memory grows, also
    /// `mmap_rs.exec` with the address before and the new size.
    ///
    /// Args:
    ///     size: the new size in bytes, an int. By default what the file now holds from the start of the mapping on.
    ///     may_move: whether the mapping may have another address afterwards.
    ///
    /// Raises:
    ///     InvalidSizeError: if the size is 0, not a multiple of the huge page size, or past the end of the file
    ///         without `past_end`.
    ///     InvalidOperationError: for an anonymous mapping without a size, and for a mapping with repeats.
    ///     BackingMismatchError: if the path of the file now leads to another file, and it is asked for its size.
    ///     BufferError: while buffers are alive.
    ///     SystemCallError: if the system refuses: with `errno.ENOMEM` if there is no room behind the mapping and
    ///         it may not move.
    ///
    /// Moving a mapping of huge pages needs enough free huge pages for the whole new size.
    ///
    /// Upstream: none. Source: mremap(2).
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map_mut()
    ///     >>> m[:5] = b"hello"
    ///     >>> m.resize(1 << 20)
    ///     >>> len(m), m[:5], m[-1]
    ///     (1048576, b'hello', 0)
    #[pyo3(signature = (size = None, *, may_move = true), text_signature = "($self, size=None, *, may_move=True)")]
    fn resize(slf: &Bound<'_, Self>, size: Option<Number<usize>>, may_move: bool) -> Result<()> {
        resize(slf, size.map(|size| size.0), may_move)
    }

    /// Return how many bytes of the mapping are in physical memory now, an int.
    ///
    /// Of the first and the last page only the bytes in the range count. For a mapping of a file, these are the pages in
    /// the page cache; Linux reports all of them if you may not write to the file.
    ///
    /// Args:
    ///     range: as for `flush()`.
    ///
    /// Raises:
    ///     InvalidOffsetError: if the range reaches outside the mapping or ends before it starts.
    ///     SystemCallError: if the system refuses.
    ///
    /// Upstream: none. Source: mincore(2); QueryWorkingSetEx on Windows.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(1 << 20).map_mut()
    ///     >>> m.resident()
    ///     0
    ///     >>> m.populate(range(0, 4096), write=True)
    ///     >>> m.resident() >= 4096
    ///     True
    #[pyo3(signature = (range = None))]
    fn resident(slf: &Bound<'_, Self>, range: Option<Range>) -> Result<usize> {
        Ok(with_region(slf.py(), base(slf).get(), |_| true, |region| region.resident(bytes(range, region).as_ref()))??)
    }

    /// Bring the pages into physical memory now, so that no later access waits for them.
    ///
    /// A page that can't be loaded raises an exception, never a signal. Other threads can run during the call.
    ///
    /// Args:
    ///     range: as for `flush()`.
    ///     write: whether to prepare the pages for writing: to allocate private pages, and to allocate disk space for
    ///         holes in a shared file.
    ///
    /// Raises:
    ///     FaultError: if a page can't be provided, and the mapping has a fault guard.
    ///     SystemCallError: if a page can't be provided otherwise, or the system refuses.
    ///     InvalidOperationError: for an `MmapNone`, or with `write` for an `Mmap`.
    ///     InvalidOffsetError: if the range reaches outside the mapping or ends before it starts.
    ///
    /// Upstream: none; there `MmapFlags::POPULATE` reports no failure. Source: madvise(2), `MADV_POPULATE_READ`.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(1 << 20).map_mut()
    ///     >>> m.populate(write=True)
    ///     >>> m.resident() == len(m)
    ///     True
    #[pyo3(signature = (range = None, *, write = false), text_signature = "($self, range=None, *, write=False)")]
    fn populate(slf: &Bound<'_, Self>, range: Option<Range>, write: bool) -> Result<()> {
        marked(slf, |_| true, |region| region.populate(bytes(range, region).as_ref(), write))
    }

    /// Keep the pages in physical memory, so that no access waits for them (mlock(2)).
    ///
    /// Raises:
    ///     SystemCallError: if the system refuses: beyond `RLIMIT_MEMLOCK`, or for an `MmapNone`, whose pages
    ///         can't be loaded.
    ///
    /// Upstream: `lock`.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map_mut()
    ///     >>> try:
    ///     ...     m.lock()
    ///     ... except OSError:
    ///     ...     pass  # RLIMIT_MEMLOCK is smaller
    ///     ... else:
    ///     ...     m.unlock()
    fn lock(slf: &Bound<'_, Self>) -> Result<()> {
        call(slf, |_| true, Region::lock)
    }

    /// Allow the pages to leave physical memory again (munlock(2)).
    ///
    /// Raises:
    ///     SystemCallError: if the system refuses.
    ///
    /// Upstream: `unlock`.
    ///
    /// Examples:
    ///     >>> MmapOptions(4096).map_mut().unlock()  # it need not be locked
    fn unlock(slf: &Bound<'_, Self>) -> Result<()> {
        call(slf, is_large, Region::unlock)
    }

    /// Write changed bytes to the file, and wait until they are written (msync(2), MS_SYNC).
    ///
    /// Only shared mappings of files have something to write. For a writable private mapping of a file, which is
    /// copy-on-write, it is a `RuntimeWarning`: nothing reaches the file.
    ///
    /// Args:
    ///     range: a `range` or `slice` in bytes from the start of the mapping, widened to whole pages; by default
    ///         the whole mapping.
    ///
    /// Raises:
    ///     InvalidOffsetError: if the range reaches outside the mapping or ends before it starts.
    ///     SystemCallError: if the system refuses.
    ///
    /// Upstream: `flush`.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(8192).map_mut()
    ///     >>> m.flush(range(10, 20))
    ///     >>> m.flush(slice(4096, None))
    #[pyo3(signature = (range = None, *more), text_signature = "($self, range=None)")]
    fn flush(slf: &Bound<'_, Self>, range: Option<Range>, more: &Bound<'_, PyTuple>) -> Result<()> {
        only(more)?;
        flush(slf, range, true)
    }

    /// Start to write changed bytes to the file, without waiting (msync(2), MS_ASYNC).
    ///
    /// Takes the same arguments and raises the same exceptions as `flush()`.
    ///
    /// Upstream: `flush_async`.
    ///
    /// Examples:
    ///     >>> MmapOptions(4096).map_mut().flush_async(range(0, 100))
    #[pyo3(signature = (range = None, *more), text_signature = "($self, range=None)")]
    fn flush_async(slf: &Bound<'_, Self>, range: Option<Range>, more: &Bound<'_, PyTuple>) -> Result<()> {
        only(more)?;
        flush(slf, range, false)
    }

    /// Make written code visible to the instruction cache, where the processor needs that.
    ///
    /// Upstream: `flush_icache`.
    ///
    /// Examples:
    ///     >>> code = MmapOptions(4096).map_mut().make_exec_no_flush()
    ///     >>> code.flush_icache()
    fn flush_icache(slf: &Bound<'_, Self>) -> Result<()> {
        call(slf, is_large, Region::flush_icache)
    }

    /// Tell the kernel how the memory will be used (madvise(2)).
    ///
    /// Advice that the system does not know does nothing.
    ///
    /// Args:
    ///     flags: those of `MmapFlags` that are advice: `NO_CORE_DUMP`, `TRANSPARENT_HUGE_PAGES`, `SEQUENTIAL`,
    ///         `RANDOM_ACCESS`, `WILLNEED`, `DONTNEED`. On Linux and Android, `DONTNEED` discards what was written to
    ///         private pages; other systems keep it.
    ///     range: as for `flush()`.
    ///
    /// Raises:
    ///     InvalidOperationError: if `flags` contains any other flag.
    ///     InvalidOffsetError: if the range reaches outside the mapping or ends before it starts.
    ///     SystemCallError: if the system refuses. Several pieces of advice are given in the order of the list above,
    ///         and those before the refused one stay in effect.
    ///
    /// Upstream: none; upstream gives advice only while mapping.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(1 << 20).map_mut()
    ///     >>> m.advise(MmapFlags.SEQUENTIAL | MmapFlags.WILLNEED)
    #[pyo3(signature = (flags, range = None))]
    fn advise(slf: &Bound<'_, Self>, flags: &Bound<'_, PyAny>, range: Option<Range>) -> Result<()> {
        let is_number = flags.is_exact_instance_of::<PyInt>();
        let flags = flags::mmap_flags(flags)?;
        call(
            slf,
            |region| is_large(region) || region.facts().is_file(),
            |region| {
                region.advise(flags, bytes(range, region).as_ref()).map_err(|error| match error {
                    CoreError::InvalidOperation(text) if is_number => CoreError::InvalidOperation(format!(
                        "{text}; the numbers of the module mmap mean something else here: MADV_SEQUENTIAL is \
                     MmapFlags.SEQUENTIAL"
                    )),
                    error => error,
                })
            },
        )
    }
}
