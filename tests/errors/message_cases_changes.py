"""For test_messages.py: impossible changes, the error, and words that its message must have."""

import ctypes
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmap_rs import (
    BackingMismatchError,
    ConsumedError,
    InvalidOffsetError,
    InvalidOperationError,
    MmapFlags,
    MmapMut,
    MmapNone,
    MmapOptions,
    MustBeAdjacentError,
    UnsafeMmapFlags,
)
from tests.errors.message_cases import PAGE, Case, fresh, wrong

UNIT = MmapOptions.allocation_granularity()


def closed() -> MmapMut:
    mapping = fresh()
    mapping.close()
    return mapping


def consumed() -> MmapMut:
    mapping = fresh()
    mapping.make_read_only()
    return mapping


def merged() -> MmapMut:
    mapping = fresh()
    high = mapping.split_off(PAGE)
    mapping.merge(high)
    return high


def while_exported(act: Callable[[MmapMut], object]) -> None:
    mapping = fresh()
    with memoryview(mapping):
        act(mapping)


def merge_files(folder: Path, *, second: str, offset: int) -> None:
    """Merge mappings of one file, or of two, that lie side by side in a reservation."""
    (folder / "one").write_bytes(bytes(3 * UNIT))
    (folder / "two").write_bytes(bytes(3 * UNIT))
    place = MmapOptions(2 * UNIT).reserve_none()
    # Where the reservation lies nothing else does.
    options = MmapOptions(UNIT).with_unsafe_flags(UnsafeMmapFlags.MAP_FIXED)
    start = place.start()
    if sys.platform == "win32":
        # There MAP_FIXED takes a free place only.
        place.close()
    low = options.with_address(start).with_file(folder / "one").map_mut()
    high = options.with_address(start + UNIT).with_file(folder / second, offset).map_mut()
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


def merge_backwards() -> None:
    mapping = fresh()
    mapping.split_off(PAGE).merge(mapping)


def merge_kinds(folder: Path) -> None:
    del folder
    mapping: Any = fresh()
    mapping.merge(MmapOptions(PAGE).map())


CHANGES = [
    Case(
        "split off a page boundary",
        lambda _: fresh().split_off(7),
        InvalidOffsetError,
        ("7", f"the page size, {PAGE} bytes: {PAGE} is"),
    ),
    Case(
        "split of one page",
        lambda _: fresh(PAGE).split_to(7),
        InvalidOffsetError,
        ("7", "one page can't be split"),
    ),
    Case("split before the start", lambda _: fresh().split_to(-1), OverflowError, ("-1 ",)),
    Case("split at 0", lambda _: fresh().split_to(0), InvalidOffsetError, ("0", str(2 * PAGE))),
    Case(
        "merge of what is apart",
        lambda _: merge_apart(),
        MustBeAdjacentError,
        ("0x", "must be adjacent"),
    ),
    Case(
        "merge the wrong way round",
        lambda _: merge_backwards(),
        MustBeAdjacentError,
        ("0x", "the other way round"),
    ),
    Case("merge of kinds", merge_kinds, TypeError, ("MmapMut", "Mmap")),
    Case(
        "merge of two files",
        lambda folder: merge_files(folder, second="two", offset=UNIT),
        BackingMismatchError,
        ("one", "two", "different files", "only parts of one"),
    ),
    Case(
        "merge at another offset",
        lambda folder: merge_files(folder, second="one", offset=2 * UNIT),
        BackingMismatchError,
        (str(UNIT), str(2 * UNIT)),
    ),
    Case(
        "conversion that upstream has not",
        lambda _: MmapNone.try_from(wrong(fresh())),
        TypeError,
        ("MmapNone.try_from() takes ReservedNone", "not MmapMut"),
    ),
    Case(
        "conversion of something else",
        lambda _: MmapMut.try_from(wrong(1)),
        TypeError,
        ("MmapMut.try_from() takes MmapNone or Mmap or ReservedMut", "not int"),
    ),
    Case(
        "pickling",
        lambda _: pickle.dumps(fresh()),
        TypeError,
        ("this MmapMut can't be pickled or sent", "MemoryFile", "bytes(m)"),
    ),
    Case(
        "advice that is none",
        lambda _: fresh().advise(MmapFlags.SHARED),
        InvalidOperationError,
        ("SHARED is not advice: advise() takes NO_CORE_DUMP", "DONTNEED"),
    ),
    Case(
        "several that are no advice",
        lambda _: fresh().advise(MmapFlags.SHARED | MmapFlags.POPULATE | MmapFlags.WILLNEED),
        InvalidOperationError,
        ("SHARED, POPULATE are not advice",),
    ),
    Case(
        "the number of another module's advice",
        lambda _: wrong(fresh()).advise(2),
        InvalidOperationError,
        ("POPULATE is not advice", "the module mmap", "MmapFlags.SEQUENTIAL"),
    ),
    Case("closed", lambda _: closed()[0], ConsumedError, ("MmapMut was closed",)),
    Case(
        "consumed",
        lambda _: consumed()[0],
        ConsumedError,
        ("MmapMut was consumed by make_read_only", "use the mapping that it returned"),
    ),
    Case(
        "merged",
        lambda _: merged()[0],
        ConsumedError,
        ("MmapMut was consumed by merge", "use the mapping that it became part of"),
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
]
