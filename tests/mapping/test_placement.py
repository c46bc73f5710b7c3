"""Where a mapping lies: at an address, in a range, over a reservation, or several times in a row."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mmap_rs import (
    ConsumedError,
    InvalidOffsetError,
    InvalidOperationError,
    InvalidSizeError,
    MemoryAreas,
    MmapFlags,
    MmapMut,
    MmapNone,
    MmapOptions,
    SystemCallError,
    UnsafeFlagNeededError,
)
from tests.support.procfs import area_at, smaps_at

WINDOWS = os.name == "nt"
PAGE = MmapOptions.page_size()
UNIT = MmapOptions.allocation_granularity()
not_on_windows = pytest.mark.skipif(
    WINDOWS, reason="Windows can't map into the place of a reservation"
)
on_linux = pytest.mark.skipif(
    sys.platform not in ("linux", "android"), reason="read from Linux's /proc"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(bytes(number % 251 for number in range(4 * UNIT)))
    return path


def from_threads(options: MmapOptions, refusal: type[Exception]) -> list[MmapMut]:
    """Map by several threads at once, and return what those that were not refused have made."""
    made: list[MmapMut] = []
    barrier = threading.Barrier(4)

    def make() -> None:
        barrier.wait()
        with suppress(refusal):
            made.append(options.map_mut())

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return made


# Exactly there


def test_an_exact_address() -> None:
    with MmapOptions(UNIT).map_mut() as taken:
        taken.fill(7)
        address = taken.start()
        options = MmapOptions(UNIT).with_address(address, exact=True)
        for make in ("map", "map_mut", "map_none", "reserve_none"):
            with pytest.raises(FileExistsError) as caught:
                getattr(options, make)()
            assert isinstance(caught.value, SystemCallError)
            assert caught.value.errno == errno.EEXIST
        assert taken.count(7) == UNIT
    with options.map_mut() as mapping:
        assert mapping.start() == address


def test_part_of_it_is_taken() -> None:
    with MmapOptions(4 * UNIT).map_mut() as whole:
        tail = whole.split_off(3 * UNIT)
        start = whole.start()
        whole.close()
        with pytest.raises(FileExistsError):
            MmapOptions(4 * UNIT).with_address(start, exact=True).map()
        assert MemoryAreas.query(start) is None or WINDOWS
        with MmapOptions(3 * UNIT).with_address(start, exact=True).map() as there:
            assert there.end() == tail.start()
        tail.close()


def test_an_exact_address_of_a_file(path: Path) -> None:
    with MmapOptions(4 * UNIT).reserve_none() as free:
        start = free.start()
    for flags in (MmapFlags(0), MmapFlags.SHARED):
        options = MmapOptions.for_file(path).with_flags(flags).with_address(start, exact=True)
        with options.map_mut() as mapping:
            assert mapping.start() == start
            assert mapping[:] == path.read_bytes()


@pytest.mark.parametrize("off", [1, 8, PAGE - 1, -1000 * UNIT])
def test_an_exact_address_that_can_not_be(off: int) -> None:
    with pytest.raises(InvalidOffsetError, match="multiple"):
        MmapOptions(UNIT).with_address(UNIT * 1000 + off, exact=True).map()


def test_a_hint_stays_a_hint() -> None:
    with (
        MmapOptions(UNIT).map_mut() as taken,
        MmapOptions(UNIT).with_address(taken.start()).map_mut() as other,
    ):
        assert other.start() != taken.start()


def test_a_failure_leaves_the_addresses_free(path: Path) -> None:
    with MmapOptions(8 * UNIT).reserve_none() as free:
        start = free.start()
    options = MmapOptions(8 * UNIT).with_file(path).with_address(start, exact=True)
    with pytest.raises(InvalidSizeError):
        options.map()
    with path.open("rb") as file:
        shared = (
            MmapOptions(4 * UNIT)
            .with_file(file)
            .with_flags(MmapFlags.SHARED)
            .with_address(start, exact=True)
        )
        with pytest.raises(PermissionError):
            shared.map_mut()
    with MmapOptions(8 * UNIT).with_address(start, exact=True).map() as mapping:
        assert mapping.start() == start


def test_threads_never_share_a_place() -> None:
    with MmapOptions(UNIT).reserve_none() as free:
        start = free.start()
    made = from_threads(MmapOptions(UNIT).with_address(start, exact=True), FileExistsError)
    assert len(made) <= 1
    for mapping in made:
        mapping.close()


# In a range


@pytest.mark.parametrize("size", [1, UNIT, 5 * UNIT + 1])
def test_an_address_range(size: int) -> None:
    with MmapOptions(64 * UNIT).reserve_none() as free:
        span = range(free.start() + PAGE, free.end() - PAGE)
    options = MmapOptions(size).with_address_range(span)
    made: list[MmapMut] = []
    with pytest.raises(SystemCallError) as caught:
        while True:
            made.append(options.map_mut())
    assert caught.value.errno == errno.ENOMEM
    rounded = -(-size // UNIT) * UNIT
    assert len(made) >= (62 * UNIT) // rounded - 1
    for mapping in made:
        assert mapping.start() in span
        assert mapping.end() <= span.stop
        mapping.fill(1)
        mapping.close()


@pytest.mark.skipif(sys.maxsize < 1 << 32, reason="all addresses are below 4 GiB")
def test_below_4_gib() -> None:
    with MmapOptions(UNIT).with_address_range(range(1 << 32)).map_mut() as mapping:
        assert 0 < mapping.start() < mapping.end() <= 1 << 32


def test_a_range_that_is_too_small() -> None:
    for span in (range(0), range(UNIT, UNIT + 1), range(1 << 20, (1 << 20) + PAGE)):
        with pytest.raises(SystemCallError) as caught:
            MmapOptions(100 * UNIT).with_address_range(span).map()
        assert caught.value.errno == errno.ENOMEM
    with pytest.raises(ValueError, match="end"):
        MmapOptions(1).with_address_range(slice(5, None))
    with pytest.raises(ValueError, match="step"):
        MmapOptions(1).with_address_range(range(0, 100, 2))
    with pytest.raises(TypeError):
        MmapOptions(1).with_address_range(5)  # type: ignore[arg-type]


@pytest.mark.skipif(sys.maxsize < 1 << 32, reason="a 32-bit program may have all addresses")
def test_a_range_of_addresses_that_no_program_has() -> None:
    span = range((1 << 64) - (1 << 30), 1 << 64)
    with pytest.raises(SystemCallError, match=hex(span.start)) as caught:
        MmapOptions(UNIT).with_address_range(range(span.start, span.stop - 1)).map()
    assert caught.value.errno == errno.ENOMEM
    assert "RLIMIT_AS" not in str(caught.value)


def test_errors_of_the_mapping_itself_are_told(path: Path) -> None:
    with pytest.raises(InvalidSizeError):
        MmapOptions(9 * UNIT).with_file(path).with_address_range(range(1 << 31)).map()


# In the place of a reservation


@not_on_windows
@pytest.mark.parametrize("reserve", ["reserve_none", "reserve", "reserve_mut"])
@pytest.mark.parametrize("make", ["map_none", "map", "map_mut", "map_exec", "reserve_mut"])
def test_it_takes_the_place(reserve: str, make: str) -> None:
    whole = getattr(MmapOptions(4 * UNIT), reserve)()
    part = whole.split_to(UNIT)
    start = part.start()
    with getattr(MmapOptions(UNIT).with_reservation(part), make)() as mapping:
        assert (mapping.start(), mapping.size(), part.closed) == (start, UNIT, True)
        if isinstance(mapping, MmapMut):
            mapping.fill(3)
        with pytest.raises(ConsumedError, match="with_reservation"):
            part.size()
    # It was the mapping's, and is free now.
    MmapOptions(UNIT).with_address(start, exact=True).map().close()
    whole.close()


@not_on_windows
def test_a_file_in_a_reservation(path: Path) -> None:
    whole = MmapOptions(8 * UNIT).reserve_none()
    start = whole.start()
    files: list[MmapMut] = []
    for number in range(8):
        part = whole.split_to(UNIT) if number < 7 else whole
        options = MmapOptions(UNIT).with_file(path, number % 4 * UNIT).with_flags(MmapFlags.SHARED)
        files.append(options.with_reservation(part).map_mut())
    data = path.read_bytes()
    for number, mapping in enumerate(files):
        assert mapping.start() == start + number * UNIT
        assert mapping[:] == data[number % 4 * UNIT :][:UNIT]
    files[0].fill(9)
    assert files[4].count(9) == UNIT
    # Adjacent parts of one file are one mapping.
    files[0].merge(files[1])
    assert len(files[0]) == 2 * UNIT


@not_on_windows
def test_options_with_a_reservation_make_one_mapping() -> None:
    options = MmapOptions(UNIT).with_reservation(MmapOptions(UNIT).reserve_none())
    first = options.map_mut()
    first.fill(1)
    with pytest.raises(ConsumedError):
        options.map_mut()
    assert first.count(1) == UNIT


@not_on_windows
def test_on_failure_the_reservation_is_as_before(path: Path, tmp_path: Path) -> None:
    reserved = MmapOptions(4 * UNIT).reserve_mut()
    before, there = repr(reserved), area_at(reserved.start()) if sys.platform == "linux" else None
    for size in (UNIT, 3 * UNIT, 5 * UNIT):
        with pytest.raises(InvalidSizeError, match="split_to"):
            MmapOptions(size).with_reservation(reserved).map()
    options = MmapOptions(4 * UNIT).with_reservation(reserved)
    with path.open("rb") as file, pytest.raises(PermissionError):
        options.with_file(file).with_flags(MmapFlags.SHARED).map_mut()
    for refused, error in (
        (options.with_file(tmp_path / "absent").map, FileNotFoundError),
        (options.with_file(path, UNIT).map, InvalidSizeError),
        (options.map_exec_mut, UnsafeFlagNeededError),
        (options.with_file(tmp_path).map, OSError),
        (options.with_address(reserved.start()).map, InvalidOperationError),
        (options.with_address_range(range(reserved.start())).map, InvalidOperationError),
        (options.with_flags(MmapFlags.LOCKED | MmapFlags.DONTNEED).map, SystemCallError),
    ):
        with pytest.raises(error):
            refused()
        assert repr(reserved) == before
        if there is not None:
            assert area_at(reserved.start()) == there
    with options.map_mut() as mapping:
        mapping.fill(1)


@not_on_windows
@on_linux
@pytest.mark.parametrize("reserve", ["reserve_none", "reserve", "reserve_mut"])
@pytest.mark.parametrize("flags", [MmapFlags(0), MmapFlags.NO_RESERVE, MmapFlags.STACK])
def test_a_reservation_that_was_replaced_for_a_moment(reserve: str, flags: MmapFlags) -> None:
    reserved = getattr(MmapOptions(UNIT).with_flags(flags), reserve)()
    before = smaps_at(reserved.start())
    options = MmapOptions(UNIT).with_reservation(reserved)
    with pytest.raises(SystemCallError, match="DONTNEED"):
        options.with_flags(MmapFlags.LOCKED | MmapFlags.DONTNEED).map_mut()
    after = smaps_at(reserved.start())
    assert (after.permissions, after.vm_flags) == (before.permissions, before.vm_flags)


@not_on_windows
@on_linux
def test_a_reservation_that_was_replaced_in_part(path: Path) -> None:
    shared = MmapOptions(UNIT).with_file(path).with_flags(MmapFlags.SHARED)
    limit = Path("/proc/sys/vm/max_map_count")
    repeats = int(limit.read_text()) + 100 if limit.exists() else 1 << 17
    if repeats > 1 << 20:
        pytest.skip("this system allows so many mappings that the test would take too long")
    reserved = MmapOptions(repeats * UNIT).reserve_mut()
    before = area_at(reserved.start())
    with pytest.raises(SystemCallError, match="max_map_count"):
        shared.with_repeats(repeats).with_reservation(reserved).map()
    assert area_at(reserved.start()) == before
    with MmapMut.try_from(reserved) as mapping:
        assert mapping[0] == mapping[-1] == 0


def test_what_is_no_reservation() -> None:
    for wrong in (MmapOptions(UNIT).map_mut(), MmapOptions(UNIT).map_none(), b"", None, 5):
        with pytest.raises(TypeError, match="ReservedNone"):
            MmapOptions(UNIT).with_reservation(wrong)  # type: ignore[arg-type]
    closed = MmapOptions(UNIT).reserve_none()
    options = MmapOptions(UNIT).with_reservation(closed)
    closed.close()
    with pytest.raises(ConsumedError, match="closed"):
        options.map()


@pytest.mark.skipif(not WINDOWS, reason="other systems can do it")
def test_windows_says_that_it_can_not() -> None:
    reserved = MmapOptions(UNIT).reserve_none()
    with pytest.raises(InvalidOperationError):
        MmapOptions(UNIT).with_reservation(reserved).map()
    assert reserved.size() == UNIT


@not_on_windows
def test_threads_take_a_reservation_once() -> None:
    for _ in range(50):
        reserved = MmapOptions(UNIT).reserve_none()
        made = from_threads(MmapOptions(UNIT).with_reservation(reserved), ConsumedError)
        assert len(made) == 1
        made[0].fill(1)
        made[0].close()


@not_on_windows
@on_linux
def test_no_thread_gets_in_between() -> None:
    wanted: list[int] = []
    stop = threading.Event()
    taken: list[Any] = []

    def intrude() -> None:
        while not stop.is_set():
            with suppress(FileExistsError, IndexError):
                taken.append(MmapOptions(UNIT).with_address(wanted[-1], exact=True).map_none())

    thread = threading.Thread(target=intrude)
    thread.start()
    made: list[MmapMut] = []
    try:
        for _ in range(300):
            reserved = MmapOptions(UNIT).reserve_none()
            wanted.append(reserved.start())
            made.append(MmapOptions(UNIT).with_reservation(reserved).map_mut())
            made[-1].fill(1)
    finally:
        stop.set()
        thread.join()
    assert not taken
    for mapping in made:
        mapping.close()


# Several times in a row


@pytest.fixture
def ring(path: Path) -> Iterator[MmapMut]:
    options = MmapOptions(UNIT).with_file(path, UNIT).with_flags(MmapFlags.SHARED)
    with options.with_repeats(3).map_mut() as mapping:
        yield mapping


def test_the_same_bytes_several_times(ring: MmapMut, path: Path) -> None:
    data = path.read_bytes()[UNIT : 2 * UNIT]
    assert (len(ring), ring.size()) == (3 * UNIT, 3 * UNIT)
    assert ring[:] == data * 3
    ring[UNIT - 3 : UNIT + 3] = b"around"
    assert ring[:3] == ring[UNIT : UNIT + 3] == ring[2 * UNIT : 2 * UNIT + 3] == b"und"
    assert ring[-3:] == b"aro"
    ring.flush()
    ring.flush(range(UNIT, UNIT + 5))
    assert path.read_bytes()[UNIT : UNIT + 3] == b"und"
    assert "repeats=3" in repr(ring)


def test_what_a_ring_can_and_can_not(ring: MmapMut) -> None:
    for call in (
        lambda: ring.split_off(UNIT),
        lambda: ring.split_to(UNIT),
        lambda: ring.resize(UNIT),
        lambda: ring.resize(),
        lambda: ring.merge(MmapOptions(UNIT).map_mut()),
    ):
        with pytest.raises(InvalidOperationError):
            call()
    ring.advise(MmapFlags.RANDOM_ACCESS)
    ring.populate()
    assert ring.resident() == 3 * UNIT
    frozen = ring.make_read_only()
    assert frozen[:3] == frozen[UNIT : UNIT + 3]
    frozen.close()


@not_on_windows
def test_more_repeats_than_the_system_allows(path: Path) -> None:
    shared = MmapOptions(UNIT).with_file(path).with_flags(MmapFlags.SHARED)
    for repeats in (1 << 20, sys.maxsize // UNIT):
        with pytest.raises((SystemCallError, InvalidSizeError)):
            shared.with_repeats(repeats).map()


def test_what_can_not_be_repeated(path: Path) -> None:
    shared = MmapOptions(UNIT).with_file(path).with_flags(MmapFlags.SHARED)
    for options, error in (
        (MmapOptions(UNIT).with_repeats(2), InvalidOperationError),
        (MmapOptions(UNIT).with_flags(MmapFlags.SHARED).with_repeats(2), InvalidOperationError),
        (MmapOptions(UNIT).with_file(path).with_repeats(2), InvalidOperationError),
        (
            MmapOptions(10).with_file(path).with_flags(MmapFlags.SHARED).with_repeats(2),
            InvalidSizeError,
        ),
        (shared.with_repeats(sys.maxsize), InvalidSizeError),
        (
            MmapOptions(8 * UNIT).with_file(path).with_flags(MmapFlags.SHARED).with_repeats(2),
            InvalidSizeError,
        ),
    ):
        with pytest.raises(error):
            options.map_mut()
    with pytest.raises(ValueError, match="0 times"):
        shared.with_repeats(0)
    with pytest.raises(OverflowError):
        shared.with_repeats(-1)
    with shared.with_repeats(1).map_mut() as once:
        assert len(once) == UNIT


@pytest.mark.skipif(os.name == "nt", reason="Windows can't map into the place of a reservation")
def test_a_ring_at_a_place(path: Path) -> None:
    shared = MmapOptions(UNIT).with_file(path).with_flags(MmapFlags.SHARED).with_repeats(2)
    reserved = MmapOptions(2 * UNIT).reserve_none()
    start = reserved.start()
    with shared.with_reservation(reserved).map_mut() as ring:
        assert ring.start() == start
        ring[0] = 99
        assert ring[UNIT] == 99
        with pytest.raises(FileExistsError):
            shared.with_address(start, exact=True).map_mut()
    with shared.with_address(start, exact=True).map_mut() as ring:
        assert ring.start() == start
    span = range(start, start + 2 * UNIT)
    with shared.with_address_range(span).map_mut() as ring:
        assert ring.start() == start


def test_none_is_left(path: Path) -> None:
    with MmapOptions(8 * UNIT).reserve_none() as free:
        span = range(free.start(), free.end())
    shared = MmapOptions(UNIT).with_file(path).with_flags(MmapFlags.SHARED).with_repeats(8)
    for _ in range(100):
        shared.with_address_range(span).map_mut().close()
    with MmapOptions(8 * UNIT).with_address(span.start, exact=True).map_none() as mapping:
        assert isinstance(mapping, MmapNone)
