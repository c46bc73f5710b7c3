"""For test_messages.py: wrong arguments, the error, and words that its message must have."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from mmap_rs import (
    InvalidOffsetError,
    InvalidOperationError,
    InvalidSizeError,
    MemoryAreas,
    MmapFlags,
    MmapMut,
    MmapOptions,
    PageSize,
    PageSizes,
    Protection,
    UnsafeFlagNeededError,
    UnsafeMmapFlags,
)

PAGE = MmapOptions.page_size()
LOG2 = PAGE.bit_length() - 1
HUGE = MmapFlags.HUGE_PAGES
# The greatest address or size.
MOST = 2 * sys.maxsize + 1


@dataclass(frozen=True)
class Case:
    """What to do wrong, the error, and words that its text must have, and must not have."""

    name: str
    act: Callable[[Path], object]
    error: type[Exception]
    words: tuple[str, ...]
    absent: tuple[str, ...] = ()


def fresh(size: int = 2 * PAGE) -> MmapMut:
    return MmapOptions(size).map_mut()


def wrong(value: object) -> Any:
    """Pass what type checkers would not let pass."""
    return value


def set_item(mapping: MmapMut, key: object, value: object) -> None:
    cast("Any", mapping)[key] = value


def delete_item(mapping: object) -> None:
    del cast("Any", mapping)[0]


def small(folder: Path, size: int = 10) -> Path:
    path = folder / "small"
    path.write_bytes(bytes(size))
    return path


CASES = [
    # sizes, offsets, options
    Case("size 0", lambda _: MmapOptions(0), InvalidSizeError, ("0 bytes", "at least 1")),
    Case("size -1", lambda _: MmapOptions(-1), OverflowError, ("-1 ", "range", f"0 to {MOST}")),
    Case("size too large", lambda _: MmapOptions(MOST + 1), OverflowError, (str(MOST + 1),)),
    Case(
        "size of a thousand digits",
        lambda _: MmapOptions(10**9999),
        OverflowError,
        ("the number", str(MOST)),
    ),
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
    Case(
        "page size by its bytes",
        lambda _: PageSize(4096),
        InvalidSizeError,
        ("2**4096", "logarithm", "from_bytes()"),
    ),
    Case(
        "several page sizes",
        lambda _: PageSize.try_from(PageSizes._4K | PageSizes._2M),
        InvalidSizeError,
        ("_4K", "_2M", "2 page sizes", "exactly 1"),
    ),
    Case(
        "page size unknown",
        lambda _: PageSizes.from_bytes(5000),
        ValueError,
        ("5000", "the sizes are 4096, "),
    ),
    Case(
        "huge and odd",
        lambda _: MmapOptions(PAGE).with_flags(HUGE).map(),
        InvalidSizeError,
        (str(PAGE), "multiple", "round the size up"),
    ),
    Case(
        "huge and not",
        lambda _: MmapOptions(PAGE).with_flags(HUGE).with_page_size(PageSize(LOG2)).map(),
        InvalidSizeError,
        ("HUGE_PAGES", str(PAGE), "omit one"),
    ),
    Case(
        "page size absent",
        lambda _: MmapOptions(1 << 30).with_page_size(PageSize._16G).map(),
        InvalidSizeError,
        ("2**34", "4K"),
    ),
    Case(
        "past the end",
        lambda folder: MmapOptions(100).with_file(small(folder)).map(),
        InvalidSizeError,
        ("small", "10", "100", "os.truncate", "past_end=True"),
    ),
    Case(
        "file offset",
        lambda folder: MmapOptions(1).with_file(small(folder), 7),
        InvalidOffsetError,
        ("7", str(MmapOptions.allocation_granularity()), "map from 0", "7 bytes later"),
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
        ("with_unsafe_flags(UnsafeMmapFlags.JIT)", "map_mut()", "make_exec()"),
    ),
    Case(
        "unknown bits",
        lambda _: MmapOptions(1).with_flags(wrong(1 << 30)),
        ValueError,
        (str(1 << 30), "MmapFlags"),
    ),
    Case(
        "flag of another class",
        lambda _: MmapOptions(1).with_flags(wrong(Protection.READ)),
        TypeError,
        ("MmapFlags", "Protection.READ"),
    ),
    Case(
        "flag as text",
        lambda _: MmapOptions(1).with_flags(wrong("SHARED")),
        TypeError,
        ("MmapFlags are needed", "str"),
    ),
    Case(
        "page size as a number",
        lambda _: MmapOptions(1).with_page_size(wrong(PAGE)),
        TypeError,
        ("PageSize is needed", "int", "PageSize.from_bytes()"),
    ),
    Case(
        "page sizes in place of one",
        lambda _: MmapOptions(1).with_page_size(wrong(PageSizes._4K)),
        TypeError,
        ("PageSize is needed", "PageSizes"),
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
    Case(
        "byte too large", lambda _: set_item(fresh(), 0, 256), ValueError, ("range(0, 256)", "256")
    ),
    Case("negative byte", lambda _: fresh().fill(-1), ValueError, ("range(0, 256)", "not -1")),
    Case(
        "slice of another length",
        lambda _: set_item(fresh(), slice(0, 3), b"four"),
        ValueError,
        ("3", "4", "keeps the size", "resize() makes it longer"),
    ),
    Case(
        "assigning to Mmap",
        lambda _: set_item(wrong(MmapOptions(1).map()), 0, 0),
        TypeError,
        ("Mmap", "item assignment"),
    ),
    Case("deleting", lambda _: delete_item(fresh()), TypeError, ("deleted", "resize()")),
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
        ("3 bytes", str(2 * PAGE), "m[a:b] ="),
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
    Case(
        "range from before the start",
        lambda _: fresh().flush(range(-1, 8)),
        OverflowError,
        ("-1 ", "0 to", "from the start, never from the end"),
    ),
    Case(
        "slice from the end",
        lambda _: fresh().fill(0, slice(None, -3)),
        OverflowError,
        ("-3 ", "0 to", "from the start, never from the end"),
    ),
    Case(
        "range too large",
        lambda _: fresh().fill(0, range(MOST + 1)),
        OverflowError,
        (str(MOST + 1), f"0 to {MOST}"),
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
]
