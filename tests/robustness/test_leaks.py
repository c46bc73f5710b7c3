"""Nothing is left behind: memory, areas, descriptors and objects stay bounded over thousands of rounds."""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import re
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import pytest

from mmap_rs import (
    Inherit,
    MemoryAreas,
    MemoryFile,
    Mmap,
    MmapFlags,
    MmapMut,
    MmapNone,
    MmapOptions,
    PageSize,
    Seals,
    UnsafeMmapFlags,
)
from tests.support.child_process import check_child

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or not Path("/proc/self/statm").exists(),
    reason="what a process holds is read from Linux's /proc",
)

PAGE = MmapOptions.page_size()
UNIT = MmapOptions.allocation_granularity()
ACTS: dict[str, Callable[[Path], None]] = {}


def act(function: Callable[[Path], None]) -> Callable[[Path], None]:
    """Register one round: what is done thousands of times, with a file of five pages at hand."""
    ACTS[function.__name__] = function
    return function


@dataclass
class Held:
    """What this process holds at a moment."""

    resident: int
    mapped: int
    areas: int
    descriptors: int
    blocks: int


def held() -> Held:
    """Take stock, after a collection."""
    gc.collect()
    mapped, resident = map(int, Path("/proc/self/statm").read_text().split()[:2])
    return Held(
        resident=resident * PAGE,
        mapped=mapped * PAGE,
        areas=Path("/proc/self/maps").read_bytes().count(b"\n"),
        descriptors=len(os.listdir("/proc/self/fd")),
        blocks=sys.getallocatedblocks(),
    )


def refused(call: Callable[[], object]) -> None:
    """Make a call that must fail."""
    with suppress(ValueError, TypeError, OSError, BufferError, OverflowError, IndexError):
        call()
        raise AssertionError("the call was not refused")


@act
def map_and_close(_: Path) -> None:
    for name in ("map_none", "map", "map_mut", "map_exec", "reserve", "reserve_mut"):
        getattr(MmapOptions(3 * PAGE), name)().close()


@act
def map_touch_and_drop(_: Path) -> None:
    mapping = MmapOptions(16 * PAGE).map_mut()
    mapping.fill(1)
    del mapping
    MmapOptions(16 * PAGE).with_flags(MmapFlags.POPULATE).map_mut()


@act
def map_odd_sizes(_: Path) -> None:
    for size in (1, PAGE - 1, PAGE + 1, 3 * PAGE - 5):
        with MmapOptions(size).map_mut() as mapping:
            mapping[-1] = 1


@act
def file_maps(path: Path) -> None:
    with MmapOptions.for_file(path).map() as mapping:
        assert mapping[0] == 0
    with path.open("r+b") as file:
        options = MmapOptions(2 * PAGE).with_file(file, UNIT).with_flags(MmapFlags.SHARED)
    written = options.map_mut()
    written[0] = 0
    written.flush_async()
    again = options.map()
    del options, again


@act
def conversions(_: Path) -> None:
    mapping: Any = MmapOptions(2 * PAGE).map_mut()
    for name in ("make_none", "make_read_only", "make_exec", "make_mut"):
        mapping = getattr(mapping, name)()
    Mmap.try_from(MmapNone.try_from(MmapOptions(PAGE).reserve_none()))


@act
def split_and_merge(_: Path) -> None:
    mapping = MmapOptions(6 * PAGE).map_mut()
    mapping.fill(1)
    tail = mapping.split_off(4 * PAGE)
    head = mapping.split_to(2 * PAGE)
    head.merge(mapping)
    head.merge(tail)
    tail = head.split_off(PAGE)
    head.close()


@act
def sizes_and_places(path: Path) -> None:
    mapping = MmapOptions(PAGE).map_mut()
    for size in (5, 3 * PAGE, 64 * PAGE, 2 * PAGE + 1):
        mapping.resize(size)
        mapping[-1] = 1
    refused(lambda: mapping.resize(0))
    refused(lambda: mapping.resize(2**46))
    with MmapOptions.for_file(path).with_flags(MmapFlags.SHARED).map_mut() as file:
        file.resize(PAGE)
        file.resize()
    reserved = MmapOptions(8 * PAGE).reserve_none()
    part = reserved.split_to(PAGE)
    options = MmapOptions(PAGE).with_file(path).with_flags(MmapFlags.SHARED)
    refused(options.with_reservation(reserved).map)
    placed = options.with_reservation(part).map_mut()
    refused(options.with_address(placed.start(), exact=True).map)
    options.with_repeats(4).map_mut()
    span = range(UNIT, placed.start())
    options.with_address_range(span).map()
    refused(options.with_address_range(range(placed.start(), placed.end())).map)
    placed.set_inheritance(Inherit.NONE)
    placed.populate(write=True)
    assert placed.resident() == PAGE


@act
def memory_files(_: Path) -> None:
    with MemoryFile(UNIT, name="round") as file:
        options = MmapOptions.for_file(file).with_flags(MmapFlags.SHARED)
        mapping = options.map_mut()
        mapping[0] = 1
        assert options.map_exec()[0] == 1
        options.with_repeats(3).map().close()
        file.resize(3 * UNIT)
        mapping.resize()
        refused(lambda: file.resize(0))
        refused(lambda: file.seal(Seals.WRITE))
        refused(lambda: MmapOptions(9 * UNIT).with_file(file).map())
        again = pickle.loads(ForkingPickler.dumps(file))
        assert again.size() == 3 * UNIT
        refused(lambda: pickle.dumps(mapping))
    refused(lambda: MmapOptions.for_file(file))
    refused(lambda: MemoryFile(UNIT, name="\0"))


