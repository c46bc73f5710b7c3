"""What the stubs say of every result: for the type checkers only, never run.

Each `assert_type` fails the check if a type is another one, or is not known.
"""

from __future__ import annotations

import array
import copy
import io
import sys
import zipfile
from collections.abc import Iterator
from ctypes import c_int, c_void_p
from pathlib import Path
from typing import Literal, assert_type

import mmap_rs
from mmap_rs import (
    Error,
    Mapping,
    MemoryArea,
    MemoryAreas,
    Mmap,
    MmapFlags,
    MmapMut,
    MmapNone,
    MmapOptions,
    PageSize,
    PageSizes,
    ParseError,
    Protection,
    Reserved,
    ReservedMut,
    ReservedNone,
    ShareMode,
    SystemCallError,
    UnsafeFlagNeededError,
    UnsafeMmapFlags,
)


class Index:
    def __index__(self) -> int:
        return 1


def constants() -> None:
    assert_type(mmap_rs.__version__, str)
    assert_type(mmap_rs.__upstream_version__, str)


def flags() -> None:
    assert_type(MmapFlags.SHARED, Literal[MmapFlags.SHARED])
    assert_type(MmapFlags.SHARED | MmapFlags.LOCKED, MmapFlags)
    assert_type(~UnsafeMmapFlags.JIT & UnsafeMmapFlags.MAP_FIXED, UnsafeMmapFlags)
    assert_type(Protection(3), Protection)
    assert_type(Protection.READ.value, int)
    assert_type(PageSizes["_4K"], PageSizes)
    assert_type(PageSizes.from_bytes(4096), PageSizes)
    assert_type(PageSizes.from_bytes(Index()), PageSizes)
    assert_type(MmapFlags.SHARED in MmapFlags(3), bool)
    assert_type(list(PageSizes), list[PageSizes])
    number: int = MmapFlags.SHARED
    assert_type(number + 1, int)


def share_mode(mode: ShareMode) -> str:
    # A type checker knows that there are just these two.
    match mode:
        case ShareMode.Private:
            return "private"
        case ShareMode.Shared:
            return "shared"


def page_size(size: PageSize, other: PageSize) -> None:
    assert_type(PageSize(12), PageSize)
    assert_type(PageSize(Index()), PageSize)
    assert_type(PageSize._4K, PageSize)
    assert_type(PageSize.from_bytes(4096), PageSize)
    assert_type(PageSize.try_from(PageSizes._2M), PageSize)
    assert_type(size.log2, int)
    assert_type(size.bytes, int)
    assert_type(size < other, bool)
    assert_type(size >= other, bool)
    assert_type(size == other, bool)
    assert_type(sorted({size, other}), list[PageSize])


def options(path: Path, descriptor: int) -> None:
    made = MmapOptions(4096)
    assert_type(made, MmapOptions)
    assert_type(MmapOptions(Index()), MmapOptions)
    assert_type(MmapOptions.page_size(), int)
    assert_type(MmapOptions.page_sizes(), PageSizes)
    assert_type(MmapOptions.allocation_granularity(), int)
    assert_type(made.with_address(0), MmapOptions)
    assert_type(made.with_flags(MmapFlags.SHARED | MmapFlags.LOCKED), MmapOptions)
    assert_type(made.with_unsafe_flags(UnsafeMmapFlags.JIT), MmapOptions)
    assert_type(made.with_page_size(PageSize._2M), MmapOptions)
    with path.open("rb") as file:
        assert_type(made.with_file(file), MmapOptions)
        assert_type(MmapOptions.for_file(file, 4096), MmapOptions)
    for name in (path, str(path), bytes(path)):
        assert_type(made.with_file(name, 4096, past_end=True), MmapOptions)
        assert_type(MmapOptions.for_file(name, offset=Index()), MmapOptions)
    assert_type(made.with_file(file=descriptor, offset=0), MmapOptions)

    assert_type(made.reserve_none(), ReservedNone)
    assert_type(made.reserve(), Reserved)
    assert_type(made.reserve_exec(), Reserved)
    assert_type(made.reserve_mut(), ReservedMut)
    assert_type(made.reserve_exec_mut(), ReservedMut)
    assert_type(made.map_none(), MmapNone)
    assert_type(made.map(), Mmap)
    assert_type(made.map_exec(), Mmap)
    assert_type(made.map_mut(), MmapMut)
    assert_type(made.map_exec_mut(), MmapMut)


