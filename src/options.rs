//! `MmapOptions`: what a mapping is to be, and making it.

use crate::access::detached_if;
use crate::args::{Number, flag};
use crate::error::told;
use crate::flags::{self, MMAP_FLAGS, UNSAFE_MMAP_FLAGS};
use crate::mapping::{Mapping, wrap};
use crate::page_size::PageSize;
use crate::{audit, open};
use mmap_rs_core::guard;
use mmap_rs_core::memory::{Access, Request, page};
use mmap_rs_core::mmap_rs::{MmapFlags, UnsafeMmapFlags};
use mmap_rs_core::state::Resident;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;

/// How a mapping of `size` bytes is to be made: address, file, flags, page size.
///
/// Immutable: each `with_*` method returns new options, and one may serve for many mappings. The methods
/// `map*()` make a mapping, the methods `reserve*()` reserve address space without memory.
///
/// Args:
///     size: the length in bytes, an int. The system rounds what it maps up to whole pages.
///
/// Raises:
///     InvalidSizeError: if `size` is 0.
///     OverflowError: if `size` is negative or larger than an address can be.
///
/// Upstream: `mmap_rs::MmapOptions`.
///
/// Examples:
///     >>> with MmapOptions(4096).map_mut() as m:
///     ...     m[0:5] = b"hello"
///     ...     m.find(b"llo")
///     2
#[pyclass(module = "mmap_rs", frozen)]
pub struct MmapOptions {
    request: Request,
}

impl MmapOptions {
    fn with(&self, change: impl FnOnce(&mut Request)) -> Self {
        let mut request = self.request.clone();
        change(&mut request);
        Self { request }
    }

    fn make<'py>(&self, py: Python<'py>, access: Access, reserved: bool) -> PyResult<Bound<'py, Mapping>> {
        let request = &open::opened(py, &self.request, access)?;
        let kind = audit::kind(py, access.kind(reserved));
        let source = request.source.as_ref();
        let descriptor = source.and_then(|source| source.descriptor()).unwrap_or(-1);
        let offset = source.map_or(0, |source| source.offset());
        audit::event(py, (intern!(py, "mmap_rs.map"), kind, request.size, request.flags.bits(), descriptor, offset))?;
        let exec = |address| audit::event(py, (intern!(py, "mmap_rs.exec"), address, request.size));
        // What is at a fixed address would be lost before a hook could refuse; and the address is known.
        let fixed = request.unsafe_flags.contains(UnsafeMmapFlags::MAP_FIXED) && request.address != 0;
        if access.is_exec() && fixed {
            exec(request.address)?;
        }
        let made = detached_if(py, request.may_wait(), || request.map(access, reserved));
        let region = told(py, made)?;
        if access.is_exec() && !fixed {
            // A hook that raises has the region dropped, and so unmapped.
            exec(region.span().start)?;
        }
        wrap(py, region)
    }
}

#[pymethods]
impl MmapOptions {
    #[new]
    fn new(py: Python<'_>, size: Number<usize>) -> PyResult<Self> {
        told(py, Request::new(size.0)).map(|request| Self { request })
    }

    /// Return the smallest page size of the system, in bytes, an int.
    ///
    /// Upstream: `MmapOptions::page_size`.
    #[staticmethod]
    fn page_size() -> usize {
        page::base()
    }

    /// Return the page sizes that the system offers, a `PageSizes`.
    ///
    /// A size on offer may still have no free page.
    ///
    /// Raises:
    ///     SystemCallError: if the system does not tell them.
    ///
    /// Upstream: `MmapOptions::page_sizes`.
    ///
    /// Examples:
    ///     >>> PageSizes.from_bytes(MmapOptions.page_size()) in MmapOptions.page_sizes()
    ///     True
    #[staticmethod]
    fn page_sizes(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        flags::page_sizes(py, told(py, page::offered())?)
    }

    /// Return what addresses and file offsets of mappings are multiples of, in bytes, an int.
    ///
    /// Upstream: `MmapOptions::allocation_granularity`.
    #[staticmethod]
    fn allocation_granularity() -> usize {
        page::granularity()
    }

