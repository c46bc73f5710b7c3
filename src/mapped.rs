//! What the three mapped classes have beyond the reserved ones: lock, flush, advise.

use crate::access::{intact, pin};
use crate::args::{Range, flag};
use crate::mapping::base;
use crate::{error, flags};
use mmap_rs_core::memory::Region;
use pyo3::prelude::*;

/// What the mapped classes `MmapNone`, `Mmap` and `MmapMut` have beyond the reserved ones.
#[pyclass(module = "mmap_rs", name = "_Mapped", extends = crate::mapping::Mapping, subclass, frozen)]
pub struct Mapped;

/// Calls the core detached, with the region held.
fn call(slf: &Bound<'_, Mapped>, work: impl FnOnce(&Region) -> mmap_rs_core::Result<()> + Send) -> PyResult<()> {
    let py = slf.py();
    let pinned = pin(py, base(slf).get())?;
    let done = py.detach(move || pinned.with(work));
    error::told(py, done)
}

/// Flushes. What the fault guard put in the place of a page never reaches the file, and is not to look as if.
fn flush(slf: &Bound<'_, Mapped>, range: Option<Range>, wait: bool) -> PyResult<()> {
    call(slf, |region| region.flush(bytes(range, region).as_ref(), wait))?;
    intact(slf.py(), base(slf).get())
}

/// A range in bytes from the start; the whole where there is none.
fn bytes(range: Option<Range>, region: &Region) -> Option<std::ops::Range<usize>> {
    use mmap_rs_core::state::Resident;
    range.map(|range| range.within(region.span().len))
}

#[pymethods]
impl Mapped {
    /// Keep the pages in physical memory, so that no access waits for them (mlock(2)).
    ///
    /// Raises:
    ///     SystemCallError: if the system refuses: beyond `RLIMIT_MEMLOCK`, or for an `MmapNone`, whose pages
    ///         can't be brought in.
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
    fn lock(slf: &Bound<'_, Self>) -> PyResult<()> {
        call(slf, Region::lock)
    }

    /// Let the pages go out of physical memory again (munlock(2)).
    ///
    /// Raises:
    ///     SystemCallError: if the system refuses.
    ///
    /// Upstream: `unlock`.
    ///
    /// Examples:
    ///     >>> MmapOptions(4096).map_mut().unlock()  # what is not locked may be unlocked
    fn unlock(slf: &Bound<'_, Self>) -> PyResult<()> {
        call(slf, Region::unlock)
    }

    /// Write changed bytes to the file, and wait until they are there (msync(2), MS_SYNC).
    ///
    /// Only shared maps of files have something to write.
    ///
    /// Args:
    ///     range: a `range` or `slice` in bytes from the start of the mapping, widened to whole pages; without it
    ///         the whole mapping.
    ///
    /// Raises:
    ///     InvalidOffsetError: if the range leaves the mapping or ends before it starts.
    ///     SystemCallError: if the system refuses.
    ///
    /// Upstream: `flush`.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(8192).map_mut()
    ///     >>> m.flush(range(10, 20))
    ///     >>> m.flush(slice(4096, None))
    #[pyo3(signature = (range = None))]
    fn flush(slf: &Bound<'_, Self>, range: Option<Range>) -> PyResult<()> {
        flush(slf, range, true)
    }

    /// Begin to write changed bytes to the file, without waiting (msync(2), MS_ASYNC).
    ///
    /// Takes and raises what `flush()` does.
    ///
    /// Upstream: `flush_async`.
    ///
    /// Examples:
    ///     >>> MmapOptions(4096).map_mut().flush_async(range(0, 100))
    #[pyo3(signature = (range = None))]
    fn flush_async(slf: &Bound<'_, Self>, range: Option<Range>) -> PyResult<()> {
        flush(slf, range, false)
    }

    /// Make the instruction cache see what was written, where the processor needs it.
    ///
    /// Upstream: `flush_icache`.
    ///
    /// Examples:
    ///     >>> code = MmapOptions(4096).map_mut().make_exec_no_flush()
    ///     >>> code.flush_icache()
    fn flush_icache(slf: &Bound<'_, Self>) -> PyResult<()> {
        call(slf, Region::flush_icache)
    }

    /// Tell the kernel how the memory will be used (madvise(2)).
    ///
    /// It does nothing where the system has no such advice.
    ///
    /// Args:
    ///     flags: those of `MmapFlags` that are advice: `NO_CORE_DUMP`, `TRANSPARENT_HUGE_PAGES`, `SEQUENTIAL`,
    ///         `RANDOM_ACCESS`, `WILLNEED`, `DONTNEED`. With `DONTNEED`, private pages lose what was written under
    ///         Linux and Android; other systems keep it.
    ///     range: as for `flush()`.
    ///
    /// Raises:
    ///     InvalidOperationError: if another flag is among them.
    ///     InvalidOffsetError: if the range leaves the mapping or ends before it starts.
    ///     SystemCallError: if the system refuses. Several are given in the order of this list, and those before the
    ///         refused one stay given.
    ///
    /// Upstream: none; upstream gives advice only when it maps.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(1 << 20).map_mut()
    ///     >>> m.advise(MmapFlags.SEQUENTIAL | MmapFlags.WILLNEED)
    #[pyo3(signature = (flags, range = None))]
    fn advise(slf: &Bound<'_, Self>, flags: &Bound<'_, PyAny>, range: Option<Range>) -> PyResult<()> {
        let flags = flag(flags, &flags::MMAP_FLAGS, mmap_rs::MmapFlags::from_bits)?;
        call(slf, |region| region.advise(flags, bytes(range, region).as_ref()))
    }
}
