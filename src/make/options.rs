//! `MmapOptions`: what a mapping is to be.

use super::file;
use super::page_size::PageSize;
use crate::convert::flags;
use crate::convert::numbers::Number;
use crate::convert::ranges as convert;
use crate::state::classes::Mapping;
use crate::state::error::Result;
use mmap_rs_core::guard;
use mmap_rs_core::memory::{Access, FileId, Place, Request, page};
use mmap_rs_core::mmap_rs::UnsafeMmapFlags;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use std::ops::Range;

/// The description of a mapping of `size` bytes: address, file, flags, page size.
///
/// Immutable: each `with_*` method returns new options, and one object may make many mappings. The methods
/// `map*()` make a mapping, the methods `reserve*()` reserve address space without memory.
///
/// Args:
///     size: the length in bytes, an int. The system rounds what it maps up to whole pages.
///
/// Raises:
///     InvalidSizeError: if `size` is 0.
///     OverflowError: if `size` is negative, or larger than the address space.
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
    pub(super) request: Request,
    /// The addresses between which it must lie.
    pub(super) within: Option<Range<usize>>,
    /// The mapping whose place it takes.
    pub(super) reservation: Option<Py<Mapping>>,
}

impl MmapOptions {
    fn of(request: Request) -> Self {
        Self { request, within: None, reservation: None }
    }

    fn with(&self, py: Python<'_>, change: impl FnOnce(&mut Self)) -> Self {
        let mut options = Self {
            request: self.request.clone(),
            within: self.within.clone(),
            reservation: self.reservation.as_ref().map(|reservation| reservation.clone_ref(py)),
        };
        change(&mut options);
        options
    }
}

impl Drop for MmapOptions {
    fn drop(&mut self) {
        if let Some(source) = self.request.source.take_if(|source| source.is_memory()) {
            Python::try_attach(|py| py.detach(move || drop(source)));
        }
    }
}

