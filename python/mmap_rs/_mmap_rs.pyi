"""The compiled part of the package."""
# ruff: noqa: A002 - the parameters have the names of the Rust crate

import sys
from builtins import range as _range
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from ctypes import _CDataType, _CFunctionType
from pathlib import Path
from types import TracebackType
from typing import (
    Any,
    ClassVar,
    Never,
    Protocol,
    Self,
    SupportsIndex,
    TypeAlias,
    final,
    overload,
    type_check_only,
)

from _typeshed import FileDescriptorLike, StrOrBytesPath
from typing_extensions import Buffer, disjoint_base

from mmap_rs._file import MappingFile
from mmap_rs._flags import (
    Inherit,
    MmapFlags,
    PageSizes,
    Protection,
    Seals,
    ShareMode,
    UnsafeMmapFlags,
)

__all__ = [
    "_C_API",
    "AreaUsage",
    "Mapping",
    "MemoryArea",
    "MemoryAreas",
    "MemoryFile",
    "Mmap",
    "MmapMut",
    "MmapNone",
    "MmapOptions",
    "PageSize",
    "Reserved",
    "ReservedMut",
    "ReservedNone",
    "__upstream_version__",
    "__version__",
    "_areas_by_text",
    "_map_made",
    "_sent",
    "flag_bits",
]

__version__: str
__upstream_version__: str
flag_bits: dict[str, dict[str, int]]
_C_API: object

_Slice: TypeAlias = slice[SupportsIndex | None, SupportsIndex | None, SupportsIndex | None]
_Range: TypeAlias = _range | _Slice
_File: TypeAlias = FileDescriptorLike | StrOrBytesPath

class _FromParam(Protocol):
    def from_param(self, value: Any, /) -> Any: ...