def base(mapping: Mapping) -> None:
    assert_type(mapping.start(), int)
    assert_type(mapping.end(), int)
    assert_type(mapping.as_ptr(), int)
    assert_type(mapping.as_mut_ptr(), int)
    assert_type(mapping.size(), int)
    assert_type(mapping.len(), int)
    assert_type(len(mapping), int)
    assert_type(mapping.is_empty(), bool)
    assert_type(mapping.closed, bool)
    assert_type(mapping.split_off(Index()), Mapping)
    assert_type(mapping.make_mut(), Mapping)
    assert_type(mapping.make_none(), Mapping)
    with mapping as same:
        assert_type(same, Mapping)
    mapping.close()
    mapping.close(defer=True)
    if isinstance(mapping, MmapMut):
        assert_type(mapping.as_mut_slice(), memoryview[int])


def mapped(none: MmapNone, read: Mmap, write: MmapMut) -> None:
    for mapping in (none, read, write):
        assert_type(mapping.make_none(), MmapNone)
        assert_type(mapping.make_read_only(), Mmap)
        assert_type(mapping.make_exec(), Mmap)
        assert_type(mapping.make_exec_no_flush(), Mmap)
        assert_type(mapping.make_mut(), MmapMut)
        assert_type(mapping.make_exec_mut(), MmapMut)
        mapping.lock()
        mapping.unlock()
        mapping.flush()
        mapping.flush(range(10))
        mapping.flush(slice(5))
        mapping.flush(range=slice(None, 5))
        mapping.flush_async(slice(1, Index()))
        mapping.flush_icache()
        mapping.advise(MmapFlags.WILLNEED)
        mapping.advise(MmapFlags.WILLNEED | MmapFlags.SEQUENTIAL, range(5, 10))
    assert_type(none.split_off(4096), MmapNone)
    assert_type(read.split_to(4096), Mmap)
    assert_type(write.split_off(at=4096), MmapMut)
    write.merge(write.split_off(4096))
    with write as same:
        assert_type(same, MmapMut)


def reserved(none: ReservedNone, read: Reserved, write: ReservedMut) -> None:
    for mapping in (none, read, write):
        assert_type(mapping.make_none(), ReservedNone)
        assert_type(mapping.make_read_only(), Reserved)
        assert_type(mapping.make_exec(), Reserved)
        assert_type(mapping.make_exec_no_flush(), Reserved)
        assert_type(mapping.make_mut(), ReservedMut)
        assert_type(mapping.make_exec_mut(), ReservedMut)
    assert_type(none.split_to(4096), ReservedNone)
    assert_type(write.split_off(4096), ReservedMut)


def conversions(
    m_none: MmapNone,
    m_read: Mmap,
    m_write: MmapMut,
    r_none: ReservedNone,
    r_read: Reserved,
    r_write: ReservedMut,
) -> None:
    assert_type(Mmap.try_from(m_write), Mmap)
    assert_type(Mmap.try_from(m_none), Mmap)
    assert_type(Mmap.try_from(r_read), Mmap)
    assert_type(MmapMut.try_from(m_read), MmapMut)
    assert_type(MmapMut.try_from(m_none), MmapMut)
    assert_type(MmapMut.try_from(r_write), MmapMut)
    assert_type(MmapNone.try_from(r_none), MmapNone)
    assert_type(Reserved.try_from(r_write), Reserved)
    assert_type(Reserved.try_from(r_none), Reserved)
    assert_type(ReservedMut.try_from(r_read), ReservedMut)
    assert_type(ReservedMut.try_from(r_none), ReservedMut)


