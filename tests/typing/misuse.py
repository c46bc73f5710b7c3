"""What the stubs must refuse: for the type checkers only, never run.

Each marked line is a mistake to both checkers, which honour the same mark. A mark that is not needed is
an error itself, so that a line which they no longer refuse fails the check.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from ctypes import c_int

from mmap_rs import (
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
    SystemCallError,
    UnsafeMmapFlags,
)


def flags(options: MmapOptions, mapping: Mmap) -> None:
    options.with_flags(UnsafeMmapFlags.JIT)  # type: ignore[arg-type]
    options.with_flags(Protection.READ)  # type: ignore[arg-type]
    options.with_flags(1)  # type: ignore[arg-type]
    options.with_unsafe_flags(MmapFlags.SHARED)  # type: ignore[arg-type]
    options.with_page_size(PageSizes._2M)  # type: ignore[arg-type]
    options.with_page_size(21)  # type: ignore[arg-type]
    mapping.advise(UnsafeMmapFlags.JIT)  # type: ignore[arg-type]
    PageSize.try_from(PageSize._2M)  # type: ignore[arg-type]
    MmapFlags.UNKNOWN  # type: ignore[attr-defined]
    PageSizes.from_bytes("4096")  # type: ignore[arg-type]
    MmapFlags.SHARED = 2  # type: ignore[assignment, misc]


def options(made: MmapOptions) -> None:
    MmapOptions()  # type: ignore[call-arg]
    MmapOptions("4096")  # type: ignore[arg-type]
    MmapOptions(4096.0)  # type: ignore[arg-type]
    made.with_file(None)  # type: ignore[arg-type]
    made.with_file("path", 0, True)  # type: ignore[call-arg]
    made.with_file("path", 1.0)  # type: ignore[arg-type]
    made.map(4096)  # type: ignore[call-arg]


def constructors() -> None:
    Mmap(4096)  # type: ignore[call-arg]
    MmapMut(b"bytes")  # type: ignore[call-arg]
    Mapping(4096)  # type: ignore[call-arg]
    MemoryArea(0)  # type: ignore[call-arg]
    MemoryAreas(1)  # type: ignore[call-arg]


class Derived(MmapMut):  # type: ignore[misc]
    pass


def immutable(size: PageSize, mapping: Mmap, write: MmapMut) -> None:
    size.log2 = 13  # type: ignore[misc]
    PageSize._4K < 4096  # type: ignore[operator]
    mapping[0] = 1  # type: ignore[index]
    mapping[0:1] = b"a"  # type: ignore[index]
    del mapping[0]  # type: ignore[attr-defined]
    del write[0]  # type: ignore[attr-defined]
    mapping.fill(0)  # type: ignore[attr-defined]
    mapping.as_mut_slice()  # type: ignore[attr-defined]
    mapping.closed()  # type: ignore[operator]
    mapping.closed = True  # type: ignore[misc]


def no_bytes(none: MmapNone, reserved: Reserved) -> None:
    none[0]  # type: ignore[index]
    reserved[0]  # type: ignore[index]
    memoryview(none)  # type: ignore[arg-type]
    bytes(memoryview(reserved))  # type: ignore[arg-type]
    none.find(b"a")  # type: ignore[attr-defined]
    none.as_file()  # type: ignore[attr-defined]
    reserved.lock()  # type: ignore[attr-defined]
    reserved.flush()  # type: ignore[attr-defined]
    list(reserved)  # type: ignore[call-overload]


def takes(_: MmapMut) -> None:
    pass


def conversions(
    m_none: MmapNone, m_read: Mmap, m_write: MmapMut, r_none: ReservedNone, r_write: ReservedMut
) -> None:
    Mmap.try_from(m_read)  # type: ignore[arg-type]
    Mmap.try_from(r_none)  # type: ignore[arg-type]
    MmapMut.try_from(r_none)  # type: ignore[arg-type]
    MmapNone.try_from(m_write)  # type: ignore[arg-type]
    Reserved.try_from(m_none)  # type: ignore[arg-type]
    ReservedNone.try_from(r_write)  # type: ignore[attr-defined]
    m_read.merge(m_write)  # type: ignore[arg-type]
    takes(m_write.make_read_only())  # type: ignore[arg-type]
    takes(r_write.make_mut())  # type: ignore[arg-type]


def octets(mapping: MmapMut) -> None:
    mapping["a"]  # type: ignore[call-overload]
    mapping[1.0]  # type: ignore[call-overload]
    mapping[0] = b"a"  # type: ignore[call-overload]
    mapping[0:1] = 1  # type: ignore[call-overload]
    mapping[0:2] = [1, 2]  # type: ignore[call-overload]
    mapping.find("text")  # type: ignore[arg-type]
    mapping.find(sub=b"a")  # type: ignore[call-arg]
    mapping.startswith([b"a"])  # type: ignore[arg-type]
    mapping.startswith(97)  # type: ignore[arg-type]
    mapping.flush((0, 10))  # type: ignore[arg-type]
    mapping.flush(10)  # type: ignore[arg-type]
    mapping.copy_within(3, 5)  # type: ignore[arg-type]
    mapping.copy_from_slice("text")  # type: ignore[arg-type]
    mapping.fill(b"a")  # type: ignore[arg-type]
    mapping.close(True)  # type: ignore[call-arg]
    "text" in mapping  # type: ignore[operator]


def code(mapping: Mmap) -> None:
    mapping.function()  # type: ignore[call-arg]
    mapping.function(int)  # type: ignore[arg-type]
    mapping.function(c_int, int)  # type: ignore[arg-type]
    mapping.function(c_int, c_int, c_int(1), offset="1")  # type: ignore[arg-type]


def areas(area: MemoryArea) -> None:
    MemoryAreas.open("self")  # type: ignore[arg-type]
    MemoryAreas.query(None)  # type: ignore[arg-type]
    MemoryAreas.query_range((0, 10))  # type: ignore[arg-type]
    area.start = 0  # type: ignore[assignment, method-assign]
    area.path().name  # type: ignore[union-attr]
    "text" in area  # type: ignore[operator]


def errors() -> None:
    SystemCallError(1)  # type: ignore[call-arg]
    SystemCallError("1", "text")  # type: ignore[arg-type]
    SystemCallError(1, "text", variant="Unix")  # type: ignore[arg-type]
    ParseError("text", variant="Io")  # type: ignore[arg-type]
