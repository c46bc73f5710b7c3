"""The compiled part of the package."""
# ruff: noqa: A002 - the parameters have the names of the Rust crate

import sys
from builtins import range as _range
from collections.abc import Iterator
from contextlib import AbstractContextManager
from ctypes import _CDataType, _CFunctionType
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Never, Protocol, Self, SupportsIndex, TypeAlias, final, overload

from _typeshed import FileDescriptorLike, StrOrBytesPath
from typing_extensions import Buffer, disjoint_base

from mmap_rs._file import MappingFile
from mmap_rs._flags import MmapFlags, PageSizes, Protection, ShareMode, UnsafeMmapFlags

__all__ = [
    "Mapping",
    "MemoryArea",
    "MemoryAreas",
    "Mmap",
    "MmapMut",
    "MmapNone",
    "MmapOptions",
    "PageSize",
    "Reserved",
    "ReservedMut",
    "ReservedNone",
    "_Bytes",
    "_Mapped",
    "__upstream_version__",
    "__version__",
    "_areas_by_text",
    "flag_bits",
]

__version__: str
__upstream_version__: str
flag_bits: dict[str, dict[str, int]]

_Slice: TypeAlias = slice[SupportsIndex | None, SupportsIndex | None, SupportsIndex | None]
_Range: TypeAlias = _range | _Slice
_File: TypeAlias = FileDescriptorLike | StrOrBytesPath

class _FromParam(Protocol):
    def from_param(self, value: Any, /) -> Any: ...

