//! `MemoryArea`: one of them.
// PyO3 makes comparisons with a cast that the list counts as an extraction.
#![allow(clippy::disallowed_methods)]

use super::usage::AreaUsage;
use crate::call::call;
use crate::convert::numbers::Number;
use crate::convert::{flags, paths};
use mmap_rs_core::areas::Area;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyRange, PyTuple};
use std::path::Path;

/// A memory area of a process: addresses that are mapped in the same way. Immutable, compares by value.
///
/// `address in area` says whether an address lies in it. Comparisons ignore how much of the area is in memory.
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

impl MemoryArea {
    pub fn new(area: Area) -> Self {
        Self { area }
    }
}

#[pymethods]
impl MemoryArea {
    #[new]
    #[pyo3(signature = (*_args, **_named), text_signature = None)]
    fn refuse(_args: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        Err(PyTypeError::new_err(
            "cannot create 'mmap_rs.MemoryArea' instances: MemoryAreas.open() lists the areas, MemoryAreas.query(address) finds one",
        ))
    }

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

    /// Return what the memory is used for, a str; `None` where nothing is known.
    ///
    /// That is `heap`, `stack` or `vdso`, another name of the kernel's, or the name that `set_name()` gave. Linux and Android
    /// have all of these; on macOS and iOS memory of `malloc` is `heap`, and thread stacks are `stack`; on FreeBSD the stack
    /// of the first thread is `stack`; Windows has no names.
    ///
    /// Upstream: none. Source: proc_pid_maps(5).
    ///
    /// Examples:
    ///     >>> names = {area.name() for area in MemoryAreas.open()}
    ///     >>> None in names
    ///     True
    fn name<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.area.name().map(|name| paths::text(py, Path::new(name))).transpose()
    }

    /// Return how much of the area was in memory when it was listed, an `AreaUsage`.
    ///
    /// It is `None` unless the area comes from `MemoryAreas.open(usage=True)`.
    ///
    /// Upstream: none. Source: proc_pid_smaps(5); `mach_vm_region_recurse`; kinfo_getvmmap(3); QueryWorkingSetEx.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(65536).map_mut()
    ///     >>> m.populate(write=True)
    ///     >>> [usage] = [area.usage() for area in MemoryAreas.open(usage=True) if m.start() in area]
    ///     >>> usage.resident >= 65536
    ///     True
    fn usage(&self) -> Option<AreaUsage> {
        self.area.usage.as_deref().cloned().map(AreaUsage::new)
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