#[pymethods]
impl MmapOptions {
    #[new]
    fn new(size: Number<usize>) -> Result<Self> {
        Ok(Self::of(Request::new(size.0)?))
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
    /// The system may have no free pages of a size that it supports.
    ///
    /// Raises:
    ///     SystemCallError: if the system does not report them.
    ///
    /// Upstream: `MmapOptions::page_sizes`.
    ///
    /// Examples:
    ///     >>> PageSizes.from_bytes(MmapOptions.page_size()) in MmapOptions.page_sizes()
    ///     True
    #[staticmethod]
    fn page_sizes(py: Python<'_>) -> Result<Bound<'_, PyAny>> {
        Ok(flags::page_sizes(py, page::offered()?)?)
    }

    /// Return the allocation granularity in bytes, an int. Addresses and file offsets of mappings are multiples of it.
    ///
    /// Upstream: `MmapOptions::allocation_granularity`.
    #[staticmethod]
    fn allocation_granularity() -> usize {
        page::granularity()
    }

    /// Return options for the rest of a file, from `offset` on.
    ///
    /// The size is read now. For that a path is opened and closed again. If nothing is left of a regular file,
    /// `map()`, `map_mut()` and `map_exec()` make an empty mapping.
    ///
    /// Args:
    ///     file: a path, a descriptor, or an object with `fileno()`, as for `with_file()`.
    ///     offset: where in the file to start, in bytes; a multiple of `allocation_granularity()`.
    ///
    /// Raises:
    ///     InvalidSizeError: if the file ends before `offset`, or if it has no size: a character device, or a
    ///         file of `/proc` or `/sys`. A block device has one.
    ///     InvalidOffsetError: if `offset` is not such a multiple.
    ///     SystemCallError: if the file can't be opened; also the matching `OSError`, such as
    ///         `FileNotFoundError`.
    ///
    /// Safety:
    ///     As for `with_file()`.
    ///
    /// Upstream: none; like `MmapOptions::new(size).with_file(file, offset)` without the size.
    ///
    /// Examples:
    ///     >>> import os, sys
    ///     >>> with MmapOptions.for_file(sys.executable).map() as m:
    ///     ...     len(m) == os.path.getsize(sys.executable)
    ///     True
    #[staticmethod]
    #[pyo3(signature = (file, offset = Number(0)), text_signature = "(file, offset=0)")]
    fn for_file(py: Python<'_>, file: &Bound<'_, PyAny>, offset: Number<u64>) -> Result<Self> {
        let source = file::source(file, offset.0, false)?;
        let file = file::ready(py, &source, false)?;
        Ok(Self::of(Request::of_file(py.detach(|| file.rest())?, source)))
    }

    /// Return options that ask for an address.
    ///
    /// It is a hint: the system may choose another, unless `exact` is true or `UnsafeMmapFlags.MAP_FIXED` is set.
    ///
    /// Args:
    ///     address: where the mapping should start, an int; a multiple of `page_size()`.
    ///     exact: whether it must start there. If another mapping lies there, making the mapping raises
    ///         `FileExistsError` and replaces nothing. The address must be a multiple of
    ///         `allocation_granularity()`, and of the size of huge pages, or making it raises `InvalidOffsetError`.
    ///
    /// Upstream: `MmapOptions::with_address`; there `exact` is missing.
    ///
    /// Examples:
    ///     >>> first = MmapOptions(4096).map()
    ///     >>> try:
    ///     ...     MmapOptions(4096).with_address(first.start(), exact=True).map()
    ///     ... except FileExistsError:
    ///     ...     "taken"
    ///     'taken'
    #[pyo3(signature = (address, *, exact = false), text_signature = "($self, address, *, exact=False)")]
    fn with_address(&self, py: Python<'_>, address: Number<usize>, exact: bool) -> Self {
        self.with(py, |options| {
            options.within = None;
            options.request.place = if exact { Place::Exact(address.0) } else { Place::near(address.0) };
        })
    }

    /// Return options for a mapping that lies wholly in a range of addresses.
    ///
    /// It takes the lowest gap that is large enough. Use it for code that other code must reach by a jump of at most
    /// 2 GiB, or for addresses below 4 GiB.
    ///
    /// Args:
    ///     range: a `range` of addresses, in bytes.
    ///
    /// Raises:
    ///     TypeError, ValueError: if `range` is not a `range` or `slice` with step 1 and an end.
    ///
    /// Making the mapping raises `SystemCallError` with `errno.ENOMEM` if no gap is large enough.
    ///
    /// Upstream: none.
    ///
    /// Examples:
    ///     >>> near = MmapOptions(4096).map()
    ///     >>> span = range(near.start() // 2, near.start())
    ///     >>> m = MmapOptions(4096).with_address_range(span).map_mut()
    ///     >>> m.start() in span and m.end() - 1 in span
    ///     True
    fn with_address_range(&self, py: Python<'_>, range: convert::Range) -> Result<Self> {
        let Some(range) = range.bounded() else {
            return Err(PyValueError::new_err("a range of addresses needs an end").into());
        };
        Ok(self.with(py, |options| {
            options.request.place = Place::Any;
            options.within = Some(range);
        }))
    }

    /// Return options for a mapping that takes the place of a reservation.
    ///
    /// The reservation is consumed when the mapping is made; if that fails, the reservation is as before. This is a
    /// safe alternative to `MAP_FIXED`: only memory whose owner hands it in is replaced, and nobody else can take the
    /// addresses in between. Options with a reservation make one mapping; a second one raises `ConsumedError`.
    ///
    /// Args:
    ///     reserved: a `ReservedNone`, `Reserved` or `ReservedMut` of the same size: cut one off with `split_to()`.
    ///
    /// Raises:
    ///     TypeError: if `reserved` is something else.
    ///
    /// Making the mapping raises `InvalidSizeError` if the sizes differ, `ConsumedError` if the reservation was closed
    /// or consumed, and `InvalidOperationError` on Windows.
    ///
    /// Upstream: none.
    ///
    /// Examples:
    ///     >>> rest = MmapOptions(1 << 20).reserve_none()
    ///     >>> head = rest.split_to(1 << 16)
    ///     >>> start = head.start()
    ///     >>> m = MmapOptions(1 << 16).with_reservation(head).map_mut()
    ///     >>> m.start() == start, head.closed
    ///     (True, True)
    fn with_reservation(&self, py: Python<'_>, reserved: &Bound<'_, PyAny>) -> Result<Self> {
        let reservation = reserved.cast::<Mapping>().ok().filter(|mapping| mapping.get().kind().is_reserved());
        let Some(reservation) = reservation else {
            let name = reserved.get_type().name()?;
            let text = format!("a ReservedNone, Reserved or ReservedMut is needed, not {name}");
            return Err(PyTypeError::new_err(text).into());
        };
        let reservation = reservation.clone().unbind();
        Ok(self.with(py, |options| options.reservation = Some(reservation)))
    }

    /// Return options for a mapping that shows the same bytes of a file several times in a row.
    ///
    /// The mapping has `n` times the size of the options. With two repeats it is a ring buffer: what is written past
    /// the end appears at the start. `split_off()`, `split_to()`, `merge()` and `resize()` of such a mapping raise
    /// `InvalidOperationError`.
    ///
    /// Args:
    ///     n: how many times, at least 1.
    ///
    /// Raises:
    ///     ValueError: if `n` is 0.
    ///
    /// Making the mapping raises `InvalidOperationError` unless it is a mapping of a file with `MmapFlags.SHARED`, and
    /// `InvalidSizeError` if the size is not a multiple of `allocation_granularity()`.
    ///
    /// Upstream: none.
    ///
    /// Examples:
    ///     >>> import tempfile
    ///     >>> unit = MmapOptions.allocation_granularity()
    ///     >>> with tempfile.TemporaryFile() as file:
    ///     ...     _ = file.truncate(unit)
    ///     ...     options = MmapOptions.for_file(file).with_flags(MmapFlags.SHARED)
    ///     ...     with options.with_repeats(2).map_mut() as ring:
    ///     ...         ring[unit - 2 : unit + 2] = b"wrap"
    ///     ...         ring[:2], len(ring) == 2 * unit
    ///     (b'ap', True)
    fn with_repeats(&self, py: Python<'_>, n: Number<usize>) -> Result<Self> {
        if n.0 == 0 {
            return Err(PyValueError::new_err("a mapping can't be repeated 0 times").into());
        }
        Ok(self.with(py, |options| options.request.repeats = n.0))
    }

    /// Return options that map a file from `offset` bytes on.
    ///
    /// A descriptor is duplicated now, so you may close yours at once. A path is opened when the mapping is made:
    /// for reading, and also for writing if the mapping is shared and writable.
    ///
    /// Args:
    ///     file: a path, a descriptor, or an object with `fileno()`.
    ///     offset: where in the file to start, in bytes; a multiple of `allocation_granularity()`.
    ///     past_end: whether the mapping may reach past the end of the file. If false, making such a mapping raises
    ///         `InvalidSizeError`.
    ///
    /// Raises:
    ///     InvalidOffsetError: if `offset` is not such a multiple.
    ///     SystemCallError: if the descriptor is not open.
    ///     TypeError: if `file` is of another type.
    ///
    /// Safety:
    ///     Other processes may change the file, and the mapped bytes change with it. If the file shrinks, or with
    ///     `past_end`, accessing a page with no file behind it ends the process with SIGBUS, unless the options have
    ///     `with_fault_guard()`.
    ///
    /// Upstream: `MmapOptions::with_file`.
    #[pyo3(
        signature = (file, offset = Number(0), *, past_end = false),
        text_signature = "($self, file, offset=0, *, past_end=False)"
    )]
    fn with_file(&self, py: Python<'_>, file: &Bound<'_, PyAny>, offset: Number<u64>, past_end: bool) -> Result<Self> {
        let source = file::source(file, offset.0, past_end)?;
        Ok(self.with(py, |options| options.request.source = Some(source)))
    }