@final
class PageSize:
    """A page size of `2**log2` bytes. Immutable, ordered, hashable.

    The constants `PageSize._4K` to `PageSize._16G` are upstream's. Not all exist on all systems:
    `MmapOptions.page_sizes()` tells.

    Args:
        log2: the logarithm of the size to base 2, an int: 12 for 4 KiB.

    Raises:
        InvalidSizeError: if no number of 64 bits could hold the size.

    Upstream: `mmap_rs::PageSize`.

    Examples:
        >>> PageSize(21)
        PageSize._2M
        >>> PageSize._2M.bytes
        2097152
    """

    _4K: ClassVar[PageSize]
    _64K: ClassVar[PageSize]
    _512K: ClassVar[PageSize]
    _1M: ClassVar[PageSize]
    _2M: ClassVar[PageSize]
    _4M: ClassVar[PageSize]
    _8M: ClassVar[PageSize]
    _16M: ClassVar[PageSize]
    _32M: ClassVar[PageSize]
    _256M: ClassVar[PageSize]
    _512M: ClassVar[PageSize]
    _1G: ClassVar[PageSize]
    _2G: ClassVar[PageSize]
    _16G: ClassVar[PageSize]
    def __new__(cls, log2: SupportsIndex) -> Self: ...
    @property
    def log2(self) -> int:
        """The logarithm of the size to base 2, an int.

        Examples:
            >>> PageSize._4K.log2
            12
        """
    @property
    def bytes(self) -> int:
        """The size in bytes, an int.

        Examples:
            >>> PageSize._4K.bytes
            4096
        """
    @staticmethod
    def from_bytes(n: SupportsIndex) -> PageSize:
        """Return the page size of `n` bytes.

        Raises:
            InvalidSizeError: if `n` is no power of two.

        Upstream: none.

        Examples:
            >>> PageSize.from_bytes(4096)
            PageSize._4K
        """
    @staticmethod
    def try_from(page_sizes: PageSizes) -> PageSize:
        """Return the one page size in a `PageSizes`.

        Raises:
            InvalidSizeError: if there is none in it, or more than one.
            ValueError: if there are unknown bits.

        Upstream: `PageSize: TryFrom<PageSizes>`, whose result is wrong there.

        Examples:
            >>> PageSize.try_from(PageSizes._2M)
            PageSize._2M
        """
    def __eq__(self, other: object, /) -> bool: ...
    def __lt__(self, other: PageSize, /) -> bool: ...
    def __le__(self, other: PageSize, /) -> bool: ...
    def __gt__(self, other: PageSize, /) -> bool: ...
    def __ge__(self, other: PageSize, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class MmapOptions:
    """How a mapping of `size` bytes is to be made: address, file, flags, page size.

    Immutable: each `with_*` method returns new options, and one may serve for many mappings. The methods
    `map*()` make a mapping, the methods `reserve*()` reserve address space without memory.

    Args:
        size: the length in bytes, an int. The system rounds what it maps up to whole pages.

    Raises:
        InvalidSizeError: if `size` is 0.
        OverflowError: if `size` is negative or larger than an address can be.

    Upstream: `mmap_rs::MmapOptions`.

    Examples:
        >>> with MmapOptions(4096).map_mut() as m:
        ...     m[0:5] = b"hello"
        ...     m.find(b"llo")
        2
    """

    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: object, /) -> Self: ...
    def __new__(cls, size: SupportsIndex) -> Self: ...
    @staticmethod
    def page_size() -> int:
        """Return the smallest page size of the system, in bytes, an int.

        Upstream: `MmapOptions::page_size`.
        """
    @staticmethod
    def page_sizes() -> PageSizes:
        """Return the page sizes that the system offers, a `PageSizes`.

        A size on offer may still have no free page.

        Raises:
            SystemCallError: if the system does not tell them.

        Upstream: `MmapOptions::page_sizes`.

        Examples:
            >>> PageSizes.from_bytes(MmapOptions.page_size()) in MmapOptions.page_sizes()
            True
        """
    @staticmethod
    def allocation_granularity() -> int:
        """Return what addresses and file offsets of mappings are multiples of, in bytes, an int.

        Upstream: `MmapOptions::allocation_granularity`.
        """
    @staticmethod
    def for_file(file: _File, offset: SupportsIndex = 0) -> MmapOptions:
        """Return options for all that a file holds from `offset` on.

        The size is taken now. A path is opened for that and closed again.

        Args:
            file: a path, a descriptor, or an object with `fileno()`, as for `with_file()`.
            offset: where in the file to begin, in bytes; a multiple of `allocation_granularity()`.

        Raises:
            InvalidSizeError: if nothing is left from `offset` on.
            InvalidOffsetError: if `offset` is not such a multiple.
            SystemCallError: if the file can't be opened; also the matching `OSError`, such as
                `FileNotFoundError`.

        Safety:
            As of `with_file()`.

        Upstream: none; it saves `MmapOptions::new(size).with_file(file, offset)` the size.

        Examples:
            >>> import os, sys
            >>> with MmapOptions.for_file(sys.executable).map() as m:
            ...     len(m) == os.path.getsize(sys.executable)
            True
        """
    def with_address(self, address: SupportsIndex) -> MmapOptions:
        """Return options that ask for an address.

        It is a wish: the system may choose another, unless `UnsafeMmapFlags.MAP_FIXED` is set.

        Args:
            address: where the mapping should begin, an int; a multiple of `page_size()`.

        Upstream: `MmapOptions::with_address`.
        """
    def with_file(
        self, file: _File, offset: SupportsIndex = 0, *, past_end: bool = False
    ) -> MmapOptions:
        """Return options that map a file from `offset` bytes on.

        A descriptor is duplicated now, so it may be closed at once. A path is opened when the mapping is made:
        for reading, and for writing too where a writable shared mapping asks for it.

        Args:
            file: a path, a descriptor, or an object with `fileno()`.
            offset: where in the file to begin, in bytes; a multiple of `allocation_granularity()`.
            past_end: whether the mapping may reach past the end of the file. Without it such a mapping is
                `InvalidSizeError` when it is made.

        Raises:
            InvalidOffsetError: if `offset` is not such a multiple.
            SystemCallError: if the descriptor is not open.
            TypeError: if `file` is none of the three.

        Safety:
            Others may change the file, and what is read changes with it. If the file gets shorter, or with
            `past_end`, touching a page that has no file behind it ends the process with SIGBUS, unless
            `with_fault_guard()` is asked for.

        Upstream: `MmapOptions::with_file`.
        """
    def with_flags(self, flags: MmapFlags) -> MmapOptions:
        """Return options with these flags added.

        Args:
            flags: an `MmapFlags`, or an int of its bits.

        Raises:
            ValueError: if there are unknown bits.
            TypeError: if it is another kind of flag.

        Upstream: `MmapOptions::with_flags`.

        Examples:
            >>> MmapOptions(4096).with_flags(MmapFlags.SHARED | MmapFlags.POPULATE)
            <mmap_rs.MmapOptions size=4096 flags=SHARED|POPULATE>
        """
    def with_unsafe_flags(self, flags: UnsafeMmapFlags) -> MmapOptions:
        """Return options with these unsafe flags added.

        Args:
            flags: an `UnsafeMmapFlags`, or an int of its bits.

        Raises:
            ValueError: if there are unknown bits.
            TypeError: if it is another kind of flag.

        Safety:
            `MAP_FIXED` replaces whatever is mapped at the address, memory of this process's own too. `JIT`
            allows memory that is writable and executable at the same time.

        Upstream: `MmapOptions::with_unsafe_flags`.
        """
    def with_page_size(self, page_size: PageSize) -> MmapOptions:
        """Return options that ask for pages of this size.

        The base page size makes an ordinary mapping. Whether the system has such pages, and whether the size is a
        multiple of them, is looked at when the mapping is made: `InvalidSizeError` if not.

        Args:
            page_size: a `PageSize`.

        Upstream: `MmapOptions::with_page_size`.
        """
    def with_fault_guard(self) -> Self:
        """Return options for a mapping whose missing pages raise `FaultError`, where SIGBUS would end the process.

        A page is missing where the file has become shorter, its disk is full, or the pool of huge pages is empty. It
        is replaced by zeros, and the mapping is marked: the call that met it and every later one that reads or writes
        the mapping raises; `Mapping.faulted()` asks. An access through a buffer reads zeros.

        Raises:
            InvalidOperationError: if the system has no such signal (Windows).

        Upstream: none.
        """
    def reserve_none(self) -> ReservedNone:
        """Reserve inaccessible address space, and return it as a `ReservedNone`.

        No memory is behind it until it is committed: `MmapNone.try_from()`. Errors are those of `map()`.

        Upstream: `MmapOptions::reserve_none`.
        """
    def reserve(self) -> Reserved:
        """Reserve readable address space, and return it as a `Reserved`.

        No memory is behind it until it is committed: `Mmap.try_from()`. Errors are those of `map()`.

        Upstream: `MmapOptions::reserve`.
        """
    def reserve_exec(self) -> Reserved:
        """Reserve executable address space, and return it as a `Reserved`.

        Errors are those of `map()`. Raises the audit event `mmap_rs.exec` too.

        Upstream: `MmapOptions::reserve_exec`.
        """
    def reserve_mut(self) -> ReservedMut:
        """Reserve writable address space, and return it as a `ReservedMut`.

        No memory is behind it until it is committed: `MmapMut.try_from()`. Errors are those of `map()`.

        Upstream: `MmapOptions::reserve_mut`.

        Examples:
            >>> rest = MmapOptions(1 << 30).reserve_mut()
            >>> head = MmapMut.try_from(rest.split_to(1 << 20))
            >>> head.end() == rest.start()
            True
        """
    def reserve_exec_mut(self) -> ReservedMut:
        """Reserve writable and executable address space, and return it as a `ReservedMut`.

        Raises:
            UnsafeFlagNeededError: without `UnsafeMmapFlags.JIT`. Other errors are those of `map()`.

        Safety:
            As of `map_exec_mut()`.

        Upstream: `MmapOptions::reserve_exec_mut`.
        """
    def map_none(self) -> MmapNone:
        """Map inaccessible memory, and return it as an `MmapNone`.

        Errors are those of `map()`.

        Upstream: `MmapOptions::map_none`.
        """
    def map(self) -> Mmap:
        r"""Map readable memory, and return it as an `Mmap`.

        Raises the audit event `mmap_rs.map` with the kind, size, flags, descriptor (or -1) and offset.

        Raises:
            InvalidSizeError: if the file ends before the mapping would, if the system has no pages of the size
                asked for, or if the size is no multiple of them.
            InvalidOperationError: if options don't fit together, such as `MAP_FIXED` without an address.
            SystemCallError: if the system refuses (mmap(2)) or the file can't be opened; also the matching
                `OSError`. Nothing stays mapped.

        Upstream: `MmapOptions::map`.

        Examples:
            >>> MmapOptions(4096).map()[0:4]
            b'\x00\x00\x00\x00'
        """
    def map_exec(self) -> Mmap:
        """Map executable memory, and return it as an `Mmap`.

        Errors are those of `map()`. Raises the audit event `mmap_rs.exec` too, with address and size.

        Upstream: `MmapOptions::map_exec`.
        """
    def map_mut(self) -> MmapMut:
        """Map writable memory, and return it as an `MmapMut`.

        A map of a file is copy-on-write, unless `MmapFlags.SHARED` is set. Errors are those of `map()`.

        Upstream: `MmapOptions::map_mut`.

        Examples:
            >>> m = MmapOptions(4096).map_mut()
            >>> m[0] = 255
            >>> m[-4096]
            255
        """
    def map_exec_mut(self) -> MmapMut:
        """Map memory that is writable and executable at once, and return it as an `MmapMut`.

        Raises:
            UnsafeFlagNeededError: without `UnsafeMmapFlags.JIT`. Other errors are those of `map()`.

        Safety:
            Memory that can be written and executed helps an attacker: prefer `map_mut()`, write, `make_exec()`.
            Call `flush_icache()` after writing code and before running it.
            On Apple Silicon it is written inside `jit_write()`, and its protection can't be changed any more.

        Upstream: `MmapOptions::map_exec_mut`.
        """