@final
class PageSize:
    """A page size of `2**log2` bytes. Immutable, ordered, hashable.

    The constants `PageSize._4K` to `PageSize._16G` are upstream's. Not every system offers all of them:
    `MmapOptions.page_sizes()` returns those on offer.

    Args:
        log2: the base-2 logarithm of the size, an int: 12 for 4 KiB.

    Raises:
        InvalidSizeError: if the size does not fit into 64 bits.

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
        """The base-2 logarithm of the size, an int.

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
            InvalidSizeError: if `n` is not a power of two.

        Upstream: none.

        Examples:
            >>> PageSize.from_bytes(4096)
            PageSize._4K
        """
    @staticmethod
    def try_from(page_sizes: PageSizes) -> PageSize:
        """Return the single page size in a `PageSizes`.

        Raises:
            InvalidSizeError: if it contains none, or more than one.
            ValueError: if bits are unknown.

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
class MemoryFile:
    """A file that exists only in memory. It can be mapped several times and sent to other processes.

    `MmapOptions.for_file()` and `with_file()` take it. Two mappings of it with `MmapFlags.SHARED` are the same memory,
    with different addresses and protections. The file is freed when nothing uses it any more. A mapping keeps its
    bytes, even after `close()`. Through `multiprocessing` it can be sent to another process, and so can a shared
    mapping of it.

    Linux, Android and FreeBSD make it by memfd_create(2), macOS and iOS as a shared memory object without a name, Windows as
    a section of the page file.

    Args:
        size: its size in bytes, an int.
        name: a str that the system shows in its lists, with the others of this process; `None` for none.
        page_size: a `PageSize` of huge pages; by default base pages.

    Raises:
        InvalidSizeError: if `size` is 0, not a multiple of `page_size`, or the system has no such pages.
        InvalidOperationError: if `name` is longer than 200 bytes or contains a null character.
        UnicodeEncodeError: if `name` contains surrogates.
        SystemCallError: if the system refuses.

    Upstream: none. Source: memfd_create(2), shm_open(3), CreateFileMappingW.

    Examples:
        >>> size = MmapOptions.allocation_granularity()
        >>> with MemoryFile(size, name="example") as file:
        ...     options = MmapOptions.for_file(file).with_flags(MmapFlags.SHARED)
        ...     writable, readable = options.map_mut(), options.map()
        >>> writable[:5] = b"hello"
        >>> readable[:5]
        b'hello'
    """

    def __new__(
        cls, size: SupportsIndex, *, name: str | None = None, page_size: PageSize | None = None
    ) -> MemoryFile: ...
    def size(self) -> int:
        """Return the size in bytes, an int.

        Raises:
            ValueError: if the file is closed.

        Upstream: none.
        """

    def resize(self, size: SupportsIndex) -> None:
        """Give the file another size; new bytes are zero.

        A mapping of it keeps its length: see `Mmap.resize()`. Accessing a page of it that the file no longer has ends the
        process, unless the mapping has a fault guard.

        Args:
            size: the new size in bytes, an int.

        Raises:
            InvalidSizeError: if `size` is 0, or not a multiple of the file's huge pages.
            InvalidOperationError: on Windows.
            SystemCallError: if the system refuses: if a seal forbids it; on macOS and iOS, which set the size once, when
                the file is made.
            ValueError: if the file is closed.

        Upstream: none. Source: ftruncate(2).
        """

    def fileno(self) -> int:
        """Return the descriptor, an int; it belongs to this object.

        Raises:
            InvalidOperationError: on Windows, where it has none.
            ValueError: if the file is closed.

        Upstream: none.
        """

    @property
    def name(self) -> str | None:
        """The name that it was given, a str; `None` if it has none, or is closed."""

    def seal(self, seals: Seals) -> None:
        """Permanently forbid operations on the file, for every process that uses it.

        Args:
            seals: a `Seals`: `SHRINK`, `GROW` (its size), `WRITE` (all writes; refused while a writable shared mapping
                exists), `FUTURE_WRITE` (writes, except through mappings that already exist), `EXEC` (its mode), `SEAL`
                (more seals).

        Raises:
            TypeError, ValueError: if `seals` is something else.
            InvalidOperationError: on macOS, iOS and Windows.
            SystemCallError: if the system refuses.

        Upstream: none. Source: fcntl(2), `F_ADD_SEALS`.
        """

    def seals(self) -> Seals:
        """Return the seals that are set, a `Seals`.

        Raises:
            InvalidOperationError: on macOS, iOS and Windows.
            ValueError: if the file is closed.

        Upstream: none. Source: fcntl(2), `F_GET_SEALS`.
        """

    def close(self) -> None:
        """Close the file; do nothing if it is closed. Mappings of it keep its bytes.

        Upstream: none.
        """

    @property
    def closed(self) -> bool:
        """Whether the file was closed, a bool."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_args: object) -> None: ...
    def __copy__(self) -> Never: ...
    def __deepcopy__(self, _memo: object, /) -> Never: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def _clone(self) -> MemoryFile:
        """Return another object for the same open file, which stays open when this one is closed."""
    def _number(self) -> int:
        """Return the number of the descriptor, or of the handle of the section."""
    @staticmethod
    def _of_number(number: int, name: str | None, size: int) -> MemoryFile:
        """Return the file that another process has sent; takes the descriptor or handle over."""

@final
class MmapOptions:
    """The description of a mapping of `size` bytes: address, file, flags, page size.

    Immutable: each `with_*` method returns new options, and one object may make many mappings. The methods
    `map*()` make a mapping, the methods `reserve*()` reserve address space without memory.

    Args:
        size: the length in bytes, an int. The system rounds what it maps up to whole pages.

    Raises:
        InvalidSizeError: if `size` is 0.
        OverflowError: if `size` is negative, or larger than the address space.

    Upstream: `mmap_rs::MmapOptions`.

    Examples:
        >>> with MmapOptions(4096).map_mut() as m:
        ...     m[0:5] = b"hello"
        ...     m.find(b"llo")
        2
    """

    @staticmethod
    def _of_sent(
        size: int,
        file: _File,
        offset: int,
        past_end: bool,
        identity: tuple[int, int, int | None] | None,
    ) -> MmapOptions:
        """Return options for what another process has sent: a path must lead to the same file."""
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

        The system may have no free pages of a size that it supports.

        Raises:
            SystemCallError: if the system does not report them.

        Upstream: `MmapOptions::page_sizes`.

        Examples:
            >>> PageSizes.from_bytes(MmapOptions.page_size()) in MmapOptions.page_sizes()
            True
        """
    @staticmethod
    def allocation_granularity() -> int:
        """Return the allocation granularity in bytes, an int. Addresses and file offsets of mappings are multiples of it.

        Upstream: `MmapOptions::allocation_granularity`.
        """
    @staticmethod
    def for_file(file: _File, offset: SupportsIndex = 0) -> MmapOptions:
        """Return options for the rest of a file, from `offset` on.

        The size is read now. For that a path is opened and closed again. If nothing is left of a regular file,
        `map()`, `map_mut()` and `map_exec()` make an empty mapping.

        Args:
            file: a path, a descriptor, or an object with `fileno()`, as for `with_file()`.
            offset: where in the file to start, in bytes; a multiple of `allocation_granularity()`.

        Raises:
            InvalidSizeError: if the file ends before `offset`, or if it has no size: a character device, or a
                file of `/proc` or `/sys`. A block device has one.
            InvalidOffsetError: if `offset` is not such a multiple.
            SystemCallError: if the file can't be opened; also the matching `OSError`, such as
                `FileNotFoundError`.

        Safety:
            As for `with_file()`.

        Upstream: none; like `MmapOptions::new(size).with_file(file, offset)` without the size.

        Examples:
            >>> import os, sys
            >>> with MmapOptions.for_file(sys.executable).map() as m:
            ...     len(m) == os.path.getsize(sys.executable)
            True
        """
    def with_address(self, address: SupportsIndex, *, exact: bool = False) -> MmapOptions:
        """Return options that ask for an address.

        It is a hint: the system may choose another, unless `exact` is true or `UnsafeMmapFlags.MAP_FIXED` is set.

        Args:
            address: where the mapping should start, an int; a multiple of `page_size()`.
            exact: whether it must start there. If another mapping lies there, making the mapping raises
                `FileExistsError` and replaces nothing. The address must be a multiple of
                `allocation_granularity()`, and of the size of huge pages, or making it raises `InvalidOffsetError`.

        Upstream: `MmapOptions::with_address`; there `exact` is missing.

        Examples:
            >>> first = MmapOptions(4096).map()
            >>> try:
            ...     MmapOptions(4096).with_address(first.start(), exact=True).map()
            ... except FileExistsError:
            ...     "taken"
            'taken'
        """
    def with_address_range(self, range: _Range) -> MmapOptions:
        """Return options for a mapping that lies wholly in a range of addresses.

        It takes the lowest gap that is large enough. Use it for code that other code must reach by a jump of at most
        2 GiB, or for addresses below 4 GiB.

        Args:
            range: a `range` of addresses, in bytes.

        Raises:
            TypeError, ValueError: if `range` is not a `range` or `slice` with step 1 and an end.

        Making the mapping raises `SystemCallError` with `errno.ENOMEM` if no gap is large enough.

        Upstream: none.

        Examples:
            >>> near = MmapOptions(4096).map()
            >>> span = range(near.start() // 2, near.start())
            >>> m = MmapOptions(4096).with_address_range(span).map_mut()
            >>> m.start() in span and m.end() - 1 in span
            True
        """

    def with_reservation(self, reserved: ReservedNone | Reserved | ReservedMut) -> MmapOptions:
        """Return options for a mapping that takes the place of a reservation.

        The reservation is consumed when the mapping is made; if that fails, the reservation is as before. This is a
        safe alternative to `MAP_FIXED`: only memory whose owner hands it in is replaced, and nobody else can take the
        addresses in between. Options with a reservation make one mapping; a second one raises `ConsumedError`.

        Args:
            reserved: a `ReservedNone`, `Reserved` or `ReservedMut` of the same size: cut one off with `split_to()`.

        Raises:
            TypeError: if `reserved` is something else.

        Making the mapping raises `InvalidSizeError` if the sizes differ, `ConsumedError` if the reservation was closed
        or consumed, and `InvalidOperationError` on Windows.

        Upstream: none.

        Examples:
            >>> rest = MmapOptions(1 << 20).reserve_none()
            >>> head = rest.split_to(1 << 16)
            >>> start = head.start()
            >>> m = MmapOptions(1 << 16).with_reservation(head).map_mut()
            >>> m.start() == start, head.closed
            (True, True)
        """

    def with_repeats(self, n: SupportsIndex) -> MmapOptions:
        """Return options for a mapping that shows the same bytes of a file several times in a row.

        The mapping has `n` times the size of the options. With two repeats it is a ring buffer: what is written past
        the end appears at the start. `split_off()`, `split_to()`, `merge()` and `resize()` of such a mapping raise
        `InvalidOperationError`.

        Args:
            n: how many times, at least 1.

        Raises:
            ValueError: if `n` is 0.

        Making the mapping raises `InvalidOperationError` unless it is a mapping of a file with `MmapFlags.SHARED`, and
        `InvalidSizeError` if the size is not a multiple of `allocation_granularity()`.

        Upstream: none.

        Examples:
            >>> import tempfile
            >>> unit = MmapOptions.allocation_granularity()
            >>> with tempfile.TemporaryFile() as file:
            ...     _ = file.truncate(unit)
            ...     options = MmapOptions.for_file(file).with_flags(MmapFlags.SHARED)
            ...     with options.with_repeats(2).map_mut() as ring:
            ...         ring[unit - 2 : unit + 2] = b"wrap"
            ...         ring[:2], len(ring) == 2 * unit
            (b'ap', True)
        """

    def with_file(
        self, file: _File, offset: SupportsIndex = 0, *, past_end: bool = False
    ) -> MmapOptions:
        """Return options that map a file from `offset` bytes on.

        A descriptor is duplicated now, so you may close yours at once. A path is opened when the mapping is made:
        for reading, and also for writing if the mapping is shared and writable.

        Args:
            file: a path, a descriptor, or an object with `fileno()`.
            offset: where in the file to start, in bytes; a multiple of `allocation_granularity()`.
            past_end: whether the mapping may reach past the end of the file. If false, making such a mapping raises
                `InvalidSizeError`.

        Raises:
            InvalidOffsetError: if `offset` is not such a multiple.
            SystemCallError: if the descriptor is not open.
            TypeError: if `file` is of another type.

        Safety:
            Other processes may change the file, and the mapped bytes change with it. If the file shrinks, or with
            `past_end`, accessing a page with no file behind it ends the process with SIGBUS, unless the options have
            `with_fault_guard()`.

        Upstream: `MmapOptions::with_file`.
        """
    def with_flags(self, flags: MmapFlags) -> MmapOptions:
        """Return options with these flags added.

        Args:
            flags: an `MmapFlags`, or an int of its bits.

        Raises:
            ValueError: if bits are unknown.
            TypeError: if `flags` is another kind of flag.

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
            ValueError: if bits are unknown.
            TypeError: if `flags` is another kind of flag.

        Safety:
            `MAP_FIXED` replaces whatever is mapped at the address, even memory that this process uses. `JIT`
            allows memory that is writable and executable at the same time.

        Upstream: `MmapOptions::with_unsafe_flags`.
        """
    def with_page_size(self, page_size: PageSize) -> MmapOptions:
        """Return options that ask for pages of this size.

        The base page size gives an ordinary mapping, without huge pages. Making the mapping raises `InvalidSizeError`
        if the system has no such pages, or if the size is not a multiple of them. A file has its own page size: asking
        for another one raises `InvalidSizeError` too.

        Args:
            page_size: a `PageSize`.

        Upstream: `MmapOptions::with_page_size`.
        """
    def with_fault_guard(self) -> Self:
        """Return options for a mapping whose missing pages raise `FaultError`, not SIGBUS.

        A page is missing if the file has shrunk, its disk is full, or the pool of huge pages is empty. It is
        replaced by zeros, and the mapping is marked: the call that hit it and every later one that reads or writes
        the mapping raise; `Mapping.faulted()` returns the mark. An access through a buffer reads zeros.
        After many missing pages, the rest of the mapping is replaced at once.

        The guard's SIGBUS handler is installed with the first guarded mapping, and forwards other faults to the
        previous handler. Enable `faulthandler` before that.

        Raises:
            InvalidOperationError: if the system has no such signal (Windows).

        Upstream: none.
        """
    def reserve_none(self) -> ReservedNone:
        """Reserve inaccessible address space, and return it as a `ReservedNone`.

        It has no memory until `MmapNone.try_from()` commits it. Raises what `map()` raises.

        Upstream: `MmapOptions::reserve_none`.
        """
    def reserve(self) -> Reserved:
        """Reserve readable address space, and return it as a `Reserved`.

        It has no memory until `Mmap.try_from()` commits it. Raises what `map()` raises.

        Upstream: `MmapOptions::reserve`.
        """
    def reserve_exec(self) -> Reserved:
        """Reserve executable address space, and return it as a `Reserved`.

        Raises what `map()` raises, and also the audit event `mmap_rs.exec`.

        Upstream: `MmapOptions::reserve_exec`.
        """
    def reserve_mut(self) -> ReservedMut:
        """Reserve writable address space, and return it as a `ReservedMut`.

        It has no memory until `MmapMut.try_from()` commits it. Raises what `map()` raises.

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
            UnsafeFlagNeededError: without `UnsafeMmapFlags.JIT`. Otherwise what `map()` raises.

        Safety:
            As for `map_exec_mut()`.

        Upstream: `MmapOptions::reserve_exec_mut`.
        """
    def map_none(self) -> MmapNone:
        """Map inaccessible memory, and return it as an `MmapNone`.

        Raises what `map()` raises.

        Upstream: `MmapOptions::map_none`.
        """
    def map(self) -> Mmap:
        r"""Map readable memory, and return it as an `Mmap`.

        Raises the audit event `mmap_rs.map` with the class name, size, flags, descriptor (or -1) and offset.

        Raises:
            InvalidSizeError: if the file ends before the mapping would, if the system has no pages of the requested
                size, or if the size is not a multiple of them.
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

        Raises what `map()` raises, and also the audit event `mmap_rs.exec` with address and size.

        Upstream: `MmapOptions::map_exec`.
        """
    def map_mut(self) -> MmapMut:
        """Map writable memory, and return it as an `MmapMut`.

        A mapping of a file is copy-on-write, unless `MmapFlags.SHARED` is set. Raises what `map()` raises.

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
            UnsafeFlagNeededError: without `UnsafeMmapFlags.JIT`. Otherwise what `map()` raises.

        Safety:
            Memory that can be both written and executed helps an attacker: prefer `map_mut()`, write, `make_exec()`.
            Call `flush_icache()` after writing code and before running it.
            On Apple Silicon, write it inside `jit_write()`; its protection can no longer be changed.

        Upstream: `MmapOptions::map_exec_mut`.
        """

