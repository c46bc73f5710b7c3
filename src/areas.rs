//! `MemoryArea` and `MemoryAreas`: what is mapped.
// PyO3 makes comparisons with a cast that the list counts as an extraction.
#![allow(clippy::disallowed_methods)]

use crate::call::call;
use crate::convert::numbers::Number;
use crate::convert::ranges::Range;
use crate::convert::{flags, paths};
use crate::state::error::Result;
use mmap_rs_core::areas::{self, Area};
use pyo3::prelude::*;
use pyo3::types::PyRange;
use std::path::Path;

/// A memory area of a process: addresses that are mapped in the same way. Immutable, compares by value.
///
/// `address in area` says whether an address lies in it.
///
/// Upstream: `mmap_rs::MemoryArea`.
///
/// Examples:
///     >>> m = MmapOptions(4096).map_mut()
///     >>> area = MemoryAreas.query(m.start())
///     >>> m.start() in area, area.start() <= m.start() < area.end()
///     (True, True)
#[pyclass(module = "mmap_rs", frozen, eq, hash)]
#[derive(PartialEq, Eq, Hash)]
pub struct MemoryArea {
    area: Area,
}

#[pymethods]
impl MemoryArea {
    /// Return the start address of the allocation that the area belongs to, an int.
    ///
    /// Upstream: `MemoryArea::allocation_base`.
    ///
    /// Examples:
    ///     >>> area = next(MemoryAreas.open())
    ///     >>> area.allocation_base() <= area.start()
    ///     True
    fn allocation_base(&self) -> usize {
        self.area.allocation_base
    }

    /// Return the addresses, a `range`.
    ///
    /// Upstream: `MemoryArea::range`.
    ///
    /// Examples:
    ///     >>> area = next(MemoryAreas.open())
    ///     >>> len(area.range()) == area.end() - area.start()
    ///     True
    fn range<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        call(&py.get_type::<PyRange>(), (self.area.start, self.area.end), None)
    }

    /// Return the first address, an int.
    ///
    /// Upstream: `MemoryArea::start`.
    fn start(&self) -> usize {
        self.area.start
    }

    /// Return the address after the last, an int.
    ///
    /// Upstream: `MemoryArea::end`.
    fn end(&self) -> usize {
        self.area.end
    }

    /// Return the access that is allowed, a `Protection`.
    ///
    /// Upstream: `MemoryArea::protection`.
    ///
    /// Examples:
    ///     >>> code = [area for area in MemoryAreas.open() if Protection.EXECUTE in area.protection()]
    ///     >>> len(code) > 0
    ///     True
    fn protection<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        flags::protection(py, self.area.protection)
    }

    /// Return whether changes are shared: `ShareMode.Shared` or `ShareMode.Private`.
    ///
    /// FreeBSD does not report it for anonymous memory, which is `ShareMode.Private` there.
    ///
    /// Upstream: `MemoryArea::share_mode`.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map_mut()
    ///     >>> MemoryAreas.query(m.start()).share_mode()
    ///     <ShareMode.Private: 0>
    fn share_mode<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        flags::share_mode(py, self.area.share_mode())
    }

    /// Return the `pathlib.Path` of the file, or the system's own name such as `[heap]`, or `None`.
    ///
    /// On Linux the path of a deleted file ends in " (deleted)".
    ///
    /// Upstream: `MemoryArea::path`.
    ///
    /// Examples:
    ///     >>> libraries = {area.path() for area in MemoryAreas.open() if area.path()}
    ///     >>> len(libraries) > 0
    ///     True
    fn path<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.area.path.as_ref().map(|(path, _)| paths::object(py, Path::new(path))).transpose()
    }

    /// Return where in the file the area starts, in bytes, an int; `None` if it has no path.
    ///
    /// Upstream: `MemoryArea::file_offset`.
    ///
    /// Examples:
    ///     >>> all(area.file_offset() >= 0 for area in MemoryAreas.open() if area.path())
    ///     True
    fn file_offset(&self) -> Option<u64> {
        self.area.path.as_ref().map(|(_, offset)| *offset)
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }

    fn __contains__(&self, address: Number<usize>) -> bool {
        (self.area.start..self.area.end).contains(&address.0)
    }

    fn __repr__(&self) -> String {
        use mmap_rs_core::mmap_rs::Protection;
        let area = &self.area;
        let letter = |bit, letter| if area.protection.contains(bit) { letter } else { '-' };
        let mut text = format!(
            "<mmap_rs.MemoryArea {:#x}-{:#x} {}{}{}{}",
            area.start,
            area.end,
            letter(Protection::READ, 'r'),
            letter(Protection::WRITE, 'w'),
            letter(Protection::EXECUTE, 'x'),
            if area.shared { 's' } else { 'p' },
        );
        if let Some((path, offset)) = &area.path {
            text.push_str(&format!(" {path:?} offset={offset}"));
        }
        text.push('>');
        text
    }
}

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
    Ok(py.detach(|| areas::query(pid, address))?.map(|area| MemoryArea { area }))
}

#[pymethods]
impl MemoryAreas {
    /// Return all areas of a process.
    ///
    /// Args:
    ///     pid: the process id, or `None` for this process.
    ///
    /// Raises:
    ///     ProcessLookupError: if there is no such process.
    ///     PermissionError: if it may not be inspected: on macOS that takes root or an entitlement, on iOS no other
    ///         process may be. Also if `/proc` hides it (hidepid).
    ///     FileNotFoundError: if `/proc` is not mounted (Linux).
    ///     InvalidOperationError: in a 32-bit Python on Windows, for a 64-bit process.
    ///
    /// Upstream: `MemoryAreas::open`.
    ///
    /// Examples:
    ///     >>> sum(len(area.range()) for area in MemoryAreas.open()) > 1 << 20
    ///     True
    #[staticmethod]
    #[pyo3(signature = (pid = None))]
    fn open(py: Python<'_>, pid: Option<Number<u32>>) -> Result<Self> {
        open(py, pid, None)
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
        Ok(found?.map(|area| MemoryArea { area }))
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