@disjoint_base
class Mapping:
    """The common base of all mappings, for `isinstance`.

    It has no constructor: `MmapOptions` makes mappings. A mapping that was closed, or consumed by a method
    that gave its memory to another object, answers `closed`, `repr()` and `close()` only; anything else raises
    `ConsumedError`. While a buffer over a mapping is alive (a `memoryview`, a NumPy array), what would change
    or end it raises `BufferError`. `with` closes at the end of the block. Any thread may use a mapping.

    Upstream: none; what its six types have in common.

    Examples:
        >>> isinstance(MmapOptions(4096).map(), Mapping), isinstance(b"", Mapping)
        (True, False)
    """

    @property
    def closed(self) -> bool:
        """Whether the mapping was closed or consumed, a bool."""
    def start(self) -> int:
        """Return the first address of the mapping, an int.

        Upstream: `start`.
        """
    def end(self) -> int:
        """Return the address after the last byte, an int: `start() + size()`.

        Upstream: `end`.
        """
    def as_ptr(self) -> int:
        """Return the address of the first byte, an int, for ctypes and the like.

        Nothing keeps the address valid but the mapping itself: it ends when that is closed or consumed. A
        memoryview keeps the memory.

        Upstream: `as_ptr`.
        """
    def as_mut_ptr(self) -> int:
        """Return the address of the first byte, an int: the same as `as_ptr()`.

        Writing through it needs memory that is writable.

        Upstream: `as_mut_ptr`.
        """
    def size(self) -> int:
        """Return the length in bytes, an int.

        Upstream: `size`.
        """
    def len(self) -> int:
        """Return the length in bytes, an int, as `len(m)` does.

        Upstream: `len`.
        """
    def is_empty(self) -> bool:
        """Tell whether the length is 0, which it never is.

        Upstream: `is_empty`.
        """
    def merge(self, other: Self) -> None:
        """Take `other`, which begins where this mapping ends, as this one's end; `other` is consumed.

        Args:
            other: a mapping of the same class.

        Raises:
            TypeError: if it is of another class.
            MustBeAdjacentError: if it does not begin where this one ends.
            AttributeMismatchError: if the two differ in protection, flags or page size.
            BackingMismatchError: if they are not both anonymous, nor the same file continued at the right offset
                with the same share mode.
            BufferError: while either has buffers.

        Upstream: `merge`.

        Examples:
            >>> page = MmapOptions.page_size()
            >>> low = MmapOptions(2 * page).map_mut()
            >>> high = low.split_off(page)
            >>> low.merge(high)
            >>> low.size() == 2 * page
            True
        """
    def split_off(self, at: SupportsIndex) -> Self:
        """Cut off and return what lies from byte `at` on; this mapping keeps the bytes before it.

        Args:
            at: an int of bytes, a multiple of the page size with `0 < at < size()`.

        Raises:
            InvalidOffsetError: if it is not.
            BufferError: while buffers are alive.

        Upstream: `split_off`.

        Examples:
            >>> low = MmapOptions(1 << 20).map_mut()
            >>> high = low.split_off(1 << 16)
            >>> low.size(), high.size(), low.end() == high.start()
            (65536, 983040, True)
        """
    def split_to(self, at: SupportsIndex) -> Self:
        """Cut off and return the bytes before `at`; this mapping keeps what lies from `at` on.

        Args:
            at: an int of bytes, a multiple of the page size with `0 < at < size()`.

        Raises:
            InvalidOffsetError: if it is not.
            BufferError: while buffers are alive.

        Upstream: `split_to`.
        """
    def make_none(self) -> Mapping:
        """Make the memory inaccessible; consume this object and return the new one.

        Raises:
            BufferError: while buffers are alive.
            InvalidOperationError: on Apple Silicon, for memory of `UnsafeMmapFlags.JIT` that is writable and
                executable: the system keeps it so.
            SystemCallError: if the system refuses (mprotect(2)). In all cases this object is as before.

        Upstream: `make_none`.
        """
    def make_read_only(self) -> Mapping:
        """Make the memory readable only; consume this object and return the new one.

        Errors are those of `make_none()`.

        Upstream: `make_read_only`.

        Examples:
            >>> writable = MmapOptions(4096).map_mut()
            >>> frozen = writable.make_read_only()
            >>> writable
            <mmap_rs.MmapMut consumed by make_read_only>
        """
    def make_exec(self) -> Mapping:
        """Make the memory readable and executable, and flush the instruction cache.

        Consumes this object and returns the new one. Errors are those of `make_none()`. Raises the audit event
        `mmap_rs.exec` with address and size.

        Upstream: `make_exec`.

        Examples:
            >>> code = MmapOptions(4096).map_mut().make_exec()
            >>> type(code).__name__, code.is_executable()
            ('Mmap', True)
        """
    def make_exec_no_flush(self) -> Mapping:
        """Make the memory readable and executable, without flushing the instruction cache.

        Consumes this object and returns the new one. Errors are those of `make_none()`. Raises the audit event
        `mmap_rs.exec` with address and size.

        Safety:
            On processors whose caches are not coherent (Arm, AArch64) the processor may run what was in the memory
            before. Call `flush_icache()` before you run code from it.

        Upstream: `make_exec_no_flush`.
        """
    def make_mut(self) -> Mapping:
        """Make the memory readable and writable; consume this object and return the new one.

        Raises:
            PermissionError: for a shared mapping of a file that was opened for reading only. Other errors are
                those of `make_none()`.

        Upstream: `make_mut`.

        Examples:
            >>> m = MmapOptions(4096).map().make_mut()
            >>> m[0] = 1
        """
    def make_exec_mut(self) -> Mapping:
        """Make the memory readable, writable and executable; consume this object and return the new one.

        Raises:
            UnsafeFlagNeededError: if it was not mapped with `UnsafeMmapFlags.JIT`. Other errors are those of
                `make_none()`.

        Safety:
            Memory that can be written and executed helps an attacker: prefer to write first (`make_mut()`) and
            then execute (`make_exec()`). Call `flush_icache()` after writing code and before running it.

        Upstream: `make_exec_mut`.
        """
    def faulted(self) -> bool:
        """Tell whether the system could not provide a page, so that the fault guard put zeros in its place.

        Always `False` without `MmapOptions.with_fault_guard()`.

        Upstream: none.
        """
    def close(self, *, defer: bool = False) -> None:
        """Give the memory back now; do nothing if the mapping was closed or consumed before.

        Args:
            defer: if true, never wait for buffers: the mapping is consumed now, and its memory unmapped when
                the last buffer over it goes.

        Raises:
            BufferError: while buffers over it are alive, without `defer`; nothing has changed then.
            SystemCallError: if the system refuses (munmap(2)); the mapping is then as before.

        Upstream: none; dropping the object.

        Examples:
            >>> m = MmapOptions(4096).map_mut()
            >>> view = memoryview(m)
            >>> m.close(defer=True)
            >>> m.closed, view[0]
            (True, 0)
            >>> view.release()
        """
    def __len__(self) -> int: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...
    def __copy__(self) -> Never: ...
    def __deepcopy__(self, memo: object, /) -> Never: ...

