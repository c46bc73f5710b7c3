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
    """A page size of 2 to the power of `log2` bytes; immutable, ordered, hashable."""

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
        """The exponent: 12 for 4 KiB."""
    @property
    def bytes(self) -> int:
        """The size in bytes."""
    @staticmethod
    def from_bytes(n: SupportsIndex) -> PageSize:
        """Return the page size of `n` bytes; `InvalidSizeError` if that is no power of two."""
    @staticmethod
    def try_from(page_sizes: PageSizes) -> PageSize:
        """Return the page size of a set of just one; `InvalidSizeError` otherwise."""
    def __eq__(self, other: object, /) -> bool: ...
    def __lt__(self, other: PageSize, /) -> bool: ...
    def __le__(self, other: PageSize, /) -> bool: ...
    def __gt__(self, other: PageSize, /) -> bool: ...
    def __ge__(self, other: PageSize, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class MmapOptions:
    """What a mapping is to be; immutable, so that each `with_*` returns a new one."""

    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: object, /) -> Self: ...
    def __new__(cls, size: SupportsIndex) -> Self: ...
    @staticmethod
    def page_size() -> int:
        """Return the size of a base page, in bytes."""
    @staticmethod
    def page_sizes() -> PageSizes:
        """Return the page sizes that the system has."""
    @staticmethod
    def allocation_granularity() -> int:
        """Return what addresses and file offsets must be a multiple of, in bytes."""
    @staticmethod
    def for_file(file: _File, offset: SupportsIndex = 0) -> MmapOptions:
        """Return options for all that the file holds from `offset` on."""
    def with_address(self, address: SupportsIndex) -> MmapOptions:
        """Ask for an address."""
    def with_file(
        self, file: _File, offset: SupportsIndex = 0, *, past_end: bool = False
    ) -> MmapOptions:
        """Map a file from `offset` on."""
    def with_flags(self, flags: MmapFlags) -> MmapOptions:
        """Add flags."""
    def with_unsafe_flags(self, flags: UnsafeMmapFlags) -> MmapOptions:
        """Add unsafe flags."""
    def with_page_size(self, page_size: PageSize) -> MmapOptions:
        """Ask for pages of this size."""
    def with_fault_guard(self) -> Self:
        """Have missing pages raise `FaultError` instead of ending the process."""
    def reserve_none(self) -> ReservedNone:
        """Reserve inaccessible address space."""
    def reserve(self) -> Reserved:
        """Reserve read-only address space."""
    def reserve_exec(self) -> Reserved:
        """Reserve executable address space."""
    def reserve_mut(self) -> ReservedMut:
        """Reserve writable address space."""
    def reserve_exec_mut(self) -> ReservedMut:
        """Reserve address space that is writable and executable; unsafe."""
    def map_none(self) -> MmapNone:
        """Map memory as inaccessible."""
    def map(self) -> Mmap:
        """Map memory as read-only."""
    def map_exec(self) -> Mmap:
        """Map memory as executable."""
    def map_mut(self) -> MmapMut:
        """Map memory as writable."""
    def map_exec_mut(self) -> MmapMut:
        """Map memory as writable and executable; unsafe."""

