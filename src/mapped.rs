//! What the three mapped classes have beyond the reserved ones: lock, flush, advise.

use crate::access::{intact, pin};
use crate::args::{Range, flag};
use crate::mapping::base;
use crate::{error, flags};
use mmap_rs_core::memory::Region;
use pyo3::prelude::*;

/// Base of `MmapNone`, `Mmap` and `MmapMut`.
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
    /// lock(): keep the pages in memory, so that accessing them causes no page faults (mlock(2)).
    ///
    /// Raises `SystemCallError` where the system refuses, for example beyond `RLIMIT_MEMLOCK`, or for `MmapNone`,
    /// whose pages can't be brought in.
    fn lock(slf: &Bound<'_, Self>) -> PyResult<()> {
        call(slf, Region::lock)
    }

    /// unlock(): let the pages go out of memory again (munlock(2)).
    fn unlock(slf: &Bound<'_, Self>) -> PyResult<()> {
        call(slf, Region::unlock)
    }

    /// flush(range=None): write changed bytes to the file and wait until they are there (msync(2), MS_SYNC).
    ///
    /// `range` is a `range` or `slice` in bytes from the start of the mapping, widened to whole pages; without it the
    /// whole mapping is meant. `InvalidOffsetError` where it leaves the mapping or ends before it starts.
    #[pyo3(signature = (range = None))]
    fn flush(slf: &Bound<'_, Self>, range: Option<Range>) -> PyResult<()> {
        flush(slf, range, true)
    }

    /// flush_async(range=None): begin to write changed bytes to the file, without waiting (msync(2), MS_ASYNC).
    ///
    /// `range` as for `flush()`.
    #[pyo3(signature = (range = None))]
    fn flush_async(slf: &Bound<'_, Self>, range: Option<Range>) -> PyResult<()> {
        flush(slf, range, false)
    }

    /// flush_icache(): make the instruction cache see what was written, where the processor needs it.
    fn flush_icache(slf: &Bound<'_, Self>) -> PyResult<()> {
        call(slf, Region::flush_icache)
    }

    /// advise(flags, range=None): tell the kernel how the memory will be used (madvise(2)).
    ///
    /// `flags` are those of `MmapFlags` that are advice: NO_CORE_DUMP, TRANSPARENT_HUGE_PAGES, SEQUENTIAL,
    /// RANDOM_ACCESS, WILLNEED, DONTNEED; another one is `InvalidOperationError`. `range` as for `flush()`. With
    /// DONTNEED, private pages lose their contents. Does nothing where the system has no such advice.
    #[pyo3(signature = (flags, range = None))]
    fn advise(slf: &Bound<'_, Self>, flags: &Bound<'_, PyAny>, range: Option<Range>) -> PyResult<()> {
        let flags = flag(flags, &flags::MMAP_FLAGS, mmap_rs::MmapFlags::from_bits)?;
        call(slf, |region| region.advise(flags, bytes(range, region).as_ref()))
    }
}