class _Mapped(Mapping):
    """What the mapped classes `MmapNone`, `Mmap` and `MmapMut` have beyond the reserved ones."""

    def lock(self) -> None:
        """Keep the pages in physical memory, so that no access waits for them (mlock(2)).

        Raises:
            SystemCallError: if the system refuses: beyond `RLIMIT_MEMLOCK`, or for an `MmapNone`, whose pages
                can't be brought in.

        Upstream: `lock`.

        Examples:
            >>> m = MmapOptions(4096).map_mut()
            >>> try:
            ...     m.lock()
            ... except OSError:
            ...     pass  # RLIMIT_MEMLOCK is smaller
            ... else:
            ...     m.unlock()
        """
    def unlock(self) -> None:
        """Let the pages go out of physical memory again (munlock(2)).

        Raises:
            SystemCallError: if the system refuses.

        Upstream: `unlock`.

        Examples:
            >>> MmapOptions(4096).map_mut().unlock()  # what is not locked may be unlocked
        """
    def flush(self, range: _Range | None = None) -> None:
        """Write changed bytes to the file, and wait until they are there (msync(2), MS_SYNC).

        Only shared maps of files have something to write.

        Args:
            range: a `range` or `slice` in bytes from the start of the mapping, widened to whole pages; without it
                the whole mapping.

        Raises:
            InvalidOffsetError: if the range leaves the mapping or ends before it starts.
            SystemCallError: if the system refuses.

        Upstream: `flush`.

        Examples:
            >>> m = MmapOptions(8192).map_mut()
            >>> m.flush(range(10, 20))
            >>> m.flush(slice(4096, None))
        """
    def flush_async(self, range: _Range | None = None) -> None:
        """Begin to write changed bytes to the file, without waiting (msync(2), MS_ASYNC).

        Takes and raises what `flush()` does.

        Upstream: `flush_async`.

        Examples:
            >>> MmapOptions(4096).map_mut().flush_async(range(0, 100))
        """
    def flush_icache(self) -> None:
        """Make the instruction cache see what was written, where the processor needs it.

        Upstream: `flush_icache`.

        Examples:
            >>> code = MmapOptions(4096).map_mut().make_exec_no_flush()
            >>> code.flush_icache()
        """
    def advise(self, flags: MmapFlags, range: _Range | None = None) -> None:
        """Tell the kernel how the memory will be used (madvise(2)).

        It does nothing where the system has no such advice.

        Args:
            flags: those of `MmapFlags` that are advice: `NO_CORE_DUMP`, `TRANSPARENT_HUGE_PAGES`, `SEQUENTIAL`,
                `RANDOM_ACCESS`, `WILLNEED`, `DONTNEED`. With `DONTNEED`, private pages lose what was written under
                Linux and Android; other systems keep it.
            range: as for `flush()`.

        Raises:
            InvalidOperationError: if another flag is among them.
            InvalidOffsetError: if the range leaves the mapping or ends before it starts.
            SystemCallError: if the system refuses. Several are given in the order of this list, and those before the
                refused one stay given.

        Upstream: none; upstream gives advice only when it maps.

        Examples:
            >>> m = MmapOptions(1 << 20).map_mut()
            >>> m.advise(MmapFlags.SEQUENTIAL | MmapFlags.WILLNEED)
        """
    def make_none(self) -> MmapNone: ...
    def make_read_only(self) -> Mmap: ...
    def make_exec(self) -> Mmap: ...
    def make_exec_no_flush(self) -> Mmap: ...
    def make_mut(self) -> MmapMut: ...
    def make_exec_mut(self) -> MmapMut: ...

