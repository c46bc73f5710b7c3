//! `MmapOptions`: what a mapping is to be, and making it.

use crate::access::detached_if;
use crate::args::flag;
use crate::error::told;
use crate::flags::{self, MMAP_FLAGS, UNSAFE_MMAP_FLAGS};
use crate::mapping::{Mapping, wrap};
use crate::page_size::PageSize;
use crate::{audit, open};
use mmap_rs_core::guard;
use mmap_rs_core::memory::{Access, Request, page};
use mmap_rs_core::mmap_rs::{MmapFlags, UnsafeMmapFlags};
use mmap_rs_core::state::Resident;
use pyo3::prelude::*;

/// MmapOptions(size): how a mapping of `size` bytes is to be made (upstream: `mmap_rs::MmapOptions`).
///
/// Immutable: each `with_*` method returns new options, and one may serve for many mappings. `InvalidSizeError` for
/// size 0.
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
        let kind = access.kind(reserved).name();
        let source = request.source.as_ref();
        let descriptor = source.and_then(|source| source.descriptor()).unwrap_or(-1);
        let offset = source.map_or(0, |source| source.offset());
        audit::event(py, ("mmap_rs.map", kind, request.size, request.flags.bits(), descriptor, offset))?;
        let made = detached_if(py, request.may_wait(), || request.map(access, reserved));
        let region = told(py, made)?;
        if access.is_exec() {
            // A hook that raises has the region dropped, and so unmapped.
            audit::event(py, ("mmap_rs.exec", region.span().start, region.span().len))?;
        }
        wrap(py, region)
    }
}

#[pymethods]
impl MmapOptions {
    #[new]
    fn new(py: Python<'_>, size: usize) -> PyResult<Self> {
        told(py, Request::new(size)).map(|request| Self { request })
    }

    /// page_size(): the smallest page size of the system in bytes.
    #[staticmethod]
    fn page_size() -> usize {
        page::base()
    }

    /// page_sizes(): the page sizes that the system offers, as `PageSizes`.
    #[staticmethod]
    fn page_sizes(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        flags::page_sizes(py, told(py, page::offered())?)
    }

    /// allocation_granularity(): what addresses and file offsets of mappings are multiples of, in bytes.
    #[staticmethod]
    fn allocation_granularity() -> usize {
        page::granularity()
    }

    /// for_file(file, offset=0): options for what a file holds from `offset` on. `file` and `offset` as for
    /// `with_file()`; `InvalidSizeError` where nothing is left.
    #[staticmethod]
    #[pyo3(signature = (file, offset = 0))]
    fn for_file(py: Python<'_>, file: &Bound<'_, PyAny>, offset: u64) -> PyResult<Self> {
        let source = open::source(file, offset, false)?;
        let file = open::ready(py, &source, false)?;
        let size = py.detach(|| file.rest());
        let mut request = told(py, size.and_then(Request::new))?;
        request.source = Some(source);
        Ok(Self { request })
    }

    /// with_address(address): where the mapping should begin. A wish, unless `UnsafeMmapFlags.MAP_FIXED` is set.
    fn with_address(&self, address: usize) -> Self {
        self.with(|request| request.address = address)
    }

    /// with_file(file, offset=0, *, past_end=False): map a file from `offset` bytes on.
    ///
    /// `file` is a path, a descriptor, or an object with `fileno()`. A descriptor is duplicated now, so it may be
    /// closed at once; a path is opened when the mapping is made: for reading, and for writing too where a writable
    /// shared mapping asks for it. `offset` is a multiple of `allocation_granularity()`, else `InvalidOffsetError`.
    /// A mapping that would reach past the end of the file is `InvalidSizeError` when it is made, unless
    /// `past_end=True`: touching what lies past the end then ends the process with SIGBUS.
    ///
    /// Safety: others may change the file, and what is read changes with it; shortening it makes pages vanish.
    #[pyo3(signature = (file, offset = 0, *, past_end = false))]
    fn with_file(&self, file: &Bound<'_, PyAny>, offset: u64, past_end: bool) -> PyResult<Self> {
        let source = open::source(file, offset, past_end)?;
        Ok(self.with(|request| request.source = Some(source)))
    }