    /// Return options with these flags added.
    ///
    /// Args:
    ///     flags: an `MmapFlags`, or an int of its bits.
    ///
    /// Raises:
    ///     ValueError: if bits are unknown.
    ///     TypeError: if `flags` is another kind of flag.
    ///
    /// Upstream: `MmapOptions::with_flags`.
    ///
    /// Examples:
    ///     >>> MmapOptions(4096).with_flags(MmapFlags.SHARED | MmapFlags.POPULATE)
    ///     <mmap_rs.MmapOptions size=4096 flags=SHARED|POPULATE>
    fn with_flags(&self, py: Python<'_>, flags: &Bound<'_, PyAny>) -> Result<Self> {
        let flags = flags::mmap_flags(flags)?;
        Ok(self.with(py, |options| options.request.flags |= flags))
    }

    /// Return options with these unsafe flags added.
    ///
    /// Args:
    ///     flags: an `UnsafeMmapFlags`, or an int of its bits.
    ///
    /// Raises:
    ///     ValueError: if bits are unknown.
    ///     TypeError: if `flags` is another kind of flag.
    ///
    /// Safety:
    ///     `MAP_FIXED` replaces whatever is mapped at the address, even memory that this process uses. `JIT`
    ///     allows memory that is writable and executable at the same time.
    ///
    /// Upstream: `MmapOptions::with_unsafe_flags`.
    fn with_unsafe_flags(&self, py: Python<'_>, flags: &Bound<'_, PyAny>) -> Result<Self> {
        let flags = flags::argument(flags, "UnsafeMmapFlags", UnsafeMmapFlags::from_bits)?;
        Ok(self.with(py, |options| options.request.unsafe_flags |= flags))
    }