    /// Return options for all that a file holds from `offset` on.
    ///
    /// The size is taken now. A path is opened for that and closed again.
    ///
    /// Args:
    ///     file: a path, a descriptor, or an object with `fileno()`, as for `with_file()`.
    ///     offset: where in the file to begin, in bytes; a multiple of `allocation_granularity()`.
    ///
    /// Raises:
    ///     InvalidSizeError: if nothing is left from `offset` on.
    ///     InvalidOffsetError: if `offset` is not such a multiple.
    ///     SystemCallError: if the file can't be opened; also the matching `OSError`, such as
    ///         `FileNotFoundError`.
    ///
    /// Safety:
    ///     As of `with_file()`.
    ///
    /// Upstream: none; it saves `MmapOptions::new(size).with_file(file, offset)` the size.
    ///
    /// Examples:
    ///     >>> import os, sys
    ///     >>> with MmapOptions.for_file(sys.executable).map() as m:
    ///     ...     len(m) == os.path.getsize(sys.executable)
    ///     True
    #[staticmethod]
    #[pyo3(signature = (file, offset = Number(0)), text_signature = "(file, offset=0)")]
    fn for_file(py: Python<'_>, file: &Bound<'_, PyAny>, offset: Number<u64>) -> PyResult<Self> {
        let source = open::source(file, offset.0, false)?;
        let file = open::ready(py, &source, false)?;
        let size = py.detach(|| file.rest());
        let mut request = told(py, size.and_then(Request::new))?;
        request.source = Some(source);
        Ok(Self { request })
    }

    /// Return options that ask for an address.
    ///
    /// It is a wish: the system may choose another, unless `UnsafeMmapFlags.MAP_FIXED` is set.
    ///
    /// Args:
    ///     address: where the mapping should begin, an int; a multiple of `page_size()`.
    ///
    /// Upstream: `MmapOptions::with_address`.
    fn with_address(&self, address: Number<usize>) -> Self {
        self.with(|request| request.address = address.0)
    }

