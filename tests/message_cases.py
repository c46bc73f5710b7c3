"""The table of tests/test_messages.py: what to do wrong, the error, and words that its text must have."""

import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from mmap_rs import (
    BackingMismatchError,
    ConsumedError,
    InvalidOffsetError,
    InvalidOperationError,
    InvalidSizeError,
    MemoryAreas,
    Mmap,
    MmapFlags,
    MmapMut,
    MmapNone,
    MmapOptions,
    MustBeAdjacentError,
    PageSize,
    PageSizes,
    Protection,
    SystemCallError,
    UnsafeFlagNeededError,
    UnsafeMmapFlags,
)

PAGE = MmapOptions.page_size()
HUGE = MmapFlags.HUGE_PAGES
# More than any 64-bit system has addresses for; on a 32-bit one several are.
TOO_MUCH = sys.maxsize // 2 + 1


@dataclass(frozen=True)
class Case:
    """What to do wrong, the error, and words that its text must have."""

    name: str
    act: Callable[[Path], object]
    error: type[Exception]
    words: tuple[str, ...]


def fresh(size: int = 2 * PAGE) -> MmapMut:
    return MmapOptions(size).map_mut()


def wrong(value: object) -> Any:
    """Pass what type checkers would not let pass."""
    return value


def more_than_there_is() -> object:
    return [MmapOptions(TOO_MUCH).map_mut() for _ in range(8)]


def closed() -> MmapMut:
    mapping = fresh()
    mapping.close()
    return mapping


def consumed() -> MmapMut:
    mapping = fresh()
    mapping.make_read_only()
    return mapping


def set_item(mapping: MmapMut, key: object, value: object) -> None:
    cast("Any", mapping)[key] = value


def delete_item(mapping: object) -> None:
    del cast("Any", mapping)[0]


def while_exported(act: Callable[[MmapMut], object]) -> None:
    mapping = fresh()
    with memoryview(mapping):
        act(mapping)


def merge_files(folder: Path, *, second: str, offset: int) -> None:
    """Merge mappings of one file, or of two, that lie side by side in a reservation."""
    (folder / "one").write_bytes(bytes(3 * PAGE))
    (folder / "two").write_bytes(bytes(3 * PAGE))
    place = MmapOptions(2 * PAGE).reserve_none()
    # Where the reservation lies nothing else does.
    options = MmapOptions(PAGE).with_unsafe_flags(UnsafeMmapFlags.MAP_FIXED)
    start = place.start()
    low = options.with_address(start).with_file(folder / "one").map_mut()
    high = options.with_address(start + PAGE).with_file(folder / second, offset).map_mut()
    try:
        low.merge(high)
    finally:
        # Both lie over the reservation, which gives the memory back.
        low.close()
        high.close()


def merge_apart() -> None:
    mapping = fresh(3 * PAGE)
    high = mapping.split_off(2 * PAGE)
    mapping.split_off(PAGE)
    mapping.merge(high)


def merge_kinds(folder: Path) -> None:
    del folder
    mapping: Any = fresh()
    mapping.merge(MmapOptions(PAGE).map())


def small(folder: Path, size: int = 10) -> Path:
    path = folder / "small"
    path.write_bytes(bytes(size))
    return path