# Python 3.11 has no __buffer__ at run time; there the base alone says that this is a buffer.
class _Bytes(_Mapped, Buffer):
    """What `Mmap` and `MmapMut` have as memory whose bytes can be read."""

    if sys.version_info >= (3, 12):
        def __buffer__(self, flags: int, /) -> memoryview: ...

    def as_slice(self) -> memoryview:
        """Return a read-only `memoryview` of the whole mapping, without a copy.

        While it lives the mapping can't be closed or changed.

        Raises:
            ConsumedError: if the mapping is closed or consumed.

        Upstream: `as_slice`.

        Examples:
            >>> m = MmapOptions(4096).map_mut()
            >>> with m.as_slice() as view:
            ...     view.readonly, view.nbytes
            (True, 4096)
        """
    def as_file(self) -> MappingFile:
        r"""Return a seekable binary file object over the mapping, for what wants a file.

        It is writable for an `MmapMut`, and never grows. While it is open the mapping can't be closed or changed.

        Upstream: none.

        Examples:
            >>> m = MmapOptions(4096).map_mut()
            >>> m[0:12] = b"one\ntwo\nend\n"
            >>> with m.as_file() as file:
            ...     file.readline(), file.readline()
            (b'one\n', b'two\n')
        """
    def is_executable(self) -> bool:
        """Tell whether the memory can be executed.

        Upstream: none; upstream's types do not tell either.
        """
    def function(
        self,
        restype: type[_CDataType] | None,
        *argtypes: type[_CDataType] | _FromParam,
        offset: SupportsIndex = 0,
    ) -> _CFunctionType:
        """Return a ctypes callable for the machine code at `offset`.

        While the callable lives, the mapping can't be closed or changed. Raises the audit event
        `mmap_rs.function` with the address.

        Args:
            restype: the ctypes type of the result, or `None`.
            argtypes: the ctypes types of the arguments.
            offset: where the code begins, in bytes from the start of the mapping.

        Raises:
            InvalidOperationError: if the memory is not executable.
            InvalidOffsetError: if `offset` is outside of the mapping.
            TypeError: if a type is none of ctypes.

        Safety:
            Calling it runs whatever the bytes are. They must be code for this processor that follows the calling
            convention of C with these types.

        Upstream: none; there one transmutes the pointer.
        """
    def jit_write(self) -> AbstractContextManager[object]:
        """Return a context in which this thread may write memory made with `UnsafeMmapFlags.JIT`.

        On Apple Silicon such memory is executable or writable for a thread, never both; leaving the last context of the
        thread makes it executable again. Outside of it a method that writes raises `InvalidOperationError`, and a
        write through a buffer ends the process. On other systems it does nothing.

        Upstream: none.
        """
    def __contains__(self, key: SupportsIndex | Buffer, /) -> bool: ...
    def __iter__(self) -> Iterator[int]: ...
    def __reversed__(self) -> Iterator[int]: ...
    def find(
        self,
        sub: Buffer | SupportsIndex,
        start: SupportsIndex | None = None,
        end: SupportsIndex | None = None,
        /,
    ) -> int:
        """Return the lowest index where `sub` is found within `[start:end]`, an int, or -1.

        Args:
            sub: a bytes-like object, or an int of 0 to 255.
            start: where to begin, an index as of a slice.
            end: where to stop, an index as of a slice.

        Raises:
            ValueError: if `sub` is an int outside of 0 to 255.

        Upstream: none; as `bytes.find`.

        Examples:
            >>> m = MmapOptions(4096).map_mut()
            >>> m[10:14] = b"blue"
            >>> m.find(b"blue"), m.find(b"blue", 11), m.find(0xFF)
            (10, -1, -1)
        """
    def rfind(
        self,
        sub: Buffer | SupportsIndex,
        start: SupportsIndex | None = None,
        end: SupportsIndex | None = None,
        /,
    ) -> int:
        """Return the highest index where `sub` is found within `[start:end]`, an int, or -1.

        Arguments are those of `find()`.

        Upstream: none; as `bytes.rfind`.
        """
    def index(
        self,
        sub: Buffer | SupportsIndex,
        start: SupportsIndex | None = None,
        end: SupportsIndex | None = None,
        /,
    ) -> int:
        """Return the lowest index where `sub` is found within `[start:end]`, an int.

        Arguments are those of `find()`.

        Raises:
            ValueError: if it is not found.

        Upstream: none; as `bytes.index`.
        """
    def rindex(
        self,
        sub: Buffer | SupportsIndex,
        start: SupportsIndex | None = None,
        end: SupportsIndex | None = None,
        /,
    ) -> int:
        """Return the highest index where `sub` is found within `[start:end]`, an int.

        Arguments are those of `find()`.

        Raises:
            ValueError: if it is not found.

        Upstream: none; as `bytes.rindex`.
        """
    def count(
        self,
        sub: Buffer | SupportsIndex,
        start: SupportsIndex | None = None,
        end: SupportsIndex | None = None,
        /,
    ) -> int:
        """Return how often `sub` is found within `[start:end]` without overlaps, an int.

        Arguments are those of `find()`.

        Upstream: none; as `bytes.count`.
        """
    def startswith(
        self,
        prefix: Buffer | tuple[Buffer, ...],
        start: SupportsIndex | None = None,
        end: SupportsIndex | None = None,
        /,
    ) -> bool:
        """Tell whether the bytes of `[start:end]` begin with `prefix`.

        Args:
            prefix: a bytes-like object, or a tuple of such of which one is enough.
            start: where to begin, an index as of a slice.
            end: where to stop, an index as of a slice.

        Upstream: none; as `bytes.startswith`.

        Examples:
            >>> m = MmapOptions(4096).map_mut()
            >>> m[0:4] = b"PK34"
            >>> m.startswith((b"GIF", b"PK")), m.startswith(b"34", 2)
            (True, True)
        """
    def endswith(
        self,
        suffix: Buffer | tuple[Buffer, ...],
        start: SupportsIndex | None = None,
        end: SupportsIndex | None = None,
        /,
    ) -> bool:
        """Tell whether the bytes of `[start:end]` end with `suffix`.

        Args:
            suffix: a bytes-like object, or a tuple of such of which one is enough.
            start: where to begin, an index as of a slice.
            end: where to stop, an index as of a slice.

        Upstream: none; as `bytes.endswith`.
        """