@disjoint_base
class Mapping:
    """The common base of all mappings, for `isinstance`.

    It has no constructor: `MmapOptions` makes mappings. A mapping that was closed, or consumed by a method
    that gave its memory to another object, supports only `closed`, `repr()` and `close()`; anything else raises
    `ConsumedError`. While a buffer over a mapping is alive (a `memoryview`, a NumPy array), methods that would
    change or end the mapping raise `BufferError`. `with` closes it at the end of the block. Any thread may use it.

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

        The address is valid only until the mapping is closed or consumed. A memoryview keeps the memory mapped.

        Upstream: `as_ptr`.
        """
    def as_mut_ptr(self) -> int:
        """Return the address of the first byte, an int: the same as `as_ptr()`.

        Writing through it requires writable memory.

        Upstream: `as_mut_ptr`.
        """
    def size(self) -> int:
        """Return the length of the mapping in bytes, an int.

        `mmap.mmap.size()` is the size of the file: `os.stat(path).st_size` returns that.

        Upstream: `size`.
        """
    def len(self) -> int:
        """Return the length in bytes, an int, as `len(m)` does.

        Upstream: `len`.
        """
    def is_empty(self) -> bool:
        """Return whether the length is 0: the mapping is of an empty file.

        Upstream: `is_empty`.
        """
    def set_inheritance(self, inherit: Inherit) -> None:
        """Set how a child of `fork` inherits this mapping.

        A mapping with `Inherit.NONE` is closed in the child, where its addresses are free.

        Args:
            inherit: an `Inherit`.

        Raises:
            TypeError: if `inherit` is something else.
            InvalidOperationError: for `Inherit.ZERO` of a mapping that is shared or of a file (Linux, Android), on
                macOS and iOS always; on Windows for all members, as there is no `fork`.
            SystemCallError: if the system refuses; nothing has changed then.

        Safety:
            With `Inherit.NONE`, a buffer over the mapping (a `memoryview`, a NumPy array) must not be accessed in the
            child, and a callable that `function()` returned must not be called there: that crashes the process, or
            accesses whatever has been mapped there since.

        Upstream: none. Source: madvise(2), `MADV_DONTFORK` and `MADV_WIPEONFORK`; minherit(2).

        Examples:
            >>> secret = MmapOptions(4096).map_mut()
            >>> secret.set_inheritance(Inherit.ZERO)
        """

    def set_name(self, name: str | None) -> None:
        """Set the name that the system shows for this memory in its list of areas.

        Linux 5.17 and later, and Android, show it: see `MemoryArea.name()` and proc_pid_maps(5). Elsewhere it does
        nothing.

        Args:
            name: a str of at most 79 printable ASCII characters, none of them a backslash, backquote, dollar sign or
                square bracket; `None` removes the name.

        Raises:
            InvalidOperationError: if it is not such a name, or the mapping is of a file.
            UnicodeEncodeError: if it contains surrogates.

        Upstream: none. Source: prctl(2), `PR_SET_VMA_ANON_NAME`.

        Examples:
            >>> m = MmapOptions(4096).map_mut()
            >>> m.set_name("frame buffer")
        """

    def merge(self, other: Self) -> None:
        """Append `other`, which must start where this mapping ends, and consume it.

        Args:
            other: a mapping of the same class.

        Raises:
            TypeError: if it is of another class.
            MustBeAdjacentError: if it does not start where this one ends.
            AttributeMismatchError: if the two differ in protection, flags or page size.
            BackingMismatchError: if they are neither both anonymous, nor adjacent parts of the same file with the same
                share mode.
            BufferError: while buffers over either are alive.

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
        """Split off and return the bytes from `at` on; this mapping keeps the bytes before.

        Args:
            at: a number of bytes, an int; a multiple of the page size with `0 < at < size()`.

        Raises:
            InvalidOffsetError: if it is not.
            InvalidOperationError: if the system does not allow this mapping to be split, such as the ring buffer of a
                perf event.
            BufferError: while buffers are alive.

        Upstream: `split_off`.

        Examples:
            >>> low = MmapOptions(1 << 20).map_mut()
            >>> high = low.split_off(1 << 16)
            >>> low.size(), high.size(), low.end() == high.start()
            (65536, 983040, True)
        """
    def split_to(self, at: SupportsIndex) -> Self:
        """Split off and return the bytes before `at`; this mapping keeps the bytes from `at` on.

        Args:
            at: a number of bytes, an int; a multiple of the page size with `0 < at < size()`.

        Raises:
            InvalidOffsetError: if it is not.
            InvalidOperationError: if the system does not allow this mapping to be split, such as the ring buffer of a
                perf event.
            BufferError: while buffers are alive.

        Upstream: `split_to`.
        """
    def make_none(self) -> Mapping:
        """Make the memory inaccessible; consume this object and return the new one.

        Raises:
            BufferError: while buffers are alive.
            InvalidOperationError: on Apple Silicon, for memory made with `UnsafeMmapFlags.JIT` that is writable and
                executable: its protection can't be changed.
            SystemCallError: if the system refuses (mprotect(2)). In all cases this object is as before, unless the
                message says that it was unmapped.

        Upstream: `make_none`.
        """
    def make_read_only(self) -> Mapping:
        """Make the memory read-only; consume this object and return the new one.

        Raises what `make_none()` raises.

        Upstream: `make_read_only`.

        Examples:
            >>> writable = MmapOptions(4096).map_mut()
            >>> frozen = writable.make_read_only()
            >>> writable
            <mmap_rs.MmapMut consumed by make_read_only>
        """
    def make_exec(self) -> Mapping:
        """Make the memory readable and executable, and flush the instruction cache.

        Consumes this object and returns the new one. Raises what `make_none()` raises, and also the audit event
        `mmap_rs.exec` with address and size.

        Upstream: `make_exec`.

        Examples:
            >>> code = MmapOptions(4096).map_mut().make_exec()
            >>> type(code).__name__, code.is_executable()
            ('Mmap', True)
        """
    def make_exec_no_flush(self) -> Mapping:
        """Make the memory readable and executable, without flushing the instruction cache.

        Consumes this object and returns the new one. Raises what `make_none()` raises, and also the audit event
        `mmap_rs.exec` with address and size.

        Safety:
            If its caches are not coherent (Arm, AArch64), the processor may run the memory's previous contents. Call
            `flush_icache()` before you run code from it.

        Upstream: `make_exec_no_flush`.
        """
    def make_mut(self) -> Mapping:
        """Make the memory readable and writable; consume this object and return the new one.

        Raises:
            PermissionError: for a shared mapping of a file that was opened for reading only. Otherwise what
                `make_none()` raises.

        Upstream: `make_mut`.

        Examples:
            >>> m = MmapOptions(4096).map().make_mut()
            >>> m[0] = 1
        """
    def make_exec_mut(self) -> Mapping:
        """Make the memory readable, writable and executable; consume this object and return the new one.

        Raises:
            UnsafeFlagNeededError: if it was not mapped with `UnsafeMmapFlags.JIT`. Otherwise what `make_none()`
                raises.

        Safety:
            Memory that can be both written and executed helps an attacker: prefer to write first (`make_mut()`) and
            execute later (`make_exec()`). Call `flush_icache()` after writing code and before running it.

        Upstream: `make_exec_mut`.
        """
    def faulted(self) -> bool:
        """Return whether the fault guard has replaced a page that the system could not provide with zeros.

        Always `False` without `MmapOptions.with_fault_guard()`.

        Upstream: none.
        """
    def close(self, *, defer: bool = False) -> None:
        """Unmap the memory now; do nothing if the mapping was already closed or consumed.

        Args:
            defer: if true, close even while buffers are alive: the mapping is consumed now, and its memory is unmapped
                when the last buffer is released.

        Raises:
            BufferError: while buffers over it are alive, unless `defer` is true; nothing has changed then.
            SystemCallError: if the system refuses (munmap(2)); the mapping is then as before.

        Upstream: none; there the object is dropped.

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