@act
def views(_: Path) -> None:
    mapping = MmapOptions(PAGE).map_mut()
    with memoryview(mapping) as view, view[1:5] as part:
        part[0] = 1
    assert len(re.findall(b"\x01", mapping)) == 1
    window = (ctypes.c_char * 4).from_buffer(mapping)
    del window
    view = mapping.as_mut_slice()
    mapping.close(defer=True)
    cycle: list[Any] = [view]
    cycle.append(cycle)


@act
def files_over_mappings(_: Path) -> None:
    mapping = MmapOptions(PAGE).map_mut()
    with mapping.as_file() as file:
        file.write(b"abc")
        file.seek(0)
        assert file.read(3) == b"abc"
    mapping.as_file()
    mapping.close(defer=True)


@act
def functions(_: Path) -> None:
    mapping = MmapOptions(PAGE).map_exec()
    mapping.function(None)
    mapping.function(ctypes.c_int, ctypes.c_int, offset=8)
    refused(lambda: mapping.function(None, offset=PAGE))


@act
def bytes_of_all_kinds(_: Path) -> None:
    mapping = MmapOptions(PAGE).map_mut()
    mapping[0:5] = b"abcde"
    mapping[0:10:2] = bytearray(b"abcde")
    mapping[1:5] = mapping[0:4]
    mapping.copy_within(slice(0, 5), 9)
    mapping.find(b"de", 1)
    mapping.startswith((b"x", b"a"))
    assert b"q" not in mapping
    assert next(iter(mapping)) == next(iter(mapping))
    next(reversed(mapping))
    repr(mapping)


@act
def refused_maps(path: Path) -> None:
    refused(lambda: MmapOptions(0))
    refused(lambda: MmapOptions(PAGE).map_exec_mut())
    refused(lambda: MmapOptions(2**46).with_flags(MmapFlags.LOCKED).map_mut())
    refused(lambda: MmapOptions(PAGE).with_page_size(PageSize(45)).map())
    refused(lambda: MmapOptions(99 * PAGE).with_file(path).map())
    refused(lambda: MmapOptions(PAGE).with_file(path, 1).map())
    refused(lambda: MmapOptions(PAGE).with_file(path / "no such file").map())
    refused(lambda: MmapOptions(PAGE).with_file(987_654))
    locked = MmapFlags.LOCKED | MmapFlags.DONTNEED
    with suppress(OSError):
        MmapOptions(16 * PAGE).with_flags(locked).map_mut().close()


@act
def refused_acts(path: Path) -> None:
    mapping = MmapOptions(2 * PAGE).map_mut()
    second = mapping.split_off(PAGE)
    refused(lambda: mapping.split_off(1))
    refused(lambda: mapping.split_to(PAGE))
    refused(lambda: second.merge(mapping))
    refused(lambda: mapping.merge(mapping))
    refused(lambda: mapping.make_exec_mut())
    refused(lambda: mapping.flush(range(9 * PAGE)))
    refused(lambda: mapping[PAGE])
    refused(lambda: mapping.fill(300))
    refused(lambda: mapping.copy_from_slice(b"abc"))
    refused(lambda: mapping.index(b"not there"))
    view = memoryview(mapping)
    refused(mapping.close)
    refused(mapping.make_none)
    refused(lambda: mapping.merge(second))
    view.release()
    with path.open("rb") as file:
        shared = MmapOptions(PAGE).with_file(file).with_flags(MmapFlags.SHARED).map()
    refused(shared.make_mut)
    refused(lambda: MmapMut.try_from(shared))
    mapping.close()
    refused(mapping.size)


@act
def options_alone(path: Path) -> None:
    options = MmapOptions(PAGE).with_file(path).with_address(1 << 20).with_flags(MmapFlags.SHARED)
    options.with_unsafe_flags(UnsafeMmapFlags.JIT)
    MmapOptions.for_file(path)
    MmapOptions.page_sizes()


@act
def areas(_: Path) -> None:
    next(MemoryAreas.open())
    iterator = MemoryAreas.open(os.getpid())
    next(iterator)
    del iterator
    address = ctypes.addressof(ctypes.c_int())
    assert MemoryAreas.query(address) is not None
    assert len(list(MemoryAreas.query_range(range(address, address + 1)))) == 1
    refused(lambda: MemoryAreas.query(-1))


ROUNDS = {"areas": 1000, "memory_files": 10_000}


@pytest.mark.parametrize("name", ACTS)
def test_bounded(name: str) -> None:
    # A child: what other tests left to the allocator would be counted here.
    code = f"from tests.robustness import test_leaks as t; t.repeat({name!r})"
    assert check_child(code, timeout=110) == "done\n"


def repeat(name: str) -> None:
    """Do one act thousands of times, and compare what is held before and after."""
    rounds = ROUNDS.get(name, 5000)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "file"
        path.write_bytes(bytes(UNIT + 4 * PAGE))
        for _ in range(rounds // 10):
            ACTS[name](path)
        before = held()
        for _ in range(rounds):
            ACTS[name](path)
        after = held()
    print(f"{rounds} rounds: {before} -> {after}", file=sys.stderr)
    assert after.descriptors == before.descriptors, "descriptors"
    # Allocators may take an area more, and interned things a few blocks; a leak is thousands.
    assert after.areas - before.areas < 20, "areas"
    assert after.mapped - before.mapped < 4 * 1024 * 1024, "address space"
    assert after.resident - before.resident < 2 * 1024 * 1024, "memory"
    assert after.blocks - before.blocks < rounds // 10, "objects"
    print("done")