@final
class MmapNone(_Mapped):
    """Mapped memory that can't be accessed: any access to it ends the process.

    Made by `MmapOptions.map_none()` or by `make_none()` of another mapping. It is good for guard pages, and leads
    on by `make_read_only()`, `make_mut()` and the like.

    Upstream: `mmap_rs::MmapNone`.

    Examples:
        >>> guard = MmapOptions(4096).map_none()
        >>> guard.make_mut()[0]
        0
    """

    @staticmethod
    def try_from(other: ReservedNone) -> MmapNone:
        """Make an `MmapNone` from another mapping, which is consumed.

        Args:
            other: a `ReservedNone`, which is committed.

        Raises:
            TypeError: if it is of another class.
            BufferError: while buffers over it are alive.
            SystemCallError: if the system refuses. In all cases `other` is as before.

        Upstream: `MmapNone: TryFrom`.

        Examples:
            >>> rest = MmapOptions(1 << 20).reserve_none()
            >>> MmapNone.try_from(rest).size() == 1 << 20
            True
        """

@final
class Mmap(_Bytes):
    r"""Readable memory, perhaps executable.

    Made by `MmapOptions.map()`, `map_exec()`, or by `make_read_only()` or `make_exec()` of another mapping. It has
    the buffer protocol, indexing, slices and search as `bytes` has.

    Upstream: `mmap_rs::Mmap`.

    Examples:
        >>> m = MmapOptions(4096).map()
        >>> m[0], m[0:3], len(m), 0 in m
        (0, b'\x00\x00\x00', 4096, True)
    """

    @staticmethod
    def try_from(other: MmapMut | MmapNone | Reserved) -> Mmap:
        """Make an `Mmap` from another mapping, which is consumed.

        Args:
            other: an `MmapMut` or `MmapNone`, which is made read-only, or a `Reserved`, which is committed.

        Raises:
            TypeError: if it is of another class.
            BufferError: while buffers over it are alive.
            SystemCallError: if the system refuses. In all cases `other` is as before.

        Upstream: `Mmap: TryFrom`.

        Examples:
            >>> m = MmapOptions(4096).map_mut()
            >>> m[0] = 7
            >>> Mmap.try_from(m)[0], m.closed
            (7, True)
        """
    @overload
    def __getitem__(self, key: SupportsIndex, /) -> int: ...
    @overload
    def __getitem__(self, key: _Slice, /) -> bytes: ...

@final
class MmapMut(_Bytes):
    """Writable memory, perhaps executable.

    Made by `MmapOptions.map_mut()`, `map_exec_mut()`, or by `make_mut()` of another mapping. It has the buffer
    protocol, indexing, slices and assignment as `bytearray` has, but a fixed length.

    Upstream: `mmap_rs::MmapMut`.

    Examples:
        >>> m = MmapOptions(4096).map_mut()
        >>> m[0:5] = b"hello"
        >>> m[0], m[4:0:-1], b"ell" in m
        (104, b'olle', True)
    """

    @staticmethod
    def try_from(other: Mmap | MmapNone | ReservedMut) -> MmapMut:
        """Make an `MmapMut` from another mapping, which is consumed.

        Args:
            other: an `Mmap` or `MmapNone`, which is made writable, or a `ReservedMut`, which is committed.

        Raises:
            TypeError: if it is of another class.
            BufferError: while buffers over it are alive.
            SystemCallError: if the system refuses. In all cases `other` is as before.

        Upstream: `MmapMut: TryFrom`.

        Examples:
            >>> m = MmapMut.try_from(MmapOptions(1 << 20).reserve_mut())
            >>> m[0] = 1
        """
    def as_mut_slice(self) -> memoryview:
        """Return a writable `memoryview` of the whole mapping, without a copy.

        While it lives the mapping can't be closed or changed.

        Raises:
            ConsumedError: if the mapping is closed or consumed.

        Upstream: `as_mut_slice`.

        Examples:
            >>> m = MmapOptions(4096).map_mut()
            >>> with m.as_mut_slice() as view:
            ...     view[0] = 7
            >>> m[0]
            7
        """
    def fill(self, value: SupportsIndex, range: _Range | None = None) -> None:
        r"""Set all bytes, or those of a range, to `value`.

        Args:
            value: an int of 0 to 255.
            range: a `range` or `slice` in bytes from the start of the mapping; without it the whole mapping.

        Raises:
            InvalidOffsetError: if the range leaves the mapping or ends before it starts.
            ValueError: if `value` is not in 0 to 255.

        Upstream: `fill` of Rust's slices.

        Examples:
            >>> m = MmapOptions(4096).map_mut()
            >>> m.fill(0xFF, range(2, 4))
            >>> m[0:6]
            b'\x00\x00\xff\xff\x00\x00'
        """
    def copy_from_slice(self, src: Buffer) -> None:
        """Replace all bytes by those of `src`, which must be as long as the mapping.

        Args:
            src: a bytes-like object.

        Raises:
            InvalidSizeError: if it has another length.

        Upstream: `copy_from_slice` of Rust's slices.

        Examples:
            >>> m = MmapOptions(5).map_mut()
            >>> m.copy_from_slice(b"hello")
            >>> m[:]
            b'hello'
        """
    def copy_within(self, src_range: _Range, dest: SupportsIndex) -> None:
        """Copy a range of the bytes to another place in the mapping; the two may overlap.

        Args:
            src_range: a `range` or `slice` in bytes from the start of the mapping.
            dest: the index to copy to, in bytes.

        Raises:
            InvalidOffsetError: if either leaves the mapping.

        Upstream: `copy_within` of Rust's slices.

        Examples:
            >>> m = MmapOptions(4096).map_mut()
            >>> m[0:4] = b"abcd"
            >>> m.copy_within(range(0, 4), 2)
            >>> m[0:6]
            b'ababcd'
        """
    @overload
    def __getitem__(self, key: SupportsIndex, /) -> int: ...
    @overload
    def __getitem__(self, key: _Slice, /) -> bytes: ...
    @overload
    def __setitem__(self, key: SupportsIndex, value: SupportsIndex, /) -> None: ...
    @overload
    def __setitem__(self, key: _Slice, value: Buffer, /) -> None: ...

