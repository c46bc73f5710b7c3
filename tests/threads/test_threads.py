"""Many threads on one mapping: each case runs in a child, so that a crash is one failed test."""

from __future__ import annotations

import gc
import itertools
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from mmap_rs import (
    ConsumedError,
    Mmap,
    MmapFlags,
    MmapMut,
    MmapOptions,
    MustBeAdjacentError,
)
from tests.support.child_process import check_child

PAGE = MmapOptions.page_size()
FIVES = b"\x05" * (64 * PAGE)
CASES: dict[str, Callable[[], None]] = {}


def case(function: Callable[[], None]) -> Callable[[], None]:
    """Register a case, to be run by name in a child."""
    CASES[function.__name__] = function
    return function


def together(*tasks: Callable[[], None]) -> None:
    """Run the tasks at once, each in a thread, and raise the first error of any."""
    barrier = threading.Barrier(len(tasks))
    errors: list[BaseException] = []

    def run(task: Callable[[], None]) -> None:
        barrier.wait()
        try:
            task()
        except BaseException as error:  # noqa: BLE001  # raised again below, in the main thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]


def until_consumed(call: Callable[[], object]) -> Callable[[], None]:
    """Return a task that repeats `call` until the mapping is consumed."""

    def task() -> None:
        with suppress(ConsumedError):
            while True:
                call()

    return task


def patterned(size: int) -> MmapMut:
    """Map memory in which every byte is 7, but for the last."""
    mapping = MmapOptions(size).map_mut()
    mapping.fill(7)
    mapping[-1] = 8
    return mapping