CASES = [
    # sizes, offsets, options
    Case("size 0", lambda _: MmapOptions(0), InvalidSizeError, ("0 bytes",)),
    Case("size -1", lambda _: MmapOptions(-1), OverflowError, ("negative",)),
    Case(
        "size of the wrong type",
        lambda _: MmapOptions(wrong("8")),
        TypeError,
        ("'str'", "integer"),
    ),
    Case(
        "page size no power",
        lambda _: PageSize.from_bytes(5000),
        InvalidSizeError,
        ("5000", "power of two"),
    ),
    Case("page size too large", lambda _: PageSize(64), InvalidSizeError, ("2**64",)),
    Case(
        "several page sizes",
        lambda _: PageSize.try_from(PageSizes._4K | PageSizes._2M),
        InvalidSizeError,
        ("_4K", "_2M", "2"),
    ),
    Case("page size unknown", lambda _: PageSizes.from_bytes(5000), ValueError, ("5000",)),
    Case(
        "huge and odd",
        lambda _: MmapOptions(PAGE).with_flags(HUGE).map(),
        InvalidSizeError,
        (str(PAGE), "multiple"),
    ),
    Case(
        "page size absent",
        lambda _: MmapOptions(1 << 30).with_page_size(PageSize._16G).map(),
        InvalidSizeError,
        ("2**34", "4K"),
    ),
    Case(
        "empty file",
        lambda folder: MmapOptions.for_file(small(folder, 0)),
        InvalidSizeError,
        ("small", "0 bytes"),
    ),
    Case(
        "past the end",
        lambda folder: MmapOptions(100).with_file(small(folder)).map(),
        InvalidSizeError,
        ("small", "10", "100", "past_end=True"),
    ),
    Case(
        "file offset",
        lambda folder: MmapOptions(1).with_file(small(folder), 7),
        InvalidOffsetError,
        ("7", str(MmapOptions.allocation_granularity())),
    ),
    Case(
        "fixed without address",
        lambda _: MmapOptions(PAGE).with_unsafe_flags(UnsafeMmapFlags.MAP_FIXED).map(),
        InvalidOperationError,
        ("MAP_FIXED", "with_address()"),
    ),
    Case(
        "writable and executable",
        lambda _: MmapOptions(PAGE).map_exec_mut(),
        UnsafeFlagNeededError,
        ("with_unsafe_flags(JIT)",),
    ),
    Case(
        "unknown bits",
        lambda _: MmapOptions(1).with_flags(wrong(1 << 30)),
        ValueError,
        ("MmapFlags",),
    ),
    Case(
        "flag of another class",
        lambda _: MmapOptions(1).with_flags(wrong(Protection.READ)),
        TypeError,
        ("MmapFlags", "Protection.READ"),
    ),
    Case(
        "no file",
        lambda _: MmapOptions(1).with_file(wrong(1.5)),
        TypeError,
        ("path", "descriptor", "fileno()", "float"),
    ),
    Case(
        "null byte",
        lambda _: MmapOptions(1).with_file("a\0b"),
        ValueError,
        ("null byte", "'a\\x00b'"),
    ),
    # bytes
    Case("index", lambda _: fresh()[2 * PAGE], IndexError, (str(2 * PAGE), "out of range")),
    Case("index type", lambda _: wrong(fresh())["a"], TypeError, ("integers or slices", "str")),
    Case("byte too large", lambda _: set_item(fresh(), 0, 256), ValueError, ("range(0, 256)",)),
    Case(
        "slice of another length",
        lambda _: set_item(fresh(), slice(0, 3), b"four"),
        ValueError,
        ("3", "4", "fixed size"),
    ),
    Case(
        "assigning to Mmap",
        lambda _: set_item(wrong(MmapOptions(1).map()), 0, 0),
        TypeError,
        ("Mmap", "item assignment"),
    ),
    Case("deleting", lambda _: delete_item(fresh()), TypeError, ("deleted", "fixed size")),
    Case("not found", lambda _: fresh().index(b"x"), ValueError, ("not found",)),
    Case("search for text", lambda _: fresh().find(wrong("x")), TypeError, ("bytes-like", "str")),
    Case(
        "prefix of text",
        lambda _: fresh().startswith(wrong("x")),
        TypeError,
        ("startswith", "bytes", "str"),
    ),
    Case(
        "copy of another length",
        lambda _: fresh().copy_from_slice(b"abc"),
        InvalidSizeError,
        ("3 bytes", str(2 * PAGE)),
    ),
    Case(
        "copy that leaves",
        lambda _: fresh().copy_within(range(4), 2 * PAGE - 1),
        InvalidOffsetError,
        ("4 bytes", str(2 * PAGE - 1), str(2 * PAGE)),
    ),
    # ranges
    Case(
        "range that leaves",
        lambda _: fresh().flush(range(9 * PAGE)),
        InvalidOffsetError,
        (f"0..{9 * PAGE}", str(2 * PAGE)),
    ),
    Case(
        "range backwards",
        lambda _: fresh().fill(0, slice(9, 3)),
        InvalidOffsetError,
        ("9..3", "ends before"),
    ),
    Case("range with a step", lambda _: fresh().flush(range(0, 8, 2)), ValueError, ("step", "2")),
    Case(
        "no range",
        lambda _: fresh().flush(wrong("all")),
        TypeError,
        ("range", "slice", "str"),
    ),
    Case(
        "areas backwards",
        lambda _: MemoryAreas.query_range(range(9, 3)),
        InvalidOffsetError,
        ("9", "3"),
    ),
    # split, merge, change
    Case(
        "split off a page boundary",
        lambda _: fresh().split_off(7),
        InvalidOffsetError,
        ("7", str(PAGE)),
    ),
    Case("split at 0", lambda _: fresh().split_to(0), InvalidOffsetError, ("0", str(2 * PAGE))),
    Case("merge of what is apart", lambda _: merge_apart(), MustBeAdjacentError, ("0x",)),
    Case("merge of kinds", merge_kinds, TypeError, ("MmapMut", "Mmap")),
    Case(
        "merge of two files",
        lambda folder: merge_files(folder, second="two", offset=PAGE),
        BackingMismatchError,
        ("one", "two", "different files"),
    ),
    Case(
        "merge at another offset",
        lambda folder: merge_files(folder, second="one", offset=2 * PAGE),
        BackingMismatchError,
        (str(PAGE), str(2 * PAGE)),
    ),
    Case(
        "conversion that upstream has not",
        lambda _: MmapNone.try_from(wrong(fresh())),
        TypeError,
        ("MmapNone", "MmapMut"),
    ),
    Case(
        "advice that is none",
        lambda _: fresh().advise(MmapFlags.SHARED),
        InvalidOperationError,
        ("SHARED", "no advice"),
    ),
    Case("closed", lambda _: closed()[0], ConsumedError, ("MmapMut was closed",)),
    Case(
        "consumed",
        lambda _: consumed()[0],
        ConsumedError,
        ("MmapMut was consumed by make_read_only",),
    ),
    Case(
        "exported",
        lambda _: while_exported(MmapMut.close),
        BufferError,
        ("MmapMut", "1 buffer", "release"),
    ),
    # code
    Case(
        "function of data",
        lambda _: fresh().function(ctypes.c_int),
        InvalidOperationError,
        ("MmapMut", "not executable", "make_exec()"),
    ),
    Case(
        "function outside",
        lambda _: MmapOptions(PAGE).map_exec().function(None, offset=PAGE),
        InvalidOffsetError,
        (str(PAGE), "outside"),
    ),
    Case(
        "no ctypes type",
        lambda _: MmapOptions(PAGE).map_exec().function(wrong(int)),
        TypeError,
        ("restype", "ctypes", "int"),
    ),
    # what the system refuses
    Case(
        "missing file",
        lambda _: MmapOptions(1).with_file("missing").map(),
        FileNotFoundError,
        ("open for reading", "'missing'"),
    ),
    Case(
        "missing file, writing",
        lambda _: MmapOptions(1).with_file("missing").with_flags(MmapFlags.SHARED).map_mut(),
        FileNotFoundError,
        ("writing", "'missing'"),
    ),
    Case("descriptor", lambda _: MmapOptions(1).with_file(987), OSError, ("descriptor 987",)),
    Case(
        "no such process",
        lambda _: MemoryAreas.open(2**22 + 1),
        ProcessLookupError,
        (str(2**22 + 1), "memory areas"),
    ),
]


