//! `AreaUsage`: how much of an area is in memory.
// PyO3 makes comparisons with a cast that the list counts as an extraction.
#![allow(clippy::disallowed_methods)]

use mmap_rs_core::areas::Usage;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet, PyTuple};
use std::fmt::Write;

/// How much of a memory area was in memory when it was listed. Immutable, compares by value.
///
/// `MemoryArea.usage()` returns it. All numbers are bytes; `None` means that the system does not report it, not that
/// there is nothing. Linux and Android report every field that their kernel version supports. macOS and iOS report
/// `resident`, `swap` and `locked`, and, for memory that no other process maps, also `proportional` and the clean and
/// dirty fields; Windows `resident` (the working set), `proportional` where at most six processes share each page,
/// `locked` and `huge`; FreeBSD `resident`.
///
/// Upstream: none. Source: proc_pid_smaps(5).
///
/// Examples:
///     >>> m = MmapOptions(65536).map_mut()
///     >>> m.populate(write=True)
///     >>> [usage] = [area.usage() for area in MemoryAreas.open(usage=True) if m.start() in area]
///     >>> usage.resident >= m.size()
///     True
#[pyclass(module = "mmap_rs", frozen, eq, hash)]
#[derive(PartialEq, Eq, Hash)]
pub struct AreaUsage {
    usage: Usage,
}

impl AreaUsage {
    pub fn new(usage: Usage) -> Self {
        Self { usage }
    }
}

#[pymethods]
impl AreaUsage {
    #[new]
    #[pyo3(signature = (*_args, **_named), text_signature = None)]
    fn refuse(_args: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        Err(PyTypeError::new_err("cannot create 'mmap_rs.AreaUsage' instances: MemoryArea.usage() returns one"))
    }

    /// In physical memory, in bytes, an int.
    ///
    /// `None` if the system does not report it. Linux: `Rss`, in which huge pages of a pool don't count: these are in
    /// `huge` only. FreeBSD counts pages of a file that other processes brought in, too.
    #[getter]
    fn resident(&self) -> Option<u64> {
        self.usage.resident
    }

    /// `resident`, with each page divided by the number of processes that map it, in bytes, an int.
    ///
    /// `None` if the system does not report it. Linux: `Pss`. Summed over all processes, it is what they use together.
    #[getter]
    fn proportional(&self) -> Option<u64> {
        self.usage.proportional
    }

    /// Mapped by other processes too, and unchanged since read from a file, in bytes, an int.
    ///
    /// `None` if the system does not report it. Linux: `Shared_Clean`.
    #[getter]
    fn shared_clean(&self) -> Option<u64> {
        self.usage.shared_clean
    }

    /// Mapped by other processes too, and changed, in bytes, an int.
    ///
    /// `None` if the system does not report it. Linux: `Shared_Dirty`.
    #[getter]
    fn shared_dirty(&self) -> Option<u64> {
        self.usage.shared_dirty
    }

    /// Mapped by this process only, and unchanged since read from a file, in bytes, an int.
    ///
    /// `None` if the system does not report it. Linux: `Private_Clean`.
    #[getter]
    fn private_clean(&self) -> Option<u64> {
        self.usage.private_clean
    }

    /// Mapped by this process only, and changed, in bytes, an int.
    ///
    /// `None` if the system does not report it. Linux: `Private_Dirty`: what ending the process would free.
    #[getter]
    fn private_dirty(&self) -> Option<u64> {
        self.usage.private_dirty
    }

    /// Marked as accessed, in bytes, an int.
    ///
    /// `None` if the system does not report it. Linux: `Referenced`.
    #[getter]
    fn referenced(&self) -> Option<u64> {
        self.usage.referenced
    }

    /// Without a file behind it, in bytes, an int: also pages of a private mapping that were written.
    ///
    /// `None` if the system does not report it. Linux: `Anonymous`.
    #[getter]
    fn anonymous(&self) -> Option<u64> {
        self.usage.anonymous
    }

    /// Moved out to swap, in bytes, an int.
    ///
    /// `None` if the system does not report it. Linux: `Swap`.
    #[getter]
    fn swap(&self) -> Option<u64> {
        self.usage.swap
    }

    /// Locked into memory, in bytes, an int.
    ///
    /// `None` if the system does not report it. Linux: `Locked`, of which Linux counts a page's share, as in
    /// `proportional`.
    #[getter]
    fn locked(&self) -> Option<u64> {
        self.usage.locked
    }

    /// In huge pages, in bytes, an int.
    ///
    /// `None` if the system does not report it. Linux: the sum of `AnonHugePages`, `ShmemPmdMapped`, `FilePmdMapped`,
    /// `Shared_Hugetlb` and `Private_Hugetlb`.
    #[getter]
    fn huge(&self) -> Option<u64> {
        self.usage.huge
    }

    /// Linux's flags of the area, a frozenset of str such as `rd`, `wr`, `lo`; proc_pid_smaps(5) explains them.
    ///
    /// `None` elsewhere, and before Linux 3.8.
    #[getter]
    fn vm_flags<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyFrozenSet>>> {
        self.usage.vm_flags.as_ref().map(|flags| PyFrozenSet::new(py, flags.iter())).transpose()
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }

    fn __repr__(&self) -> String {
        let mut text = "<mmap_rs.AreaUsage".to_owned();
        for (name, bytes) in self.usage.numbers() {
            if let Some(bytes) = bytes {
                // A String takes all that is written.
                let _ = write!(text, " {name}={bytes}");
            }
        }
        if let Some(flags) = &self.usage.vm_flags {
            let flags: Vec<_> = flags.iter().collect();
            let _ = write!(text, " vm_flags={}", flags.join(","));
        }
        text.push('>');
        text
    }
}