@type_check_only
class _Mapped(Mapping):
    """Methods of the mapped classes `MmapNone`, `Mmap` and `MmapMut`, which the reserved ones lack."""

    def resize(self, size: SupportsIndex | None = None, *, may_move: bool = True) -> None:
        """Give the mapping another size; it stays the same object.

        The bytes up to the smaller of both sizes are kept. New bytes are zero, or what the file holds there; in the last
        page of shared anonymous memory, bytes that a smaller size had hidden come back, as other processes may use them. Protection,
        flags, lock, advice, guard, page size and name stay. A mapping grows where it lies if the addresses behind it are
        free. Otherwise it moves: on Linux and Android the system moves its pages (mremap(2)), elsewhere it is mapped
        again, and private memory is copied. If this fails, the mapping is as before, unless the message says that it
        was unmapped.

        Raises the audit event `mmap_rs.resize` with the address, the old and the new size; if executable memory grows, also
        `mmap_rs.exec` with the address before and the new size.

        Args:
            size: the new size in bytes, an int. By default what the file now holds from the start of the mapping on.
            may_move: whether the mapping may have another address afterwards.

        Raises:
            InvalidSizeError: if the size is 0, not a multiple of the huge page size, or past the end of the file
                without `past_end`.
            InvalidOperationError: for an anonymous mapping without a size, and for a mapping with repeats.
            BackingMismatchError: if the path of the file now leads to another file, and it is asked for its size.
            BufferError: while buffers are alive.
            SystemCallError: if the system refuses: with `errno.ENOMEM` if there is no room behind the mapping and
                it may not move.

        Moving a mapping of huge pages needs enough free huge pages for the whole new size.

        Upstream: none. Source: mremap(2).

        Examples:
            >>> m = MmapOptions(4096).map_mut()
            >>> m[:5] = b"hello"
            >>> m.resize(1 << 20)
            >>> len(m), m[:5], m[-1]
            (1048576, b'hello', 0)
        """

    def resident(self, range: _Range | None = None) -> int:
        """Return how many bytes of the mapping are in physical memory now, an int.

        Of the first and the last page only the bytes in the range count. For a mapping of a file, these are the pages in
        the page cache; Linux reports all of them if you may not write to the file.

        Args:
            range: as for `flush()`.

        Raises:
            InvalidOffsetError: if the range reaches outside the mapping or ends before it starts.
            SystemCallError: if the system refuses.

        Upstream: none. Source: mincore(2); QueryWorkingSetEx on Windows.

        Examples:
            >>> m = MmapOptions(1 << 20).map_mut()
            >>> m.resident()
            0
            >>> m.populate(range(0, 4096), write=True)
            >>> m.resident() >= 4096
            True
        """

    def populate(self, range: _Range | None = None, *, write: bool = False) -> None:
        """Bring the pages into physical memory now, so that no later access waits for them.

        A page that can't be loaded raises an exception, never a signal. Other threads can run during the call.

        Args:
            range: as for `flush()`.
            write: whether to prepare the pages for writing: to allocate private pages, and to allocate disk space for
                holes in a shared file.

        Raises:
            FaultError: if a page can't be provided, and the mapping has a fault guard.
            SystemCallError: if a page can't be provided otherwise, or the system refuses.
            InvalidOperationError: for an `MmapNone`, or with `write` for an `Mmap`.
            InvalidOffsetError: if the range reaches outside the mapping or ends before it starts.

        Upstream: none; there `MmapFlags::POPULATE` reports no failure. Source: madvise(2), `MADV_POPULATE_READ`.

        Examples:
            >>> m = MmapOptions(1 << 20).map_mut()
            >>> m.populate(write=True)
            >>> m.resident() == len(m)
            True
        """

    def lock(self) -> None:
        """Keep the pages in physical memory, so that no access waits for them (mlock(2)).

        Raises:
            SystemCallError: if the system refuses: beyond `RLIMIT_MEMLOCK`, or for an `MmapNone`, whose pages
                can't be loaded.

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
        """Allow the pages to leave physical memory again (munlock(2)).

        Raises:
            SystemCallError: if the system refuses.

        Upstream: `unlock`.

        Examples:
            >>> MmapOptions(4096).map_mut().unlock()  # it need not be locked
        """
    def flush(self, range: _Range | None = None) -> None:
        """Write changed bytes to the file, and wait until they are written (msync(2), MS_SYNC).

        Only shared mappings of files have something to write. For a writable private mapping of a file, which is
        copy-on-write, it is a `RuntimeWarning`: nothing reaches the file.

        Args:
            range: a `range` or `slice` in bytes from the start of the mapping, widened to whole pages; by default
                the whole mapping.

        Raises:
            InvalidOffsetError: if the range reaches outside the mapping or ends before it starts.
            SystemCallError: if the system refuses.

        Upstream: `flush`.

        Examples:
            >>> m = MmapOptions(8192).map_mut()
            >>> m.flush(range(10, 20))
            >>> m.flush(slice(4096, None))
        """
    def flush_async(self, range: _Range | None = None) -> None:
        """Start to write changed bytes to the file, without waiting (msync(2), MS_ASYNC).

        Takes the same arguments and raises the same exceptions as `flush()`.

        Upstream: `flush_async`.

        Examples:
            >>> MmapOptions(4096).map_mut().flush_async(range(0, 100))
        """
    def flush_icache(self) -> None:
        """Make written code visible to the instruction cache, where the processor needs that.

        Upstream: `flush_icache`.

        Examples:
            >>> code = MmapOptions(4096).map_mut().make_exec_no_flush()
            >>> code.flush_icache()
        """
    def advise(self, flags: MmapFlags, range: _Range | None = None) -> None:
        """Tell the kernel how the memory will be used (madvise(2)).

        Advice that the system does not know does nothing.

        Args:
            flags: those of `MmapFlags` that are advice: `NO_CORE_DUMP`, `TRANSPARENT_HUGE_PAGES`, `SEQUENTIAL`,
                `RANDOM_ACCESS`, `WILLNEED`, `DONTNEED`. On Linux and Android, `DONTNEED` discards what was written to
                private pages; other systems keep it.
            range: as for `flush()`.

        Raises:
            InvalidOperationError: if `flags` contains any other flag.
            InvalidOffsetError: if the range reaches outside the mapping or ends before it starts.
            SystemCallError: if the system refuses. Several pieces of advice are given in the order of the list above,
                and those before the refused one stay in effect.

        Upstream: none; upstream gives advice only while mapping.

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
@type_check_only
class _Bytes(_Mapped, Buffer):
    """Methods of `Mmap` and `MmapMut`, whose bytes can be read."""

    if sys.version_info >= (3, 12):
        def __buffer__(self, flags: int, /) -> memoryview: ...

    def as_slice(self) -> memoryview:
        """Return a read-only `memoryview` of the whole mapping, without a copy.

        While it is alive, the mapping can't be closed or changed.

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
        r"""Return a seekable binary file object over the mapping, for code that expects a file.

        It is writable for an `MmapMut`, and never grows. While it is open, the mapping can't be closed or changed.

        Upstream: none.

        Examples:
            >>> m = MmapOptions(4096).map_mut()
            >>> m[0:12] = b"one\ntwo\nend\n"
            >>> with m.as_file() as file:
            ...     file.readline(), file.readline()
            (b'one\n', b'two\n')
        """
    def lines(self, *, keepends: bool = True) -> Iterator[bytes]:
        r"""Return an iterator over the lines, each a `bytes` object.

        A line ends with a newline, `b"\n"`, as in a binary file. The iterator holds a reference to the mapping but does
        not prevent it from being closed. After that, the next step raises `ConsumedError`. Threads that share an
        iterator get each line once.

        Args:
            keepends: whether the lines keep their newlines.

        Upstream: none; like the lines of a file.

        Examples:
            >>> m = MmapOptions(8).map_mut()
            >>> m[:] = b"one\ntwo\n"
            >>> list(m.lines())
            [b'one\n', b'two\n']
            >>> list(m.lines(keepends=False))
            [b'one', b'two']
        """
    def is_executable(self) -> bool:
        """Return whether the memory can be executed.

        Upstream: none; upstream's types don't say so either.
        """
    def function(
        self,
        restype: type[_CDataType] | None,
        *argtypes: type[_CDataType] | _FromParam,
        offset: SupportsIndex = 0,
    ) -> _CFunctionType:
        """Return a ctypes callable for the machine code at `offset`.

        While the callable is alive, the mapping can't be closed or changed. Raises the audit event
        `mmap_rs.function` with the address.

        Args:
            restype: the ctypes type of the result, or `None`.
            argtypes: the ctypes types of the arguments.
            offset: where the code starts, in bytes from the start of the mapping.

        Raises:
            InvalidOperationError: if the memory is not executable.
            InvalidOffsetError: if `offset` is outside the mapping.
            TypeError: if a type is not a ctypes type.

        Safety:
            Calling it executes the bytes, whatever they are. They must be code for this processor that follows the C
            calling convention with these types.

        Upstream: none; in Rust you transmute the pointer.
        """
    def jit_write(self) -> AbstractContextManager[object]:
        """Return a context in which this thread may write memory made with `UnsafeMmapFlags.JIT`.

        On Apple Silicon such memory is executable or writable for a thread, never both; leaving the thread's outermost
        context makes it executable again. Outside a context, a method that writes raises `InvalidOperationError`, and a
        write through a buffer ends the process. On other systems the context does nothing.

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
            sub: a bytes-like object, or an int from 0 to 255.
            start: where to start, an index as in a slice.
            end: where to stop, an index as in a slice.

        Raises:
            ValueError: if `sub` is an int outside 0 to 255.

        Upstream: none; like `bytes.find`.

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

        Upstream: none; like `bytes.rfind`.
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

        Upstream: none; like `bytes.index`.
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

        Upstream: none; like `bytes.rindex`.
        """
    def count(
        self,
        sub: Buffer | SupportsIndex,
        start: SupportsIndex | None = None,
        end: SupportsIndex | None = None,
        /,
    ) -> int:
        """Return the number of non-overlapping occurrences of `sub` within `[start:end]`, an int.

        Arguments are those of `find()`.

        Upstream: none; like `bytes.count`.
        """
    def startswith(
        self,
        prefix: Buffer | tuple[Buffer, ...],
        start: SupportsIndex | None = None,
        end: SupportsIndex | None = None,
        /,
    ) -> bool:
        """Return whether the bytes of `[start:end]` start with `prefix`.

        Args:
            prefix: a bytes-like object, or a tuple of them, of which one must match.
            start: where to start, an index as in a slice.
            end: where to stop, an index as in a slice.

        Upstream: none; like `bytes.startswith`.

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
        """Return whether the bytes of `[start:end]` end with `suffix`.

        Args:
            suffix: a bytes-like object, or a tuple of them, of which one must match.
            start: where to start, an index as in a slice.
            end: where to stop, an index as in a slice.

        Upstream: none; like `bytes.endswith`.
        """