    /// Return options that ask for pages of this size.
    ///
    /// The base page size gives an ordinary mapping, without huge pages. Making the mapping raises `InvalidSizeError`
    /// if the system has no such pages, or if the size is not a multiple of them. A file has its own page size: asking
    /// for another one raises `InvalidSizeError` too.
    ///
    /// Args:
    ///     page_size: a `PageSize`.
    ///
    /// Upstream: `MmapOptions::with_page_size`.
    fn with_page_size(&self, py: Python<'_>, page_size: &Bound<'_, PyAny>) -> Result<Self> {
        let Ok(page_size) = page_size.cast::<PageSize>() else {
            return Err(PyTypeError::new_err(format!(
                "a PageSize is needed, not {}: PageSize.from_bytes() makes one from a number of bytes",
                page_size.get_type().name()?
            ))
            .into());
        };
        let exponent = page_size.get().exponent();
        Ok(self.with(py, |options| options.request.page_size = Some(exponent)))
    }

    /// Return options for a mapping whose missing pages raise `FaultError`, not SIGBUS.
    ///
    /// A page is missing if the file has shrunk, its disk is full, or the pool of huge pages is empty. It is
    /// replaced by zeros, and the mapping is marked: the call that hit it and every later one that reads or writes
    /// the mapping raise; `Mapping.faulted()` returns the mark. An access through a buffer reads zeros.
    /// After many missing pages, the rest of the mapping is replaced at once.
    ///
    /// The guard's SIGBUS handler is installed with the first guarded mapping, and forwards other faults to the
    /// previous handler. Enable `faulthandler` before that.
    ///
    /// Raises:
    ///     InvalidOperationError: if the system has no such signal (Windows).
    ///
    /// Upstream: none.
    fn with_fault_guard(&self, py: Python<'_>) -> Result<Self> {
        guard::check()?;
        Ok(self.with(py, |options| options.request.guarded = true))
    }