SYSTEM = [
    Case(
        "no memory",
        lambda _: more_than_there_is(),
        SystemCallError,
        (f"mmap of {TOO_MUCH} bytes", "Errno 12", "RLIMIT_AS"),
    ),
    Case(
        "lock of what can't be",
        lambda _: MmapOptions(PAGE).map_none().lock(),
        SystemCallError,
        (f"mlock of {PAGE} bytes at 0x", "RLIMIT_MEMLOCK"),
    ),
    Case(
        "a file opened for reading",
        lambda folder: read_only_shared(folder),
        PermissionError,
        ("mmap of 10 bytes", "small", "opened for", "writing"),
    ),
    Case(
        "a directory",
        lambda folder: MmapOptions(10).with_file(folder, past_end=True).map(),
        OSError,
        ("mmap of 10 bytes", "can't be mapped"),
    ),
    Case(
        "advice that the system can't follow",
        lambda _: locked_then_dropped(),
        OSError,
        ("madvise DONTNEED", "0x"),
    ),
]


def read_only_shared(folder: Path) -> Mmap | MmapMut:
    with small(folder).open("rb") as file:
        return MmapOptions(10).with_file(file).with_flags(MmapFlags.SHARED).map_mut()


def locked_then_dropped() -> None:
    mapping = MmapOptions(PAGE).map_mut()
    mapping.lock()
    mapping.advise(MmapFlags.DONTNEED)