@final
class MmapNone(_Mapped):
    """Mapped memory that can't be accessed: any access to it ends the process.

    Made by `MmapOptions.map_none()`, or by `make_none()` of another mapping. Use it for guard pages, or make it
    accessible with `make_read_only()`, `make_mut()` or another `make_*()`.

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
            SystemCallError: if the system refuses. In all cases `other` is as before, unless the message says that it
                was unmapped.

        Upstream: `MmapNone: TryFrom`.

        Examples:
            >>> rest = MmapOptions(1 << 20).reserve_none()
            >>> MmapNone.try_from(rest).size() == 1 << 20
            True
        """

@final
class Mmap(_Bytes):
    r"""Readable memory, perhaps executable.

    Made by `MmapOptions.map()` or `map_exec()`, or by `make_read_only()` or `make_exec()` of another mapping. It
    supports the buffer protocol, indexing, slices and search, like `bytes`.

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
            SystemCallError: if the system refuses. In all cases `other` is as before, unless the message says that it
                was unmapped.

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

    Made by `MmapOptions.map_mut()` or `map_exec_mut()`, or by `make_mut()` of another mapping. It supports the buffer
    protocol, indexing, slices and assignment, like `bytearray`, but assignments and deletions can't change its length.

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
            SystemCallError: if the system refuses. In all cases `other` is as before, unless the message says that it
                was unmapped.

        Upstream: `MmapMut: TryFrom`.

        Examples:
            >>> m = MmapMut.try_from(MmapOptions(1 << 20).reserve_mut())
            >>> m[0] = 1
        """
    def as_mut_slice(self) -> memoryview:
        """Return a writable `memoryview` of the whole mapping, without a copy.

        While it is alive, the mapping can't be closed or changed.

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
            value: an int from 0 to 255.
            range: a `range` or `slice` in bytes from the start of the mapping; by default the whole mapping.

        Raises:
            InvalidOffsetError: if the range reaches outside the mapping or ends before it starts.
            ValueError: if `value` is not in 0 to 255.

        Upstream: `fill` of Rust's slices.

        Examples:
            >>> m = MmapOptions(4096).map_mut()
            >>> m.fill(0xFF, range(2, 4))
            >>> m[0:6]
            b'\x00\x00\xff\xff\x00\x00'
        """
    def copy_from_slice(self, src: Buffer) -> None:
        """Overwrite all bytes with those of `src`, which must be as long as the mapping.

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
            InvalidOffsetError: if either reaches outside the mapping.

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

    Made by `MmapOptions.reserve_none()`, or by `make_none()` of another reserved mapping. `MmapNone.try_from()`
    commits it.

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

    Made by `MmapOptions.reserve()` or `reserve_exec()`, or by `make_read_only()` or `make_exec()` of another
    reserved mapping. `Mmap.try_from()` commits it.

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
            SystemCallError: if the system refuses. In all cases `other` is as before, unless the message says that it
                was unmapped.

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

    Made by `MmapOptions.reserve_mut()` or `reserve_exec_mut()`, or by `make_mut()` of another reserved mapping.
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
            SystemCallError: if the system refuses. In all cases `other` is as before, unless the message says that it
                was unmapped.

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
class AreaUsage:
    """How much of a memory area was in memory when it was listed. Immutable, compares by value.

    `MemoryArea.usage()` returns it. All numbers are bytes; `None` means that the system does not report it, not that
    there is nothing. Linux and Android report every field that their kernel version supports. macOS and iOS report
    `resident`, `swap` and `locked`, and, for memory that no other process maps, also `proportional` and the clean and
    dirty fields; Windows `resident` (the working set), `proportional` where at most six processes share each page,
    `locked` and `huge`; FreeBSD `resident`.

    Upstream: none. Source: proc_pid_smaps(5).

    Examples:
        >>> m = MmapOptions(65536).map_mut()
        >>> m.populate(write=True)
        >>> [usage] = [area.usage() for area in MemoryAreas.open(usage=True) if m.start() in area]
        >>> usage.resident >= m.size()
        True
    """

    @property
    def resident(self) -> int | None:
        """In physical memory, in bytes, an int.

        `None` if the system does not report it. Linux: `Rss`, in which huge pages of a pool don't count: these are in
        `huge` only. FreeBSD counts pages of a file that other processes brought in, too.
        """
    @property
    def proportional(self) -> int | None:
        """`resident`, with each page divided by the number of processes that map it, in bytes, an int.

        `None` if the system does not report it. Linux: `Pss`. Summed over all processes, it is what they use together.
        """
    @property
    def shared_clean(self) -> int | None:
        """Mapped by other processes too, and unchanged since read from a file, in bytes, an int.

        `None` if the system does not report it. Linux: `Shared_Clean`.
        """
    @property
    def shared_dirty(self) -> int | None:
        """Mapped by other processes too, and changed, in bytes, an int.

        `None` if the system does not report it. Linux: `Shared_Dirty`.
        """
    @property
    def private_clean(self) -> int | None:
        """Mapped by this process only, and unchanged since read from a file, in bytes, an int.

        `None` if the system does not report it. Linux: `Private_Clean`.
        """
    @property
    def private_dirty(self) -> int | None:
        """Mapped by this process only, and changed, in bytes, an int.

        `None` if the system does not report it. Linux: `Private_Dirty`: what ending the process would free.
        """
    @property
    def referenced(self) -> int | None:
        """Marked as accessed, in bytes, an int.

        `None` if the system does not report it. Linux: `Referenced`.
        """
    @property
    def anonymous(self) -> int | None:
        """Without a file behind it, in bytes, an int: also pages of a private mapping that were written.

        `None` if the system does not report it. Linux: `Anonymous`.
        """
    @property
    def swap(self) -> int | None:
        """Moved out to swap, in bytes, an int.

        `None` if the system does not report it. Linux: `Swap`.
        """
    @property
    def locked(self) -> int | None:
        """Locked into memory, in bytes, an int.

        `None` if the system does not report it. Linux: `Locked`, of which Linux counts a page's share, as in
        `proportional`.
        """
    @property
    def huge(self) -> int | None:
        """In huge pages, in bytes, an int.

        `None` if the system does not report it. Linux: the sum of `AnonHugePages`, `ShmemPmdMapped`, `FilePmdMapped`,
        `Shared_Hugetlb` and `Private_Hugetlb`.
        """
    @property
    def vm_flags(self) -> frozenset[str] | None:
        """Linux's flags of the area, a frozenset of str such as `rd`, `wr`, `lo`; proc_pid_smaps(5) explains them.

        `None` elsewhere, and before Linux 3.8.
        """
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: object, /) -> Self: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class MemoryArea:
    """A memory area of a process: addresses that are mapped in the same way. Immutable, compares by value.

    `address in area` says whether an address lies in it. Comparisons ignore how much of the area is in memory.

    Upstream: `mmap_rs::MemoryArea`.

    Examples:
        >>> m = MmapOptions(4096).map_mut()
        >>> area = MemoryAreas.query(m.start())
        >>> m.start() in area, area.start() <= m.start() < area.end()
        (True, True)
    """

    def allocation_base(self) -> int:
        """Return the start address of the allocation that the area belongs to, an int.

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
        """Return the access that is allowed, a `Protection`.

        Upstream: `MemoryArea::protection`.

        Examples:
            >>> code = [area for area in MemoryAreas.open() if Protection.EXECUTE in area.protection()]
            >>> len(code) > 0
            True
        """
    def share_mode(self) -> ShareMode:
        """Return whether changes are shared: `ShareMode.Shared` or `ShareMode.Private`.

        FreeBSD does not report it for anonymous memory, which is `ShareMode.Private` there.

        Upstream: `MemoryArea::share_mode`.

        Examples:
            >>> m = MmapOptions(4096).map_mut()
            >>> MemoryAreas.query(m.start()).share_mode()
            <ShareMode.Private: 0>
        """
    def path(self) -> Path | None:
        """Return the `pathlib.Path` of the file, or the system's own name such as `[heap]`, or `None`.

        On Linux the path of a deleted file ends in " (deleted)".

        Upstream: `MemoryArea::path`.

        Examples:
            >>> libraries = {area.path() for area in MemoryAreas.open() if area.path()}
            >>> len(libraries) > 0
            True
        """
    def file_offset(self) -> int | None:
        """Return where in the file the area starts, in bytes, an int; `None` if it has no path.

        Upstream: `MemoryArea::file_offset`.

        Examples:
            >>> all(area.file_offset() >= 0 for area in MemoryAreas.open() if area.path())
            True
        """
    def name(self) -> str | None:
        """Return what the memory is used for, a str; `None` where nothing is known.

        That is `heap`, `stack` or `vdso`, another name of the kernel's, or the name that `set_name()` gave. Linux and Android
        have all of these; on macOS and iOS memory of `malloc` is `heap`, and thread stacks are `stack`; on FreeBSD the stack
        of the first thread is `stack`; Windows has no names.

        Upstream: none. Source: proc_pid_maps(5).

        Examples:
            >>> names = {area.name() for area in MemoryAreas.open()}
            >>> None in names
            True
        """
    def usage(self) -> AreaUsage | None:
        """Return how much of the area was in memory when it was listed, an `AreaUsage`.

        It is `None` unless the area comes from `MemoryAreas.open(usage=True)`.

        Upstream: none. Source: proc_pid_smaps(5); `mach_vm_region_recurse`; kinfo_getvmmap(3); QueryWorkingSetEx.

        Examples:
            >>> m = MmapOptions(65536).map_mut()
            >>> m.populate(write=True)
            >>> [usage] = [area.usage() for area in MemoryAreas.open(usage=True) if m.start() in area]
            >>> usage.resident >= 65536
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

    The list is read in pieces as you iterate. Areas come in ascending order of address and never overlap. A mapping
    that exists throughout the iteration is always listed, possibly split; one that changes meanwhile may be listed in
    its old or new state, or be missing. If another process ends before its list does, `ProcessLookupError` is raised.

    You may abandon it at any time. It holds nothing open after its end; `close()` or `with` ends it at once. In a
    child of `fork` it raises `InvalidOperationError`.

    Examples:
        >>> with MemoryAreas.open() as areas:
        ...     first = next(areas)
        >>> first.start() < first.end()
        True
    """

    @staticmethod
    def open(pid: SupportsIndex | None = None, *, usage: bool = False) -> MemoryAreas:
        """Return all areas of a process.

        With `usage`, each area's `usage()` says how much of it is in memory. The system looks at every page for that, so the
        list takes much longer.

        Args:
            pid: the process id, or `None` for this process.
            usage: whether `MemoryArea.usage()` is wanted.

        Raises:
            ProcessLookupError: if there is no such process.
            PermissionError: if you are not allowed to inspect the process: macOS requires root or an entitlement, and
                iOS does not allow other processes to be inspected. Also if `/proc` hides it (hidepid).
            FileNotFoundError: if `/proc` is not mounted (Linux).
            InvalidOperationError: in a 32-bit Python on Windows, for a 64-bit process.

        Upstream: `MemoryAreas::open`.

        Examples:
            >>> sum(len(area.range()) for area in MemoryAreas.open()) > 1 << 20
            True
            >>> sum(area.usage().resident or 0 for area in MemoryAreas.open(usage=True)) > 1 << 20
            True
        """
    @staticmethod
    def query(address: SupportsIndex) -> MemoryArea | None:
        """Return the area of an address in this process, or `None`.

        Args:
            address: an int.

        Raises:
            SystemCallError: if the system does not report it; also the matching `OSError`.

        Upstream: `MemoryAreas::query`.

        Examples:
            >>> m = MmapOptions(4096).map()
            >>> area = MemoryAreas.query(m.start())
            >>> m.start() in area, area.protection()
            (True, <Protection.READ: 1>)
        """
    @staticmethod
    def query_range(range: _Range) -> MemoryAreas:
        """Return the areas of this process that overlap a range of addresses.

        Args:
            range: a `range` or `slice` of addresses.

        Raises:
            InvalidOffsetError: if it ends before it starts.
            SystemCallError: if the system does not report it; also the matching `OSError`.

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
            PermissionError: if it may not be inspected, or if `/proc` hides it (hidepid).
            FileNotFoundError: if `/proc` is not mounted (Linux).

        Upstream: `MemoryAreas::query_process`.

        Examples:
            >>> import os
            >>> m = MmapOptions(4096).map()
            >>> m.start() in MemoryAreas.query_process(os.getpid(), m.start())
            True
        """
    @staticmethod
    def query_process_range(pid: SupportsIndex | None, range: _Range) -> MemoryAreas:
        """Return the areas of a process that overlap a range of addresses.

        Args:
            pid: the process id, or `None` for this process.
            range: a `range` or `slice` of addresses.

        Raises:
            InvalidOffsetError: if the range ends before it starts.
            ProcessLookupError: if there is no such process.
            PermissionError: if it may not be inspected, or if `/proc` hides it (hidepid).
            FileNotFoundError: if `/proc` is not mounted (Linux).

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
        """End the iteration and close the list. Waits for another thread that is reading it.

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
    """Return the areas of a range as on a system without lookups; for tests."""

def _map_made(options: MmapOptions, make: Callable[[], object]) -> MmapMut:
    """Map a file, writable, after `make` has given it its bytes; for `map_file`."""

def _sent(mapping: Mapping) -> dict[str, Any] | None: ...