    /// Reserve inaccessible address space, and return it as a `ReservedNone`.
    ///
    /// It has no memory until `MmapNone.try_from()` commits it. Raises what `map()` raises.
    ///
    /// Upstream: `MmapOptions::reserve_none`.
    fn reserve_none<'py>(&self, py: Python<'py>) -> Result<Bound<'py, Mapping>> {
        self.make(py, Access::None, true)
    }

    /// Reserve readable address space, and return it as a `Reserved`.
    ///
    /// It has no memory until `Mmap.try_from()` commits it. Raises what `map()` raises.
    ///
    /// Upstream: `MmapOptions::reserve`.
    fn reserve<'py>(&self, py: Python<'py>) -> Result<Bound<'py, Mapping>> {
        self.make(py, Access::Read, true)
    }

    /// Reserve executable address space, and return it as a `Reserved`.
    ///
    /// Raises what `map()` raises, and also the audit event `mmap_rs.exec`.
    ///
    /// Upstream: `MmapOptions::reserve_exec`.
    fn reserve_exec<'py>(&self, py: Python<'py>) -> Result<Bound<'py, Mapping>> {
        self.make(py, Access::Exec, true)
    }

    /// Reserve writable address space, and return it as a `ReservedMut`.
    ///
    /// It has no memory until `MmapMut.try_from()` commits it. Raises what `map()` raises.
    ///
    /// Upstream: `MmapOptions::reserve_mut`.
    ///
    /// Examples:
    ///     >>> rest = MmapOptions(1 << 30).reserve_mut()
    ///     >>> head = MmapMut.try_from(rest.split_to(1 << 20))
    ///     >>> head.end() == rest.start()
    ///     True
    fn reserve_mut<'py>(&self, py: Python<'py>) -> Result<Bound<'py, Mapping>> {
        self.make(py, Access::Write, true)
    }

    /// Reserve writable and executable address space, and return it as a `ReservedMut`.
    ///
    /// Raises:
    ///     UnsafeFlagNeededError: without `UnsafeMmapFlags.JIT`. Otherwise what `map()` raises.
    ///
    /// Safety:
    ///     As for `map_exec_mut()`.
    ///
    /// Upstream: `MmapOptions::reserve_exec_mut`.
    fn reserve_exec_mut<'py>(&self, py: Python<'py>) -> Result<Bound<'py, Mapping>> {
        self.make(py, Access::ExecWrite, true)
    }

    /// Map inaccessible memory, and return it as an `MmapNone`.
    ///
    /// Raises what `map()` raises.
    ///
    /// Upstream: `MmapOptions::map_none`.
    fn map_none<'py>(&self, py: Python<'py>) -> Result<Bound<'py, Mapping>> {
        self.make(py, Access::None, false)
    }

    /// Map readable memory, and return it as an `Mmap`.
    ///
    /// Raises the audit event `mmap_rs.map` with the class name, size, flags, descriptor (or -1) and offset.
    ///
    /// Raises:
    ///     InvalidSizeError: if the file ends before the mapping would, if the system has no pages of the requested
    ///         size, or if the size is not a multiple of them.
    ///     InvalidOperationError: if options don't fit together, such as `MAP_FIXED` without an address.
    ///     SystemCallError: if the system refuses (mmap(2)) or the file can't be opened; also the matching
    ///         `OSError`. Nothing stays mapped.
    ///
    /// Upstream: `MmapOptions::map`.
    ///
    /// Examples:
    ///     >>> MmapOptions(4096).map()[0:4]
    ///     b'\x00\x00\x00\x00'
    fn map<'py>(&self, py: Python<'py>) -> Result<Bound<'py, Mapping>> {
        self.make(py, Access::Read, false)
    }

    /// Map executable memory, and return it as an `Mmap`.
    ///
    /// Raises what `map()` raises, and also the audit event `mmap_rs.exec` with address and size.
    ///
    /// Upstream: `MmapOptions::map_exec`.
    fn map_exec<'py>(&self, py: Python<'py>) -> Result<Bound<'py, Mapping>> {
        self.make(py, Access::Exec, false)
    }

    /// Map writable memory, and return it as an `MmapMut`.
    ///
    /// A mapping of a file is copy-on-write, unless `MmapFlags.SHARED` is set. Raises what `map()` raises.
    ///
    /// Upstream: `MmapOptions::map_mut`.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map_mut()
    ///     >>> m[0] = 255
    ///     >>> m[-4096]
    ///     255
    fn map_mut<'py>(&self, py: Python<'py>) -> Result<Bound<'py, Mapping>> {
        self.make(py, Access::Write, false)
    }

    /// Map memory that is writable and executable at once, and return it as an `MmapMut`.
    ///
    /// Raises:
    ///     UnsafeFlagNeededError: without `UnsafeMmapFlags.JIT`. Otherwise what `map()` raises.
    ///
    /// Safety:
    ///     Memory that can be both written and executed helps an attacker: prefer `map_mut()`, write, `make_exec()`.
    ///     Call `flush_icache()` after writing code and before running it.
    ///     On Apple Silicon, write it inside `jit_write()`; its protection can no longer be changed.
    ///
    /// Upstream: `MmapOptions::map_exec_mut`.
    fn map_exec_mut<'py>(&self, py: Python<'py>) -> Result<Bound<'py, Mapping>> {
        self.make(py, Access::ExecWrite, false)
    }

    /// Return options for what another process has sent: a path must lead to the same file.
    #[staticmethod]
    fn _of_sent(
        size: usize,
        file: &Bound<'_, PyAny>,
        offset: u64,
        past_end: bool,
        identity: Option<(u64, u64, Option<i64>)>,
    ) -> Result<Self> {
        let source = file::source(file, offset, past_end)?;
        Ok(Self::of(Request::of_file(
            size,
            match identity {
                Some((device, inode, born)) => source.expecting(FileId { device, inode, born }),
                None => source,
            },
        )))
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
        match request.place {
            Place::Any => {}
            Place::Near(address) => text.push_str(&format!(" address={address:#x}")),
            Place::Exact(address) => text.push_str(&format!(" address={address:#x} exact")),
        }
        if let Some(range) = &self.within {
            text.push_str(&format!(" within={:#x}..{:#x}", range.start, range.end));
        }
        if self.reservation.is_some() {
            text.push_str(" in the place of a reservation");
        }
        if request.repeats > 1 {
            text.push_str(&format!(" repeats={}", request.repeats));
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
            text.push_str(&format!(" {}", source.in_words()));
        }
        text.push('>');
        text
    }
}
