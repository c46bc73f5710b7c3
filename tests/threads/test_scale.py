"""What stays the same as there is more of it: threads side by side, tens of thousands of mappings."""

import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mmap_rs import Mmap, MmapMut, MmapOptions
from tests.support.child_process import check_child

PATIENCE = 3.0
"""Seconds to wait for a moment in which the machine gives two threads a processor each."""
TOGETHER = 0.7
"""Two threads take at most this part of the time of one: half, and room for their start and end."""


def processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def seconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def together(first: Callable[[], object], second: Callable[[], object]) -> None:
    other = threading.Thread(target=second)
    other.start()
    first()
    other.join()


def share(first: Callable[[], object], second: Callable[[], object]) -> float:
    """Return the time of two calls by two threads, as a part of that by one; the best of many turns."""
    alone = beside = float("inf")
    end = time.perf_counter() + PATIENCE
    while True:
        alone = min(alone, seconds(first) + seconds(second))
        beside = min(beside, seconds(lambda: together(first, second)))
        if beside <= TOGETHER * alone or time.perf_counter() > end:
            return beside / alone


def ready() -> float:
    """Return how long this thread was on a processor, or was waiting for one, in seconds."""
    text = Path("/proc/thread-self/schedstat").read_text(encoding="utf-8")
    return sum(map(int, text.split()[:2])) / 1e9


def waits(call: Callable[[], object]) -> float:
    """Return for what part of two calls side by side a thread waited, but not for a processor."""
    start: list[float] = []
    barrier = threading.Barrier(2, lambda: start.append(time.perf_counter()))
    found: list[float] = []

    def run() -> None:
        before = ready()
        barrier.wait()
        call()
        found.append(1 - (ready() - before) / (time.perf_counter() - start[0]))

    together(run, run)
    return max(found)


def check_share(first: Callable[[], object], second: Callable[[], object]) -> None:
    found = share(first, second)
    if found <= TOGETHER:
        return
    # Wine shows programs of Windows the files of its host, but not their own.
    if sys.platform == "win32" or not Path("/proc/thread-self/schedstat").exists():
        pytest.skip(f"two threads take {found:.2f} of the time of one: the machine may be busy")
    # On a busy machine two threads have no two processors, but neither of them waits for the other.
    part = min(waits(first) for _ in range(10))
    assert part < 0.1, f"{found:.2f} of the time of one thread, and {part:.2f} spent waiting"


NEEDLE = bytes(random.Random(2).choices(b"acgt", k=64))


@pytest.fixture(scope="module")
def haystacks() -> Iterator[tuple[Mmap, Mmap]]:
    """Two mappings over which a search is work for the processor, not for the memory."""
    size = 8 << 20
    content = bytes(random.Random(1).choices(b"acgt", k=1 << 20)) * (size >> 20)

    def make() -> Mmap:
        mapping = MmapOptions(size).map_mut()
        mapping.copy_from_slice(content)
        return mapping.make_read_only()

    with make() as first, make() as second:
        yield first, second


@pytest.mark.skipif(processors() < 2, reason="two threads need two processors")
@pytest.mark.parametrize("same", [False, True], ids=["two maps", "one map"])
def test_two_threads_search_in_half_the_time(haystacks: tuple[Mmap, Mmap], same: bool) -> None:
    first, second = haystacks
    other = first if same else second
    loops = range(5)
    check_share(
        lambda: [first.count(NEEDLE) for _ in loops], lambda: [other.count(NEEDLE) for _ in loops]
    )


def cost(work: Callable[[], object], loops: int = 200, turns: int = 30) -> float:
    """Return the least time of one call, in seconds."""

    def many() -> None:
        for _ in range(loops):
            work()

    return min(seconds(many) for _ in range(turns)) / loops


def divide(mapping: MmapMut, page: int) -> None:
    mapping.merge(mapping.split_off(page))


def test_splitting_and_merging_cost_the_same_among_many_mappings(page: int) -> None:
    with MmapOptions(2 * page).map_mut() as mapping:
        few = cost(lambda: divide(mapping, page))
        # Neighbours of another protection: the system can't make one area of them.
        others = [
            options.map() if number % 2 else options.map_mut()
            for options in [MmapOptions(page)]
            for number in range(10_000)
        ]
        many = cost(lambda: divide(mapping, page))
        for other in others:
            other.close()
    # Reading the list of areas, as the crate's own merge does, would cost a thousand times as much.
    assert many < 4 * few, f"{few * 1e9:.0f} ns among few mappings, {many * 1e9:.0f} among many"


def most_areas() -> int:
    try:
        return int(Path("/proc/sys/vm/max_map_count").read_text(encoding="utf-8"))
    except OSError:
        return 0


FIFTY_THOUSAND = """
from mmap_rs import MemoryAreas, MmapOptions

options = MmapOptions(MmapOptions.page_size())
before = sum(1 for _ in MemoryAreas.open())
# Neighbours of another protection: the system can't make one area of them, but for a few beside the
# interpreter's own memory.
maps = [options.map() if number % 2 else options.map_mut() for number in range(50_000)]
assert len({m.start() for m in maps}) == 50_000
assert sum(1 for _ in MemoryAreas.open()) >= before + 49_000
for number in range(0, 50_000, 2):
    maps[number][7] = number % 251
for number in range(0, 50_000, 2):
    assert maps[number][7] == number % 251
for number in (0, 24_999, 49_999):
    area = MemoryAreas.query(maps[number].start())
    assert area is not None and maps[number].start() in area
maps[0] = maps[0].make_read_only().make_mut()
for m in maps[:25_000]:
    m.close()
del m, maps
after = sum(1 for _ in MemoryAreas.open())
assert after < before + 100, (before, after)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how many areas a process may have")
@pytest.mark.skipif(
    0 < most_areas() < 60_000, reason="vm.max_map_count allows fewer than 60,000 areas of memory"
)
def test_fifty_thousand_mappings_live_at_once() -> None:
    check_child(FIFTY_THOUSAND)