@final
class ReservedNone(Mapping):
    """Reserved address space that can't be accessed, with no memory behind it yet.

    Made by `MmapOptions.reserve_none()` or by `make_none()` of another reserved one. `MmapNone.try_from()` commits
    it.

    Upstream: `mmap_rs::ReservedNone`.

    Examples:
        >>> rest = MmapOptions(1 << 30).reserve_none()
        >>> guard = MmapNone.try_from(rest.split_to(1 << 16))
        >>> guard.end() == rest.start()
        True
    """

    def make_none(self) -> ReservedNone: ...
    def make_read_only(self) -> Reserved: ...
    def make_exec(self) -> Reserved: ...
    def make_exec_no_flush(self) -> Reserved: ...
    def make_mut(self) -> ReservedMut: ...
    def make_exec_mut(self) -> ReservedMut: ...

@final
class Reserved(Mapping):
    """Reserved readable address space, with no memory behind it yet.

    Made by `MmapOptions.reserve()`, `reserve_exec()`, or by `make_read_only()` or `make_exec()` of another reserved
    one. `Mmap.try_from()` commits it.

    Upstream: `mmap_rs::Reserved`.

    Examples:
        >>> m = Mmap.try_from(MmapOptions(1 << 20).reserve())
        >>> m[0]
        0
    """

    @staticmethod
    def try_from(other: ReservedMut | ReservedNone) -> Reserved:
        """Make a `Reserved` from another mapping, which is consumed.

        Args:
            other: a `ReservedMut` or `ReservedNone`, which is made read-only.

        Raises:
            TypeError: if it is of another class.
            BufferError: while buffers over it are alive.
            SystemCallError: if the system refuses. In all cases `other` is as before.

        Upstream: `Reserved: TryFrom`.

        Examples:
            >>> rest = MmapOptions(1 << 20).reserve_mut()
            >>> Reserved.try_from(rest).size() == 1 << 20
            True
        """
    def make_none(self) -> ReservedNone: ...
    def make_read_only(self) -> Reserved: ...
    def make_exec(self) -> Reserved: ...
    def make_exec_no_flush(self) -> Reserved: ...
    def make_mut(self) -> ReservedMut: ...
    def make_exec_mut(self) -> ReservedMut: ...

@final
class ReservedMut(Mapping):
    """Reserved writable address space, with no memory behind it yet.

    Made by `MmapOptions.reserve_mut()`, `reserve_exec_mut()`, or by `make_mut()` of another reserved one.
    `MmapMut.try_from()` commits it.

    Upstream: `mmap_rs::ReservedMut`.

    Examples:
        >>> m = MmapMut.try_from(MmapOptions(1 << 20).reserve_mut())
        >>> m[0] = 1
    """

    @staticmethod
    def try_from(other: Reserved | ReservedNone) -> ReservedMut:
        """Make a `ReservedMut` from another mapping, which is consumed.

        Args:
            other: a `Reserved` or `ReservedNone`, which is made writable.

        Raises:
            TypeError: if it is of another class.
            BufferError: while buffers over it are alive.
            SystemCallError: if the system refuses. In all cases `other` is as before.

        Upstream: `ReservedMut: TryFrom`.

        Examples:
            >>> rest = MmapOptions(1 << 20).reserve_none()
            >>> head = MmapMut.try_from(ReservedMut.try_from(rest))
            >>> head[0] = 1
        """
    def make_none(self) -> ReservedNone: ...
    def make_read_only(self) -> Reserved: ...
    def make_exec(self) -> Reserved: ...
    def make_exec_no_flush(self) -> Reserved: ...
    def make_mut(self) -> ReservedMut: ...
    def make_exec_mut(self) -> ReservedMut: ...