    /// with_flags(flags): add these `MmapFlags`. Unknown bits are `ValueError`.
    fn with_flags(&self, flags: &Bound<'_, PyAny>) -> PyResult<Self> {
        let flags = flag(flags, &MMAP_FLAGS, MmapFlags::from_bits)?;
        Ok(self.with(|request| request.flags |= flags))
    }

    /// with_unsafe_flags(flags): add these `UnsafeMmapFlags`. Unknown bits are `ValueError`.
    ///
    /// Safety: MAP_FIXED replaces whatever is mapped at the address, of this process's own memory too. JIT allows
    /// memory that is writable and executable at the same time.
    fn with_unsafe_flags(&self, flags: &Bound<'_, PyAny>) -> PyResult<Self> {
        let flags = flag(flags, &UNSAFE_MMAP_FLAGS, UnsafeMmapFlags::from_bits)?;
        Ok(self.with(|request| request.unsafe_flags |= flags))
    }

    /// with_page_size(page_size): make the mapping of pages of this `PageSize`.
    ///
    /// `InvalidSizeError` when the mapping is made, where the system has no such pages or the size is no multiple of
    /// them. The base page size is an ordinary mapping.
    fn with_page_size(&self, page_size: PyRef<'_, PageSize>) -> Self {
        let exponent = page_size.exponent();
        self.with(|request| request.page_size = Some(exponent))
    }

    /// with_fault_guard(): have accesses to pages that the system can't provide raise `FaultError`, where without it
    /// SIGBUS ends the process: the file has become shorter, its disk is full, the pool of huge pages is empty.
    ///
    /// Such a page is replaced by zeros, and the mapping is marked: the call that met it and every later one that
    /// reads or writes the mapping raises; `faulted()` asks. An access through a buffer reads zeros.
    /// `InvalidOperationError` where the system has no such signal (Windows).
    fn with_fault_guard(&self, py: Python<'_>) -> PyResult<Self> {
        told(py, guard::check())?;
        Ok(self.with(|request| request.guarded = true))
    }

    /// reserve_none(): reserve inaccessible memory: a `ReservedNone`.
    fn reserve_none<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Mapping>> {
        self.make(py, Access::None, true)
    }

    /// reserve(): reserve readable memory: a `Reserved`.
    fn reserve<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Mapping>> {
        self.make(py, Access::Read, true)
    }

    /// reserve_exec(): reserve executable memory: a `Reserved`.
    fn reserve_exec<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Mapping>> {
        self.make(py, Access::Exec, true)
    }

    /// reserve_mut(): reserve writable memory: a `ReservedMut`.
    fn reserve_mut<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Mapping>> {
        self.make(py, Access::Write, true)
    }

    /// reserve_exec_mut(): reserve writable and executable memory: a `ReservedMut`. Needs `UnsafeMmapFlags.JIT`.
    ///
    /// Safety: see `map_exec_mut()`.
    fn reserve_exec_mut<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Mapping>> {
        self.make(py, Access::ExecWrite, true)
    }

    /// map_none(): map inaccessible memory: a `MmapNone`.
    fn map_none<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Mapping>> {
        self.make(py, Access::None, false)
    }

    /// map(): map readable memory: a `Mmap`.
    fn map<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Mapping>> {
        self.make(py, Access::Read, false)
    }

    /// map_exec(): map executable memory: a `Mmap`.
    fn map_exec<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Mapping>> {
        self.make(py, Access::Exec, false)
    }

    /// map_mut(): map writable memory: a `MmapMut`.
    fn map_mut<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Mapping>> {
        self.make(py, Access::Write, false)
    }

    /// map_exec_mut(): map writable and executable memory: a `MmapMut`. Needs `UnsafeMmapFlags.JIT`, else
    /// `UnsafeFlagNeededError`.
    ///
    /// Safety: memory that can be written and executed helps an attacker. Prefer `map_mut()`, write, `make_exec()`.
    /// Call `flush_icache()` after writing code and before running it.
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