@disjoint_base
class Mapping:
    """The common base of the six kinds of mappings."""

    @property
    def closed(self) -> bool:
        """Whether the object is closed or consumed."""
    def start(self) -> int:
        """Return the address of the first byte."""
    def end(self) -> int:
        """Return the address after the last byte."""
    def as_ptr(self) -> int:
        """Return the address of the first byte."""
    def as_mut_ptr(self) -> int:
        """Return the address of the first byte."""
    def size(self) -> int:
        """Return the size in bytes."""
    def len(self) -> int:
        """Return the size in bytes."""
    def is_empty(self) -> bool:
        """Tell whether the size is 0."""
    def merge(self, other: Self) -> None:
        """Append `other`, which must start where this one ends; consumes `other`."""
    def split_off(self, at: SupportsIndex) -> Self:
        """Keep the first `at` bytes and return the rest."""
    def split_to(self, at: SupportsIndex) -> Self:
        """Return the first `at` bytes and keep the rest."""
    def make_none(self) -> Mapping:
        """Make it inaccessible; consumes this object."""
    def make_read_only(self) -> Mapping:
        """Make it read-only; consumes this object."""
    def make_exec(self) -> Mapping:
        """Make it executable and flush the instruction cache; consumes this object."""
    def make_exec_no_flush(self) -> Mapping:
        """Make it executable; unsafe; consumes this object."""
    def make_mut(self) -> Mapping:
        """Make it writable; consumes this object."""
    def make_exec_mut(self) -> Mapping:
        """Make it writable and executable; unsafe; consumes this object."""
    def faulted(self) -> bool:
        """Tell whether the fault guard had to replace a page by zeros."""
    def close(self, *, defer: bool = False) -> None:
        """Unmap at once or, with `defer`, when the last buffer over it goes."""
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
    def lock(self) -> None:
        """Keep the pages in physical memory."""
    def unlock(self) -> None:
        """Undo `lock`."""
    def flush(self, range: _Range | None = None) -> None:
        """Write changed pages to the file and wait for it."""
    def flush_async(self, range: _Range | None = None) -> None:
        """Begin to write changed pages to the file."""
    def flush_icache(self) -> None:
        """Flush the instruction cache."""
    def advise(self, flags: MmapFlags, range: _Range | None = None) -> None:
        """Tell the system how the pages will be used."""
    def make_none(self) -> MmapNone: ...
    def make_read_only(self) -> Mmap: ...
    def make_exec(self) -> Mmap: ...
    def make_exec_no_flush(self) -> Mmap: ...
    def make_mut(self) -> MmapMut: ...
    def make_exec_mut(self) -> MmapMut: ...

# Python 3.11 has no __buffer__ at run time; there the base alone says that this is a buffer.
class _Bytes(_Mapped, Buffer):
    if sys.version_info >= (3, 12):
        def __buffer__(self, flags: int, /) -> memoryview: ...

    def as_slice(self) -> memoryview:
        """Return a read-only memoryview of the whole mapping."""
    def as_file(self) -> MappingFile:
        """Return a seekable binary file object over the mapping."""
    def is_executable(self) -> bool:
        """Tell whether the memory is executable."""
    def function(
        self,
        restype: type[_CDataType] | None,
        *argtypes: type[_CDataType] | _FromParam,
        offset: SupportsIndex = 0,
    ) -> _CFunctionType:
        """Return a ctypes callable for the code at `offset`; unsafe."""
    def jit_write(self) -> AbstractContextManager[object]:
        """Let this thread write to JIT memory inside the `with` block, on systems that ask for it."""
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
        """Return the lowest index of `sub` within `[start:end]`, or -1."""
    def rfind(
        self,
        sub: Buffer | SupportsIndex,
        start: SupportsIndex | None = None,
        end: SupportsIndex | None = None,
        /,
    ) -> int:
        """Return the highest index of `sub` within `[start:end]`, or -1."""
    def index(
        self,
        sub: Buffer | SupportsIndex,
        start: SupportsIndex | None = None,
        end: SupportsIndex | None = None,
        /,
    ) -> int:
        """Return the lowest index of `sub` within `[start:end]`, or raise `ValueError`."""
    def rindex(
        self,
        sub: Buffer | SupportsIndex,
        start: SupportsIndex | None = None,
        end: SupportsIndex | None = None,
        /,
    ) -> int:
        """Return the highest index of `sub` within `[start:end]`, or raise `ValueError`."""
    def count(
        self,
        sub: Buffer | SupportsIndex,
        start: SupportsIndex | None = None,
        end: SupportsIndex | None = None,
        /,
    ) -> int:
        """Count the occurrences of `sub` within `[start:end]` that do not overlap."""
    def startswith(
        self,
        prefix: Buffer | tuple[Buffer, ...],
        start: SupportsIndex | None = None,
        end: SupportsIndex | None = None,
        /,
    ) -> bool:
        """Tell whether `[start:end]` begins with `prefix` or one of several."""
    def endswith(
        self,
        suffix: Buffer | tuple[Buffer, ...],
        start: SupportsIndex | None = None,
        end: SupportsIndex | None = None,
        /,
    ) -> bool:
        """Tell whether `[start:end]` ends with `suffix` or one of several."""

@final
class MmapNone(_Mapped):
    """Mapped memory that cannot be accessed."""

    @staticmethod
    def try_from(other: ReservedNone) -> MmapNone:
        """Commit reserved memory; consumes `other`."""

