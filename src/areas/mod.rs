//! `MemoryAreas`: what is mapped.
mod area;
mod usage;

pub use area::MemoryArea;
pub use usage::AreaUsage;

use crate::convert::numbers::Number;
use crate::convert::ranges::Range;
use crate::state::error::Result;
use mmap_rs_core::areas;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// An iterator over `MemoryArea`s (upstream: `mmap_rs::MemoryAreas`). It has no constructor; see `open()`.
///
/// The list is read in pieces as you iterate. Areas come in ascending order of address and never overlap. A mapping
/// that exists throughout the iteration is always listed, possibly split; one that changes meanwhile may be listed in
/// its old or new state, or be missing. If another process ends before its list does, `ProcessLookupError` is raised.
///
/// You may abandon it at any time. It holds nothing open after its end; `close()` or `with` ends it at once. In a
/// child of `fork` it raises `InvalidOperationError`.
///
/// Examples:
///     >>> with MemoryAreas.open() as areas:
///     ...     first = next(areas)
///     >>> first.start() < first.end()
///     True
#[pyclass(module = "mmap_rs", frozen)]
pub struct MemoryAreas {
    areas: areas::Areas,
}

fn open(py: Python<'_>, pid: Option<Number<u32>>, range: Option<Range>) -> Result<MemoryAreas> {
    let pid = pid.map(|pid| pid.0);
    let range = range.map(|range| range.within(usize::MAX));
    Ok(MemoryAreas { areas: py.detach(|| areas::Areas::open(pid, range))? })
}

fn look_up(py: Python<'_>, pid: Option<Number<u32>>, address: Number<usize>) -> Result<Option<MemoryArea>> {
    let (pid, address) = (pid.map(|pid| pid.0), address.0);
    Ok(py.detach(|| areas::query(pid, address))?.map(MemoryArea::new))
}

#[pymethods]
impl MemoryAreas {
    #[new]
    #[pyo3(signature = (*_args, **_named), text_signature = None)]
    fn refuse(_args: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        Err(PyTypeError::new_err("cannot create 'mmap_rs.MemoryAreas' instances: MemoryAreas.open() makes one"))
    }

    /// Return all areas of a process.
    ///
    /// With `usage`, each area's `usage()` says how much of it is in memory. The system looks at every page for that, so the
    /// list takes much longer.
    ///
    /// Args:
    ///     pid: the process id, or `None` for this process.
    ///     usage: whether `MemoryArea.usage()` is wanted.
    ///
    /// Raises:
    ///     ProcessLookupError: if there is no such process.
    ///     PermissionError: if you are not allowed to inspect the process: macOS requires root or an entitlement, and
    ///         iOS does not allow other processes to be inspected. Also if `/proc` hides it (hidepid).
    ///     FileNotFoundError: if `/proc` is not mounted (Linux).
    ///     InvalidOperationError: in a 32-bit Python on Windows, for a 64-bit process.
    ///
    /// Upstream: `MemoryAreas::open`.
    ///
    /// Examples:
    ///     >>> sum(len(area.range()) for area in MemoryAreas.open()) > 1 << 20
    ///     True
    ///     >>> sum(area.usage().resident or 0 for area in MemoryAreas.open(usage=True)) > 1 << 20
    ///     True
    #[staticmethod]
    #[pyo3(signature = (pid = None, *, usage = false))]
    fn open(py: Python<'_>, pid: Option<Number<u32>>, usage: bool) -> Result<Self> {
        if !usage {
            return open(py, pid, None);
        }
        let pid = pid.map(|pid| pid.0);
        Ok(Self { areas: py.detach(|| areas::Areas::open_with_usage(pid))? })
    }

    /// Return the area of an address in this process, or `None`.
    ///
    /// Args:
    ///     address: an int.
    ///
    /// Raises:
    ///     SystemCallError: if the system does not report it; also the matching `OSError`.
    ///
    /// Upstream: `MemoryAreas::query`.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map()
    ///     >>> area = MemoryAreas.query(m.start())
    ///     >>> m.start() in area, area.protection()
    ///     (True, <Protection.READ: 1>)
    #[staticmethod]
    fn query(py: Python<'_>, address: Number<usize>) -> Result<Option<MemoryArea>> {
        look_up(py, None, address)
    }