@final
class MemoryArea:
    """A memory area of a process: addresses that are mapped alike. Immutable, equal by value.

    `address in area` tells whether an address lies in it.

    Upstream: `mmap_rs::MemoryArea`.

    Examples:
        >>> m = MmapOptions(4096).map_mut()
        >>> area = MemoryAreas.query(m.start())
        >>> m.start() in area, area.start() <= m.start() < area.end()
        (True, True)
    """

    def allocation_base(self) -> int:
        """Return the address where the allocation that the area is part of begins, an int.

        Upstream: `MemoryArea::allocation_base`.

        Examples:
            >>> area = next(MemoryAreas.open())
            >>> area.allocation_base() <= area.start()
            True
        """
    def range(self) -> _range:
        """Return the addresses, a `range`.

        Upstream: `MemoryArea::range`.

        Examples:
            >>> area = next(MemoryAreas.open())
            >>> len(area.range()) == area.end() - area.start()
            True
        """
    def start(self) -> int:
        """Return the first address, an int.

        Upstream: `MemoryArea::start`.
        """
    def end(self) -> int:
        """Return the address after the last, an int.

        Upstream: `MemoryArea::end`.
        """
    def protection(self) -> Protection:
        """Return what may be done with the bytes, a `Protection`.

        Upstream: `MemoryArea::protection`.

        Examples:
            >>> code = [area for area in MemoryAreas.open() if Protection.EXECUTE in area.protection()]
            >>> len(code) > 0
            True
        """
    def share_mode(self) -> ShareMode:
        """Return whether changes are shared: `ShareMode.Shared` or `ShareMode.Private`.

        FreeBSD does not tell it of memory that is of no file, which is `ShareMode.Private` there.

        Upstream: `MemoryArea::share_mode`.

        Examples:
            >>> m = MmapOptions(4096).map_mut()
            >>> MemoryAreas.query(m.start()).share_mode()
            <ShareMode.Private: 0>
        """
    def path(self) -> Path | None:
        """Return the `pathlib.Path` of the file, or the system's own name such as `[heap]`, or `None`.

        Under Linux a file that has no name any more has " (deleted)" at the end.

        Upstream: `MemoryArea::path`.

        Examples:
            >>> libraries = {area.path() for area in MemoryAreas.open() if area.path()}
            >>> len(libraries) > 0
            True
        """
    def file_offset(self) -> int | None:
        """Return where in the file the area begins, in bytes, an int; `None` where it has no path.

        Upstream: `MemoryArea::file_offset`.

        Examples:
            >>> all(area.file_offset() >= 0 for area in MemoryAreas.open() if area.path())
            True
        """
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: object, /) -> Self: ...
    def __contains__(self, address: SupportsIndex, /) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class MemoryAreas:
    """An iterator over `MemoryArea`s (upstream: `mmap_rs::MemoryAreas`). It has no constructor; see `open()`.

    The list is read while it is iterated, in pieces. Areas come by ascending address and never overlap. What is mapped
    all the time is in the list, if maybe in parts; what changes meanwhile may be seen as it was, as it is, or not at
    all. If another process ends before its list, that is `ProcessLookupError`.

    It may be abandoned at any time, and holds nothing open after its end; `close()` or `with` ends it at once. A child
    of `fork` can't go on with it: `InvalidOperationError`.

    Examples:
        >>> with MemoryAreas.open() as areas:
        ...     first = next(areas)
        >>> first.start() < first.end()
        True
    """

    @staticmethod
    def open(pid: SupportsIndex | None = None) -> MemoryAreas:
        """Return all areas of a process.

        Args:
            pid: the process id, or `None` for this process.

        Raises:
            ProcessLookupError: if there is no such process.
            PermissionError: if it is not ours to look at: on macOS that takes root or an entitlement, on iOS it is every
                other process.
            InvalidOperationError: from a 32-bit Python on Windows, for a 64-bit process.

        Upstream: `MemoryAreas::open`.

        Examples:
            >>> sum(len(area.range()) for area in MemoryAreas.open()) > 1 << 20
            True
        """
    @staticmethod
    def query(address: SupportsIndex) -> MemoryArea | None:
        """Return the area of an address in this process, or `None`.

        Args:
            address: an int.

        Raises:
            SystemCallError: if the system does not tell; also the matching `OSError`.

        Upstream: `MemoryAreas::query`.

        Examples:
            >>> m = MmapOptions(4096).map()
            >>> area = MemoryAreas.query(m.start())
            >>> m.start() in area, area.protection()
            (True, <Protection.READ: 1>)
        """
    @staticmethod
    def query_range(range: _Range) -> MemoryAreas:
        """Return the areas of this process that meet a range of addresses.

        Args:
            range: a `range` or `slice` of addresses.

        Raises:
            InvalidOffsetError: if it ends before it starts.
            SystemCallError: if the system does not tell; also the matching `OSError`.

        Upstream: `MemoryAreas::query_range`.

        Examples:
            >>> m = MmapOptions(4096).map()
            >>> len(list(MemoryAreas.query_range(range(m.start(), m.end()))))
            1
        """
    @staticmethod
    def query_process(pid: SupportsIndex | None, address: SupportsIndex) -> MemoryArea | None:
        """Return the area of an address in a process, or `None`.

        Args:
            pid: the process id, or `None` for this process.
            address: an int.

        Raises:
            ProcessLookupError: if there is no such process.
            PermissionError: if it is not ours to look at.

        Upstream: `MemoryAreas::query_process`.

        Examples:
            >>> import os
            >>> m = MmapOptions(4096).map()
            >>> m.start() in MemoryAreas.query_process(os.getpid(), m.start())
            True
        """
    @staticmethod
    def query_process_range(pid: SupportsIndex | None, range: _Range) -> MemoryAreas:
        """Return the areas of a process that meet a range of addresses.

        Args:
            pid: the process id, or `None` for this process.
            range: a `range` or `slice` of addresses.

        Raises:
            InvalidOffsetError: if the range ends before it starts.
            ProcessLookupError: if there is no such process.
            PermissionError: if it is not ours to look at.

        Upstream: `MemoryAreas::query_process_range`.

        Examples:
            >>> import os
            >>> m = MmapOptions(4096).map()
            >>> [area.protection() for area in MemoryAreas.query_process_range(os.getpid(), range(m.start(), m.end()))]
            [<Protection.READ: 1>]
        """
    def __iter__(self) -> Self: ...
    def __next__(self) -> MemoryArea: ...
    def close(self) -> None:
        """End the iteration, and close what it holds open. Waits for another thread that reads.

        Upstream: none.

        Examples:
            >>> areas = MemoryAreas.open()
            >>> areas.close()
            >>> list(areas)
            []
        """
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...

def _areas_by_text(pid: SupportsIndex | None, range: _Range) -> MemoryAreas:
    """Return the areas of a range as they are found on a system without look-ups; for tests."""