    /// Return options that map a file from `offset` bytes on.
    ///
    /// A descriptor is duplicated now, so it may be closed at once. A path is opened when the mapping is made:
    /// for reading, and for writing too where a writable shared mapping asks for it.
    ///
    /// Args:
    ///     file: a path, a descriptor, or an object with `fileno()`.
    ///     offset: where in the file to begin, in bytes; a multiple of `allocation_granularity()`.
    ///     past_end: whether the mapping may reach past the end of the file. Without it such a mapping is
    ///         `InvalidSizeError` when it is made.
    ///
    /// Raises:
    ///     InvalidOffsetError: if `offset` is not such a multiple.
    ///     SystemCallError: if the descriptor is not open.
    ///     TypeError: if `file` is none of the three.
    ///
    /// Safety:
    ///     Others may change the file, and what is read changes with it. If the file gets shorter, or with
    ///     `past_end`, touching a page that has no file behind it ends the process with SIGBUS, unless
    ///     `with_fault_guard()` is asked for.
    ///
    /// Upstream: `MmapOptions::with_file`.
    #[pyo3(
        signature = (file, offset = Number(0), *, past_end = false),
        text_signature = "($self, file, offset=0, *, past_end=False)"
    )]
    fn with_file(&self, file: &Bound<'_, PyAny>, offset: Number<u64>, past_end: bool) -> PyResult<Self> {
        let source = open::source(file, offset.0, past_end)?;
        Ok(self.with(|request| request.source = Some(source)))
    }

    /// Return options with these flags added.
    ///
    /// Args:
    ///     flags: an `MmapFlags`, or an int of its bits.
    ///
    /// Raises:
    ///     ValueError: if there are unknown bits.
    ///     TypeError: if it is another kind of flag.
    ///
    /// Upstream: `MmapOptions::with_flags`.
    ///
    /// Examples:
    ///     >>> MmapOptions(4096).with_flags(MmapFlags.SHARED | MmapFlags.POPULATE)
    ///     <mmap_rs.MmapOptions size=4096 flags=SHARED|POPULATE>
    fn with_flags(&self, flags: &Bound<'_, PyAny>) -> PyResult<Self> {
        let flags = flag(flags, &MMAP_FLAGS, MmapFlags::from_bits)?;
        Ok(self.with(|request| request.flags |= flags))
    }

    /// Return options with these unsafe flags added.
    ///
    /// Args:
    ///     flags: an `UnsafeMmapFlags`, or an int of its bits.
    ///
    /// Raises:
    ///     ValueError: if there are unknown bits.
    ///     TypeError: if it is another kind of flag.
    ///
    /// Safety:
    ///     `MAP_FIXED` replaces whatever is mapped at the address, memory of this process's own too. `JIT`
    ///     allows memory that is writable and executable at the same time.
    ///
    /// Upstream: `MmapOptions::with_unsafe_flags`.
    fn with_unsafe_flags(&self, flags: &Bound<'_, PyAny>) -> PyResult<Self> {
        let flags = flag(flags, &UNSAFE_MMAP_FLAGS, UnsafeMmapFlags::from_bits)?;
        Ok(self.with(|request| request.unsafe_flags |= flags))
    }

    /// Return options that ask for pages of this size.
    ///
    /// The base page size makes an ordinary mapping. Whether the system has such pages, and whether the size is a
    /// multiple of them, is looked at when the mapping is made: `InvalidSizeError` if not.
    ///
    /// Args:
    ///     page_size: a `PageSize`.
    ///
    /// Upstream: `MmapOptions::with_page_size`.
    fn with_page_size(&self, page_size: &Bound<'_, PyAny>) -> PyResult<Self> {
        let Ok(page_size) = page_size.cast::<PageSize>() else {
            return Err(PyTypeError::new_err(format!(
                "a PageSize is needed, not {}: PageSize.from_bytes() makes one of a number of bytes",
                page_size.get_type().name()?
            )));
        };
        let exponent = page_size.get().exponent();
        Ok(self.with(|request| request.page_size = Some(exponent)))
    }

    /// Return options for a mapping whose missing pages raise `FaultError`, where SIGBUS would end the process.
    ///
    /// A page is missing where the file has become shorter, its disk is full, or the pool of huge pages is empty. It
    /// is replaced by zeros, and the mapping is marked: the call that met it and every later one that reads or writes
    /// the mapping raises; `Mapping.faulted()` asks. An access through a buffer reads zeros.
    ///
    /// Raises:
    ///     InvalidOperationError: if the system has no such signal (Windows).
    ///
    /// Upstream: none.
    fn with_fault_guard(&self, py: Python<'_>) -> PyResult<Self> {
        told(py, guard::check())?;
        Ok(self.with(|request| request.guarded = true))
    }

    /// Reserve inaccessible address space, and return it as a `ReservedNone`.
    ///
    /// No memory is behind it until it is committed: `MmapNone.try_from()`. Errors are those of `map()`.
    ///
    /// Upstream: `MmapOptions::reserve_none`.
    fn reserve_none<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Mapping>> {
        self.make(py, Access::None, true)
    }

    /// Reserve readable address space, and return it as a `Reserved`.
    ///
    /// No memory is behind it until it is committed: `Mmap.try_from()`. Errors are those of `map()`.
    ///
    /// Upstream: `MmapOptions::reserve`.
    fn reserve<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Mapping>> {
        self.make(py, Access::Read, true)
    }

    /// Reserve executable address space, and return it as a `Reserved`.
    ///
    /// Errors are those of `map()`. Raises the audit event `mmap_rs.exec` too.
    ///
    /// Upstream: `MmapOptions::reserve_exec`.
    fn reserve_exec<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Mapping>> {
        self.make(py, Access::Exec, true)
    }

    /// Reserve writable address space, and return it as a `ReservedMut`.
    ///
    /// No memory is behind it until it is committed: `MmapMut.try_from()`. Errors are those of `map()`.
    ///
    /// Upstream: `MmapOptions::reserve_mut`.
    ///
    /// Examples:
    ///     >>> rest = MmapOptions(1 << 30).reserve_mut()
    ///     >>> head = MmapMut.try_from(rest.split_to(1 << 20))
    ///     >>> head.end() == rest.start()
    ///     True
    fn reserve_mut<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Mapping>> {
        self.make(py, Access::Write, true)
    }

    /// Reserve writable and executable address space, and return it as a `ReservedMut`.
    ///
    /// Raises:
    ///     UnsafeFlagNeededError: without `UnsafeMmapFlags.JIT`. Other errors are those of `map()`.
    ///
    /// Safety:
    ///     As of `map_exec_mut()`.
    ///
    /// Upstream: `MmapOptions::reserve_exec_mut`.
    fn reserve_exec_mut<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Mapping>> {
        self.make(py, Access::ExecWrite, true)
    }

    /// Map inaccessible memory, and return it as an `MmapNone`.
    ///
    /// Errors are those of `map()`.
    ///
    /// Upstream: `MmapOptions::map_none`.
    fn map_none<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Mapping>> {
        self.make(py, Access::None, false)
    }

    /// Map readable memory, and return it as an `Mmap`.
    ///
    /// Raises the audit event `mmap_rs.map` with the kind, size, flags, descriptor (or -1) and offset.
    ///
    /// Raises:
    ///     InvalidSizeError: if the file ends before the mapping would, if the system has no pages of the size
    ///         asked for, or if the size is no multiple of them.
    ///     InvalidOperationError: if options don't fit together, such as `MAP_FIXED` without an address.
    ///     SystemCallError: if the system refuses (mmap(2)) or the file can't be opened; also the matching
    ///         `OSError`. Nothing stays mapped.
    ///
    /// Upstream: `MmapOptions::map`.
    ///
    /// Examples:
    ///     >>> MmapOptions(4096).map()[0:4]
    ///     b'\x00\x00\x00\x00'
    fn map<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Mapping>> {
        self.make(py, Access::Read, false)
    }

    /// Map executable memory, and return it as an `Mmap`.
    ///
    /// Errors are those of `map()`. Raises the audit event `mmap_rs.exec` too, with address and size.
    ///
    /// Upstream: `MmapOptions::map_exec`.
    fn map_exec<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Mapping>> {
        self.make(py, Access::Exec, false)
    }

    /// Map writable memory, and return it as an `MmapMut`.
    ///
    /// A map of a file is copy-on-write, unless `MmapFlags.SHARED` is set. Errors are those of `map()`.
    ///
    /// Upstream: `MmapOptions::map_mut`.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map_mut()
    ///     >>> m[0] = 255
    ///     >>> m[-4096]
    ///     255
    fn map_mut<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Mapping>> {
        self.make(py, Access::Write, false)
    }

    /// Map memory that is writable and executable at once, and return it as an `MmapMut`.
    ///
    /// Raises:
    ///     UnsafeFlagNeededError: without `UnsafeMmapFlags.JIT`. Other errors are those of `map()`.
    ///
    /// Safety:
    ///     Memory that can be written and executed helps an attacker: prefer `map_mut()`, write, `make_exec()`.
    ///     Call `flush_icache()` after writing code and before running it.
    ///     On Apple Silicon it is written inside `jit_write()`, and its protection can't be changed any more.
    ///
    /// Upstream: `MmapOptions::map_exec_mut`.
    fn map_exec_mut<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Mapping>> {
        self.make(py, Access::ExecWrite, false)
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }

    fn __repr__(&self) -> String {
        let request = &self.request;
        let mut text = format!("<mmap_rs.MmapOptions size={}", request.size);
        if request.address != 0 {
            text.push_str(&format!(" address={:#x}", request.address));
        }
        let names = request.flags.iter_names().map(|(name, _)| name);
        let names: Vec<_> = names.chain(request.unsafe_flags.iter_names().map(|(name, _)| name)).collect();
        if !names.is_empty() {
            text.push_str(&format!(" flags={}", names.join("|")));
        }
        if let Some(exponent) = request.page_size {
            text.push_str(&format!(" page_size=2**{exponent}"));
        }
        if request.guarded {
            text.push_str(" guarded");
        }
        if let Some(source) = &request.source {
            text.push_str(&format!(" file {} offset={}", source.name(), source.offset()));
        }
        text.push('>');
        text
    }
}
