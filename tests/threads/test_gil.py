"""Calls that take long let other threads run meanwhile: they hold no interpreter lock."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mmap_rs import MemoryFile, MmapFlags, MmapMut, MmapOptions


class Ticker:
    """A thread that notes the time over and over, as long as it is let."""

    def __init__(self) -> None:
        self.ticks: list[float] = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        while not self.stop.wait(0.0005):
            self.ticks.append(time.perf_counter())

    def during(self, call: Callable[[], object]) -> tuple[int, float]:
        """Return how often the ticker ran during a call, and how many seconds the call took."""
        self.thread.start()
        time.sleep(0.01)
        begin = time.perf_counter()
        call()
        end = time.perf_counter()
        self.stop.set()
        self.thread.join()
        return sum(1 for tick in self.ticks if begin < tick < end), end - begin


# Between the clock and the call, one tick is possible, and one after the call; while the lock is held, none.
ENOUGH = 3
# During one call, a busy machine may give the ticker no processor; so several are made.
TURNS = 20


def check_ticks(
    prepare: Callable[[], Callable[[], object]], shortest: float = 0.0, enough: int = ENOUGH
) -> None:
    """Fail if no prepared call lets the ticker run; skip if all took less than `shortest` seconds."""
    ticks, seconds = 0, 0.0
    for _ in range(TURNS):
        found, took = Ticker().during(prepare())
        if found >= enough:
            return
        ticks, seconds = max(ticks, found), max(seconds, took)
    if seconds < shortest:
        pytest.skip(f"the call took at most {seconds * 1000:.1f} ms here: too quick to tell")
    raise AssertionError(f"at most {ticks} ticks in at most {seconds:.4f} s")


LARGE = 256 * 1024 * 1024 if sys.maxsize > 2**32 else 64 * 1024 * 1024
LONG_CALLS: dict[str, Callable[[MmapMut], object]] = {
    "find": lambda mapping: mapping.find(b"\x01\x02"),
    "rfind": lambda mapping: mapping.rfind(b"\x01"),
    "count": lambda mapping: mapping.count(1),
    "in": lambda mapping: b"\x01" in mapping,
    "fill": lambda mapping: mapping.fill(0),
    "copy_within": lambda mapping: mapping.copy_within(range(LARGE // 2), LARGE // 2),
    "slice": lambda mapping: mapping[: LARGE // 4],
}


@pytest.mark.parametrize("call", LONG_CALLS.values(), ids=LONG_CALLS)
def test_a_long_call_lets_other_threads_run(call: Callable[[MmapMut], object]) -> None:
    with MmapOptions(LARGE).map_mut() as mapping:
        check_ticks(lambda: lambda: call(mapping))


def test_a_long_close_lets_other_threads_run() -> None:
    def prepare() -> Callable[[], object]:
        mapping = MmapOptions(LARGE).map_mut()
        mapping.fill(1)
        return mapping.close

    check_ticks(prepare, shortest=0.01)


def full_file() -> MemoryFile:
    """Return a file whose pages the system must free when its last user goes."""
    file = MemoryFile(LARGE)
    with MmapOptions.for_file(file).with_flags(MmapFlags.SHARED).map_mut() as mapping:
        mapping.fill(1)
    return file


def leave_block() -> Callable[[], object]:
    file = full_file()
    return lambda: file.__exit__(None, None, None)


def drop_file() -> Callable[[], object]:
    return [full_file()].clear


def drop_options() -> Callable[[], object]:
    with full_file() as file:
        return [MmapOptions.for_file(file)].clear


def close_a_small_mapping() -> Callable[[], object]:
    with full_file() as file:
        return MmapOptions(1).with_file(file).map().close


@pytest.mark.parametrize(
    "prepare",
    [
        lambda: full_file().close,
        leave_block,
        drop_file,
        drop_options,
        close_a_small_mapping,
    ],
    ids=["close", "with", "last reference", "options", "small mapping"],
)
def test_the_end_of_a_file_in_memory_lets_other_threads_run(
    prepare: Callable[[], Callable[[], object]],
) -> None:
    check_ticks(prepare, shortest=0.01, enough=5 * ENOUGH)


def test_a_flush_lets_other_threads_run(tmp_path: Path) -> None:
    size = 64 * 1024 * 1024
    path = tmp_path / "file"
    path.write_bytes(b"")
    os.truncate(path, size)
    with MmapOptions.for_file(path).with_flags(MmapFlags.SHARED).map_mut() as mapping:

        def prepare() -> Callable[[], object]:
            mapping.fill(1)
            return mapping.flush

        check_ticks(prepare, shortest=0.02)