@case
def read_while_closed() -> None:
    for _ in range(30):
        mapping = patterned(64 * PAGE)

        def read(mapping: MmapMut = mapping) -> None:
            assert mapping[5] == 7
            assert mapping[10:20] == b"\x07" * 10
            assert mapping.find(8) == 64 * PAGE - 1
            assert mapping.count(b"\x07\x08") == 1
            assert len(mapping[::3]) == -(-64 * PAGE // 3)

        def end(mapping: MmapMut = mapping) -> None:
            time.sleep(0.002)
            mapping.close()

        together(*[until_consumed(read)] * 3, end)
        assert mapping.closed


@case
def write_while_converted() -> None:
    for _ in range(30):
        mapping = patterned(64 * PAGE)

        def write(mapping: MmapMut = mapping) -> None:
            mapping[0] = 1
            mapping[3:6] = b"abc"
            mapping.fill(9)
            mapping.copy_from_slice(FIVES)
            mapping.copy_within(range(32 * PAGE), PAGE)

        results: list[Mmap] = []

        def end(mapping: MmapMut = mapping, results: list[Mmap] = results) -> None:
            time.sleep(0.002)
            results.append(mapping.make_read_only())

        together(*[until_consumed(write)] * 3, end)
        before = results[0][:]
        assert results[0][:] == before


@case
def one_conversion_wins() -> None:
    names = ("make_none", "make_read_only", "make_exec", "make_mut", "close") * 2
    for _ in range(200):
        mapping = patterned(2 * PAGE)
        won: list[str] = []

        def contend(name: str, mapping: MmapMut = mapping, won: list[str] = won) -> None:
            # `close` says nothing when it comes too late; only the others can lose.
            with suppress(ConsumedError):
                getattr(mapping, name)()
                if name != "close":
                    won.append(name)

        together(*[partial(contend, name) for name in names])
        assert mapping.closed
        assert len(won) <= 1, won


@case
def resize_while_read() -> None:
    mapping = MmapOptions(PAGE).map_mut()
    mapping.fill(5)
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            assert mapping[PAGE - 1] == 5
            assert mapping[: PAGE // 2] == FIVES[: PAGE // 2]
            assert mapping.find(b"\x07") == -1
            with suppress(IndexError):
                assert mapping[100 * PAGE] == 0
            with memoryview(mapping) as view:
                assert view[0] == 5

    def resize() -> None:
        try:
            for number in range(2000):
                with suppress(BufferError):
                    mapping.resize(PAGE * (1 + number * 37 % 256))
        finally:
            stop.set()

    together(read, read, resize, resize)
    mapping.close()


@case
def split_while_searched() -> None:
    pages = 200
    mapping = patterned(pages * PAGE)
    mapping[0] = 9
    tails: list[MmapMut] = []
    done = threading.Event()

    def search() -> None:
        while not done.is_set():
            assert mapping.find(9) == 0
            assert mapping.rfind(b"\x09") == 0
            assert mapping.find(8) in {-1, pages * PAGE - 1}
            assert mapping.count(7) % PAGE in {PAGE - 1, PAGE - 2}
            with suppress(IndexError):
                assert mapping[PAGE * pages // 2] == 7

    def split() -> None:
        try:
            tails.extend(mapping.split_off(left * PAGE) for left in range(pages - 1, 0, -1))
        finally:
            done.set()

    together(search, search, split)
    assert mapping.size() == PAGE
    assert len(tails) == pages - 1
    for tail in reversed(tails):
        mapping.merge(tail)
    assert mapping.size() == pages * PAGE
    assert mapping.rfind(8) == pages * PAGE - 1


@case
def split_from_both_ends() -> None:
    for _ in range(50):
        mapping = patterned(20 * PAGE)
        parts: list[MmapMut] = [mapping]

        def off(mapping: MmapMut = mapping, parts: list[MmapMut] = parts) -> None:
            parts.extend(mapping.split_off(mapping.size() - PAGE) for _ in range(9))

        def to(mapping: MmapMut = mapping, parts: list[MmapMut] = parts) -> None:
            parts.extend(mapping.split_to(PAGE) for _ in range(9))

        with suppress(ValueError):  # the size may have changed between its reading and the split
            together(off, to)
        spans = sorted((part.start(), part.end()) for part in parts)
        assert all(first[1] == second[0] for first, second in itertools.pairwise(spans))
        assert sum(part.size() for part in parts) == 20 * PAGE


@case
def one_merge_wins() -> None:
    for _ in range(300):
        first = patterned(2 * PAGE)
        second = first.split_off(PAGE)
        wins: list[int] = []

        def merge(first: MmapMut = first, second: MmapMut = second, wins: list[int] = wins) -> None:
            with suppress(ConsumedError):
                first.merge(second)
                wins.append(1)

        together(merge, merge, merge)
        assert wins == [1]
        assert first.size() == 2 * PAGE
        assert second.closed


@case
def merges_in_a_circle() -> None:
    for _ in range(300):
        a = patterned(3 * PAGE)
        b = a.split_off(PAGE)
        c = b.split_off(PAGE)

        def merge(left: MmapMut, right: MmapMut) -> None:
            # What loses finds its partner consumed, grown, or not adjacent.
            with suppress(ConsumedError, MustBeAdjacentError):
                left.merge(right)

        pairs = ((a, b), (b, a), (b, c), (c, b), (a, c), (c, a))
        together(*[partial(merge, left, right) for left, right in pairs])
        assert not a.closed
        alive = [part for part in (a, b, c) if not part.closed]
        assert sum(part.size() for part in alive) == 3 * PAGE


@case
def buffers_against_close() -> None:
    for _ in range(60):
        mapping = patterned(8 * PAGE)

        def look(mapping: MmapMut = mapping) -> None:
            with memoryview(mapping) as view, view[3:9] as part:
                assert part == b"\x07" * 6

        def end(mapping: MmapMut = mapping) -> None:
            while not mapping.closed:
                with suppress(BufferError):
                    mapping.close()

        together(*[until_consumed(look)] * 3, end)


@case
def deferred_close_in_another_thread() -> None:
    for _ in range(200):
        mapping = patterned(4 * PAGE)
        views = [memoryview(mapping) for _ in range(4)]

        def release(view: memoryview) -> None:
            assert view[4 * PAGE - 1] == 8
            view.release()

        together(partial(mapping.close, defer=True), *[partial(release, view) for view in views])
        assert mapping.closed


@case
def system_calls_while_closed() -> None:
    for _ in range(30):
        mapping = patterned(16 * PAGE)

        def use(mapping: MmapMut = mapping) -> None:
            mapping.flush()
            mapping.flush_async(range(PAGE))
            mapping.advise(MmapFlags.WILLNEED)
            mapping.lock()
            mapping.unlock()
            assert mapping.size() == 16 * PAGE
            assert repr(mapping)

        def end(mapping: MmapMut = mapping) -> None:
            time.sleep(0.002)
            mapping.close()

        together(*[until_consumed(use)] * 3, end)


@case
def iterate_while_closed() -> None:
    for _ in range(30):
        mapping = patterned(16 * PAGE)

        def end(mapping: MmapMut = mapping) -> None:
            time.sleep(0.002)
            mapping.close()

        def walk(mapping: MmapMut = mapping) -> None:
            assert sum(mapping) == 7 * (16 * PAGE - 1) + 8

        together(*[until_consumed(walk)] * 2, end)


@case
def one_iterator_for_all() -> None:
    mapping = patterned(16 * PAGE)
    for iterator in (iter(mapping), reversed(mapping)):
        seen: list[int] = []

        def walk(iterator: Any = iterator, seen: list[int] = seen) -> None:
            seen.append(sum(1 for _ in iterator))

        together(walk, walk, walk)
        assert sum(seen) >= 16 * PAGE


@case
def drop_in_another_thread() -> None:
    for _ in range(200):
        shared: list[Any] = [patterned(4 * PAGE)]
        shared.append(memoryview(shared[0]))

        def drop(shared: list[Any] = shared) -> None:
            with suppress(IndexError):
                while True:
                    shared.pop()

        together(drop, drop)
    gc.collect()


@case
def fork_while_searched() -> None:
    import warnings

    warnings.simplefilter("ignore")  # newer Pythons warn of every fork beside threads
    mapping = MmapOptions(64 * 1024 * 1024).map_mut()
    done = threading.Event()

    def search() -> None:
        while not done.is_set():
            assert mapping.find(1) == -1

    searcher = threading.Thread(target=search)
    searcher.start()
    for _ in range(10):
        time.sleep(0.01)
        child = os.fork()
        if not child:
            # The search's pin came along, but no thread that would ever take it back.
            mapping[0] = 3
            fixed = mapping.make_read_only()
            os._exit(fixed[0] + 40 if mapping.closed else 1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 43
    done.set()
    searcher.join()
    assert mapping[0] == 0
    mapping.close()


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    if name == "fork_while_searched" and not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    out = check_child(
        f"from tests.threads import test_threads as t; t.CASES[{name!r}](); print('done')",
        timeout=100,
    )
    assert out.strip() == "done"


def test_the_interpreter_ends_beside_a_searching_daemon() -> None:
    code = """
        import threading, time
        from mmap_rs import MmapOptions
        mapping = MmapOptions(64 * 1024 * 1024).map_mut()
        def search():
            while True:
                mapping.find(1)
                mapping.fill(0)
        for _ in range(3):
            threading.Thread(target=search, daemon=True).start()
        time.sleep(0.1)
        print("done")
    """
    for _ in range(3):
        assert check_child(code, timeout=30).strip() == "done"