def octets(mapping: Mmap | MmapMut) -> None:
    assert_type(mapping[0], int)
    assert_type(mapping[Index()], int)
    assert_type(mapping[1:2], bytes)
    assert_type(mapping[:: Index()], bytes)
    assert_type(mapping.as_slice(), memoryview[int])
    assert_type(memoryview(mapping), memoryview[int])
    assert_type(bytes(mapping), bytes)
    assert_type(iter(mapping), Iterator[int])
    assert_type(list(mapping), list[int])
    assert_type(65 in mapping, bool)
    assert_type(b"ab" in mapping, bool)
    assert_type(mapping.find(b"ab"), int)
    assert_type(mapping.rfind(65, 1, None), int)
    assert_type(mapping.index(bytearray(b"ab"), 1), int)
    assert_type(mapping.rindex(memoryview(b"ab"), None, Index()), int)
    assert_type(mapping.count(array.array("B")), int)
    assert_type(mapping.startswith(b"ab"), bool)
    assert_type(mapping.endswith((b"ab", bytearray(b"c")), 1, 2), bool)
    for number in reversed(mapping):
        assert_type(number, int)
    with mapping.jit_write():
        pass


def writing(mapping: MmapMut, other: Mmap) -> None:
    mapping[0] = 1
    mapping[Index()] = Index()
    mapping[1:3] = b"ab"
    mapping[::2] = memoryview(b"ab")
    mapping[:5] = other
    mapping.fill(0)
    mapping.fill(Index(), range(3))
    mapping.fill(value=0, range=slice(3, None))
    mapping.copy_from_slice(other)
    mapping.copy_within(range(3), 5)
    mapping.copy_within(src_range=slice(3), dest=5)
    assert_type(mapping.as_mut_slice(), memoryview[int])


def files(mapping: Mmap) -> None:
    with mapping.as_file() as file:
        assert_type(file.read(), bytes)
        assert_type(file.mapping, Mmap | MmapMut)
        assert_type(list(file), list[bytes])
        assert_type(file.seek(0), int)
        zipfile.ZipFile(file).close()
        io.TextIOWrapper(file).close()


def code(mapping: Mmap) -> None:
    function = mapping.function(c_int, c_int, c_void_p, offset=16)
    function(1, None)
    mapping.function(None)()
    assert_type(mapping.is_executable(), bool)


def areas(area: MemoryArea) -> None:
    assert_type(area.allocation_base(), int)
    assert_type(area.range(), range)
    assert_type(area.start(), int)
    assert_type(area.end(), int)
    assert_type(area.protection(), Protection)
    assert_type(area.share_mode(), ShareMode)
    assert_type(area.path(), Path | None)
    assert_type(area.file_offset(), int | None)
    assert_type(5 in area, bool)
    assert_type({area: 1}, dict[MemoryArea, int])
    assert_type(MemoryAreas.open(), MemoryAreas)
    assert_type(MemoryAreas.open(pid=1), MemoryAreas)
    assert_type(MemoryAreas.query(0), MemoryArea | None)
    assert_type(MemoryAreas.query_range(range(10)), MemoryAreas)
    assert_type(MemoryAreas.query_process(None, 0), MemoryArea | None)
    assert_type(MemoryAreas.query_process_range(1, slice(0, 10)), MemoryAreas)
    assert_type(next(MemoryAreas.open()), MemoryArea)
    assert_type([one.path() for one in MemoryAreas.open(None)], list[Path | None])


def errors() -> None:
    try:
        MmapOptions(1)
    except UnsafeFlagNeededError as error:
        assert_type(error.flags, UnsafeMmapFlags)
        assert_type(error.variant, str)
    except SystemCallError as error:
        # OSError's own stub leaves these two open.
        assert_type(error.errno, int | None)
        assert_type(error.strerror, str | None)
        assert_type(error.operation, str | None)
        assert_type(error.hint, str | None)
        if sys.platform == "win32":
            assert_type(error.winerror, int)
    except Error as error:
        assert_type(error.variant, str)
    assert_type(SystemCallError(1, "text", operation="open", variant="Nix"), SystemCallError)
    assert_type(copy.copy(ParseError("text", variant="Utf8")), ParseError)