    /// Return the areas of this process that overlap a range of addresses.
    ///
    /// Args:
    ///     range: a `range` or `slice` of addresses.
    ///
    /// Raises:
    ///     InvalidOffsetError: if it ends before it starts.
    ///     SystemCallError: if the system does not report it; also the matching `OSError`.
    ///
    /// Upstream: `MemoryAreas::query_range`.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map()
    ///     >>> len(list(MemoryAreas.query_range(range(m.start(), m.end()))))
    ///     1
    #[staticmethod]
    fn query_range(py: Python<'_>, range: Range) -> Result<Self> {
        open(py, None, Some(range))
    }

    /// Return the area of an address in a process, or `None`.
    ///
    /// Args:
    ///     pid: the process id, or `None` for this process.
    ///     address: an int.
    ///
    /// Raises:
    ///     ProcessLookupError: if there is no such process.
    ///     PermissionError: if it may not be inspected, or if `/proc` hides it (hidepid).
    ///     FileNotFoundError: if `/proc` is not mounted (Linux).
    ///
    /// Upstream: `MemoryAreas::query_process`.
    ///
    /// Examples:
    ///     >>> import os
    ///     >>> m = MmapOptions(4096).map()
    ///     >>> m.start() in MemoryAreas.query_process(os.getpid(), m.start())
    ///     True
    #[staticmethod]
    fn query_process(py: Python<'_>, pid: Option<Number<u32>>, address: Number<usize>) -> Result<Option<MemoryArea>> {
        look_up(py, pid, address)
    }

    /// Return the areas of a process that overlap a range of addresses.
    ///
    /// Args:
    ///     pid: the process id, or `None` for this process.
    ///     range: a `range` or `slice` of addresses.
    ///
    /// Raises:
    ///     InvalidOffsetError: if the range ends before it starts.
    ///     ProcessLookupError: if there is no such process.
    ///     PermissionError: if it may not be inspected, or if `/proc` hides it (hidepid).
    ///     FileNotFoundError: if `/proc` is not mounted (Linux).
    ///
    /// Upstream: `MemoryAreas::query_process_range`.
    ///
    /// Examples:
    ///     >>> import os
    ///     >>> m = MmapOptions(4096).map()
    ///     >>> [area.protection() for area in MemoryAreas.query_process_range(os.getpid(), range(m.start(), m.end()))]
    ///     [<Protection.READ: 1>]
    #[staticmethod]
    fn query_process_range(py: Python<'_>, pid: Option<Number<u32>>, range: Range) -> Result<Self> {
        open(py, pid, Some(range))
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> Result<Option<MemoryArea>> {
        // Many areas come with one read: only that is worth to let other threads run.
        let found = self.areas.ready().unwrap_or_else(|| py.detach(|| self.areas.advance()));
        Ok(found?.map(MemoryArea::new))
    }

    /// End the iteration and close the list. Waits for another thread that is reading it.
    ///
    /// Upstream: none.
    ///
    /// Examples:
    ///     >>> areas = MemoryAreas.open()
    ///     >>> areas.close()
    ///     >>> list(areas)
    ///     []
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.areas.close());
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_args))]
    fn __exit__(&self, py: Python<'_>, _args: &Bound<'_, PyAny>) {
        self.close(py);
    }
}

/// Return the areas of a range as `query_process_range` finds them on a system without lookups.
///
/// For tests, which compare the two.
#[pyfunction]
#[pyo3(name = "_areas_by_text")]
pub fn by_text(py: Python<'_>, pid: Option<Number<u32>>, range: Range) -> Result<MemoryAreas> {
    let range = Some(range.within(usize::MAX));
    let pid = pid.map(|pid| pid.0);
    Ok(MemoryAreas { areas: py.detach(|| areas::Areas::open_text(pid, range))? })
}