@final
class Mmap(_Bytes):
    """Mapped memory that can be read."""

    @staticmethod
    def try_from(other: MmapMut | MmapNone | Reserved) -> Mmap:
        """Make other memory readable; consumes `other`."""
    @overload
    def __getitem__(self, key: SupportsIndex, /) -> int: ...
    @overload
    def __getitem__(self, key: _Slice, /) -> bytes: ...

@final
class MmapMut(_Bytes):
    """Mapped memory that can be read and written."""

    @staticmethod
    def try_from(other: Mmap | MmapNone | ReservedMut) -> MmapMut:
        """Make other memory writable; consumes `other`."""
    def as_mut_slice(self) -> memoryview:
        """Return a writable memoryview of the whole mapping."""
    def fill(self, value: SupportsIndex, range: _Range | None = None) -> None:
        """Set every byte, or every byte of a range, to `value`."""
    def copy_from_slice(self, src: Buffer) -> None:
        """Replace all bytes by those of `src`, which must have the same length."""
    def copy_within(self, src_range: _Range, dest: SupportsIndex) -> None:
        """Copy a range of the mapping to the offset `dest`; the two may overlap."""
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
    """Reserved address space that cannot be accessed."""

    def make_none(self) -> ReservedNone: ...
    def make_read_only(self) -> Reserved: ...
    def make_exec(self) -> Reserved: ...
    def make_exec_no_flush(self) -> Reserved: ...
    def make_mut(self) -> ReservedMut: ...
    def make_exec_mut(self) -> ReservedMut: ...

@final
class Reserved(Mapping):
    """Reserved address space, readable."""

    @staticmethod
    def try_from(other: ReservedMut | ReservedNone) -> Reserved:
        """Make other reserved address space readable; consumes `other`."""
    def make_none(self) -> ReservedNone: ...
    def make_read_only(self) -> Reserved: ...
    def make_exec(self) -> Reserved: ...
    def make_exec_no_flush(self) -> Reserved: ...
    def make_mut(self) -> ReservedMut: ...
    def make_exec_mut(self) -> ReservedMut: ...

@final
class ReservedMut(Mapping):
    """Reserved address space, writable."""

    @staticmethod
    def try_from(other: Reserved | ReservedNone) -> ReservedMut:
        """Make other reserved address space writable; consumes `other`."""
    def make_none(self) -> ReservedNone: ...
    def make_read_only(self) -> Reserved: ...
    def make_exec(self) -> Reserved: ...
    def make_exec_no_flush(self) -> Reserved: ...
    def make_mut(self) -> ReservedMut: ...
    def make_exec_mut(self) -> ReservedMut: ...

@final
class MemoryArea:
    """A piece of a process's address space, mapped in one way; immutable, equal by value."""

    def allocation_base(self) -> int:
        """Return the address where the allocation starts that the area is part of."""
    def range(self) -> _range:
        """Return the addresses."""
    def start(self) -> int:
        """Return the first address."""
    def end(self) -> int:
        """Return the address after the last."""
    def protection(self) -> Protection:
        """Return what may be done with the bytes."""
    def share_mode(self) -> ShareMode:
        """Return whether changes are shared."""
    def path(self) -> Path | None:
        """Return the path of the file, if there is one."""
    def file_offset(self) -> int | None:
        """Return where in the file the area starts, in bytes, if there is a file."""
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: object, /) -> Self: ...
    def __contains__(self, address: SupportsIndex, /) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class MemoryAreas:
    """An iterator of memory areas, by ascending address; they never overlap.

    The list is read while it is iterated: what changes meanwhile may be seen or not.
    """

    @staticmethod
    def open(pid: SupportsIndex | None = None) -> MemoryAreas:
        """Return all areas of a process, this one if `pid` is `None`."""
    @staticmethod
    def query(address: SupportsIndex) -> MemoryArea | None:
        """Return the area of this process with `address` in it."""
    @staticmethod
    def query_range(range: _Range) -> MemoryAreas:
        """Return the areas of this process that meet a range of addresses."""
    @staticmethod
    def query_process(pid: SupportsIndex | None, address: SupportsIndex) -> MemoryArea | None:
        """Return the area of a process with `address` in it."""
    @staticmethod
    def query_process_range(pid: SupportsIndex | None, range: _Range) -> MemoryAreas:
        """Return the areas of a process that meet a range of addresses."""
    def __iter__(self) -> Self: ...
    def __next__(self) -> MemoryArea: ...
    def close(self) -> None:
        """End the iteration, and close what it holds open."""
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
