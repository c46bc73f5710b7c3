"""`resize`: the same object with another size, where it lies or elsewhere."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmap_rs import (
    BackingMismatchError,
    InvalidOperationError,
    InvalidSizeError,
    MemoryAreas,
    Mmap,
    MmapFlags,
    MmapMut,
    MmapNone,
    MmapOptions,
    SystemCallError,
)
from tests.support.os_features import is_root, kernel_version
from tests.support.procfs import area_at, smaps_at

LINUX = sys.platform in ("linux", "android")
on_linux = pytest.mark.skipif(not LINUX, reason="read from Linux's /proc")
PAGE = MmapOptions.page_size()
UNIT = MmapOptions.allocation_granularity()


PRIVATE = MmapFlags(0)


def pattern(size: int) -> bytes:
    return bytes(number % 251 for number in range(size))


def anonymous(size: int, flags: MmapFlags = PRIVATE) -> MmapMut:
    mapping = MmapOptions(size).with_flags(flags).map_mut()
    mapping[:] = pattern(size)
    return mapping


def block(mapping: Any) -> Any:
    """Map something right behind a mapping, unless something lies there already."""
    end = -(-mapping.end() // UNIT) * UNIT
    try:
        return MmapOptions(UNIT).with_address(end, exact=True).map_none()
    except FileExistsError:
        return None


SIZES = [1, 10, PAGE - 1, PAGE, PAGE + 1, UNIT, 3 * UNIT, 3 * UNIT + 5]


@pytest.mark.parametrize("shared", [False, True], ids=["private", "shared"])
@pytest.mark.parametrize("new", SIZES)
@pytest.mark.parametrize("old", SIZES)
def test_anonymous_memory_keeps_its_bytes(old: int, new: int, shared: bool) -> None:
    with anonymous(old, MmapFlags.SHARED if shared else MmapFlags(0)) as mapping:
        mapping.resize(new)
        assert len(mapping) == new
        kept = min(old, new)
        assert mapping[:] == pattern(old)[:kept] + bytes(new - kept)
        mapping.fill(9)
        mapping.resize(old)
        assert mapping[:kept] == b"\x09" * kept
        if not shared:
            assert mapping[:] == b"\x09" * kept + bytes(old - kept)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="shared with a child of fork")
def test_a_child_keeps_what_its_parent_hides() -> None:
    with anonymous(PAGE, MmapFlags.SHARED) as mapping:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.read(read, 1)
            os._exit(0 if mapping[:] == pattern(PAGE) else 1)
        mapping.resize(10)
        mapping.resize(100)
        os.write(write, b"x")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        os.close(read)
        os.close(write)


@pytest.mark.skipif(os.name == "nt", reason="Windows maps no pages past the end of a file")
@pytest.mark.parametrize("guarded", [False, True])
@pytest.mark.parametrize("make", ["map_none", "map", "map_mut"])
def test_a_page_past_the_end_is_not_touched(make: str, guarded: bool, tmp_path: Path) -> None:
    path = tmp_path / "short"
    path.write_bytes(b"short")
    options = MmapOptions(PAGE + 10).with_file(path, past_end=True)
    if guarded:
        options = options.with_fault_guard()
    with getattr(options, make)() as mapping:
        mapping.resize(PAGE + 100)
        assert len(mapping) == PAGE + 100
        assert not mapping.faulted()


@pytest.mark.parametrize("make", ["make_read_only", "make_exec", "make_none"])
def test_hidden_bytes_do_not_come_back(make: str) -> None:
    mapping: Any = getattr(anonymous(100), make)()
    mapping.resize(10)
    mapping.resize(50)
    assert mapping.make_mut()[:] == pattern(10) + bytes(40)


@pytest.mark.parametrize("flags", [MmapFlags(0), MmapFlags.SHARED], ids=["private", "shared"])
def test_a_file_shows_what_it_holds(flags: MmapFlags, tmp_path: Path) -> None:
    path, data = tmp_path / "file", pattern(3 * UNIT)
    path.write_bytes(data)
    with MmapOptions(UNIT + 10).with_file(path).with_flags(flags).map_mut() as mapping:
        mapping[:5] = b"bytes"
        mapping[UNIT + 5] = 255
        mapping.resize(UNIT + 5)
        mapping.resize(3 * UNIT)
        expected = bytearray(data)
        expected[:5] = b"bytes"
        if flags:
            expected[UNIT + 5] = 255
        assert mapping[:] == expected


def test_without_a_size_it_takes_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\n")
    with MmapOptions.for_file(path).map() as mapping:
        for number in range(200):
            with path.open("ab") as log:
                log.write(b"%d\n" % number * 50)
            mapping.resize()
            assert mapping[:] == path.read_bytes()
    with path.open("rb") as file, MmapOptions.for_file(file).map() as mapping:
        file.close()
        with path.open("ab") as log:
            log.write(bytes(UNIT))
        mapping.resize()
        assert len(mapping) == path.stat().st_size


def test_from_an_offset(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(pattern(2 * UNIT))
    with MmapOptions.for_file(path, UNIT).map() as mapping:
        with path.open("ab") as file:
            file.write(b"more")
        mapping.resize()
        assert mapping[:] == path.read_bytes()[UNIT:]


def test_a_path_that_leads_to_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_bytes(bytes(UNIT))
    with MmapOptions.for_file("file").map() as mapping:
        Path("other").mkdir()
        monkeypatch.chdir("other")
        # By the path as it was then.
        mapping.resize()
        if os.name != "nt":
            os.rename(tmp_path / "file", tmp_path / "gone")
            for size in (3 * UNIT, 10):
                Path(tmp_path / "file").write_bytes(bytes(size))
                with pytest.raises(BackingMismatchError, match="another file"):
                    mapping.resize()
            os.unlink(tmp_path / "file")
            with pytest.raises(FileNotFoundError):
                mapping.resize()
        assert len(mapping) == UNIT


def test_past_the_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(pattern(UNIT))
    with MmapOptions.for_file(path).map() as mapping:
        with pytest.raises(InvalidSizeError, match="past_end"):
            mapping.resize(UNIT + 1)
        assert mapping[:] == pattern(UNIT)
    if os.name != "nt":
        with MmapOptions(10).with_file(path, past_end=True).map() as mapping:
            mapping.resize(5 * UNIT)
            assert mapping[:UNIT] == pattern(UNIT)


def test_what_is_refused() -> None:
    mapping = anonymous(UNIT)
    before = repr(mapping)
    with pytest.raises(InvalidSizeError):
        mapping.resize(0)
    with pytest.raises(InvalidOperationError, match="anonymous"):
        mapping.resize()
    for wrong in (-1, 1 << 70):
        with pytest.raises(OverflowError):
            mapping.resize(wrong)
    with pytest.raises((SystemCallError, InvalidSizeError, OverflowError)):
        mapping.resize(sys.maxsize)
    with memoryview(mapping), pytest.raises(BufferError):
        mapping.resize(2 * UNIT)
    assert repr(mapping) == before
    assert mapping[:] == pattern(UNIT)
    for reserved in (MmapOptions(UNIT).reserve_none(), MmapOptions(UNIT).reserve_mut()):
        assert not hasattr(reserved, "resize")


def test_without_room_it_stays_where_it_may_not_move() -> None:
    with anonymous(UNIT) as mapping:
        behind, start = block(mapping), mapping.start()
        with pytest.raises(SystemCallError) as caught:
            mapping.resize(2 * UNIT, may_move=False)
        assert caught.value.errno == errno.ENOMEM
        assert (mapping.start(), mapping[:]) == (start, pattern(UNIT))
        mapping.resize(2 * UNIT)
        assert mapping.start() != start
        assert mapping[:] == pattern(UNIT) + bytes(UNIT)
        # The old place is free.
        MmapOptions(UNIT).with_address(start, exact=True).map_none().close()
        if behind is not None:
            behind.close()


def test_with_room_it_stays() -> None:
    # A hole that this process has made is behind it.
    with MmapOptions(8 * UNIT).map_mut() as whole:
        whole.split_off(UNIT).close()
        start = whole.start()
        whole[:] = pattern(UNIT)
        whole.resize(4 * UNIT, may_move=False)
        assert whole.start() == start
        assert whole[:] == pattern(UNIT) + bytes(3 * UNIT)
        # It is one mapping: split, merged, protected and closed as such.
        tail = whole.split_off(2 * UNIT)
        whole.merge(tail)
        assert whole.make_read_only()[:] == pattern(UNIT) + bytes(3 * UNIT)


MAKES: list[Callable[[MmapMut], Any]] = [
    lambda mapping: mapping,
    lambda mapping: mapping.make_read_only(),
    lambda mapping: mapping.make_exec(),
    lambda mapping: mapping.make_none(),
]


@on_linux
@pytest.mark.parametrize("move", [False, True], ids=["in place", "moved"])
@pytest.mark.parametrize("make", MAKES, ids=["MmapMut", "Mmap", "executable", "MmapNone"])
def test_the_protection_stays(make: Callable[[MmapMut], Any], move: bool) -> None:
    with make(anonymous(UNIT)) as mapping:
        behind = block(mapping) if move else None
        area = area_at(mapping.start())
        assert area is not None
        mapping.resize(9 * UNIT)
        for at in range(mapping.start(), mapping.end(), PAGE):
            found = area_at(at)
            assert found is not None
            assert found.permissions == area.permissions
        assert type(mapping) in (Mmap, MmapMut, MmapNone)
        if behind is not None:
            behind.close()


@on_linux
@pytest.mark.parametrize("move", [False, True], ids=["in place", "moved"])
def test_lock_and_advice_stay(move: bool) -> None:
    flags = MmapFlags.NO_CORE_DUMP | MmapFlags.LOCKED
    with MmapOptions(UNIT).with_flags(flags).map_mut() as mapping:
        mapping.advise(MmapFlags.RANDOM_ACCESS)
        behind = block(mapping) if move else None
        mapping.resize(5 * UNIT)
        for at in (mapping.start(), mapping.end() - 1):
            found = smaps_at(at)
            assert {"lo", "rr", "dd"} <= set(found.vm_flags), found
        mapping.unlock()
        assert "lo" not in smaps_at(mapping.end() - 1).vm_flags
        if behind is not None:
            behind.close()


@on_linux
def test_parts_with_their_own_advice_move_together() -> None:
    with anonymous(8 * UNIT) as mapping:
        mapping.advise(MmapFlags.RANDOM_ACCESS, range(UNIT, 2 * UNIT))
        tail = mapping.split_off(4 * UNIT)
        tail.advise(MmapFlags.SEQUENTIAL)
        mapping.merge(tail)
        behind = block(mapping)
        if kernel_version() < (6, 17):
            # Only one area can be moved at a time.
            with pytest.raises(SystemCallError) as caught:
                mapping.resize(64 * UNIT)
            assert caught.value.errno == errno.EFAULT
            assert mapping[:] == pattern(8 * UNIT)
        else:
            mapping.resize(64 * UNIT)
            assert mapping[:] == pattern(8 * UNIT) + bytes(56 * UNIT)
            assert "rr" in smaps_at(mapping.start() + UNIT).vm_flags
        if behind is not None:
            behind.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="shared with a child of fork")
def test_shared_memory_stays_shared() -> None:
    with anonymous(UNIT, MmapFlags.SHARED) as mapping:
        behind = block(mapping)
        child = os.fork()
        if child == 0:
            mapping[0] = 42
            os._exit(0)
        if LINUX:
            mapping.resize(4 * UNIT)
        os.waitpid(child, 0)
        assert mapping[0] == 42
        if behind is not None:
            behind.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no fault guard")
@pytest.mark.parametrize("move", [False, True], ids=["in place", "moved"])
def test_the_guard_stays(move: bool, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(8 * UNIT))
    with MmapOptions(UNIT).with_file(path).with_fault_guard().map() as mapping:
        behind = block(mapping) if move else None
        mapping.resize()
        assert len(mapping) == 8 * UNIT
        assert not mapping.faulted()
        os.truncate(path, 4 * UNIT)
        with pytest.raises(OSError, match="could not be provided"):
            mapping[7 * UNIT]
        if behind is not None:
            behind.close()
        # The mark goes with it.
        os.truncate(path, 100 * UNIT)
        mapping.resize()
        assert mapping.faulted()
        mapping.resize(UNIT)
        assert mapping.faulted()


@pytest.mark.skipif(
    not LINUX or not is_root(), reason="needs a pool of huge pages, which root makes on Linux"
)
def test_huge_pages() -> None:
    pool = Path("/proc/sys/vm/nr_hugepages")
    before = pool.read_text()
    huge = 2 << 20
    try:
        pool.write_text("8")
        with MmapOptions(huge).with_flags(MmapFlags.HUGE_PAGES).map_mut() as mapping:
            mapping[:3] = b"abc"
            with pytest.raises(InvalidSizeError, match="huge"):
                mapping.resize(huge + PAGE)
            mapping.resize(2 * huge)
            assert mapping[:3] == b"abc"
            assert mapping[-1] == 0
            mapping.resize(huge)
            assert len(mapping) == huge
    except SystemCallError as error:
        if error.errno != errno.ENOMEM:
            raise
        pytest.skip("this machine has no free huge pages")
    finally:
        pool.write_text(before)


def test_the_area_is_that_of_the_new_size() -> None:
    with anonymous(UNIT) as mapping:
        mapping.resize(16 * UNIT)
        area = MemoryAreas.query(mapping.start())
        assert area is not None
        listed = list(MemoryAreas.query_range(range(mapping.start(), mapping.end())))
        assert (
            sum(min(a.end(), mapping.end()) - max(a.start(), mapping.start()) for a in listed)
            == 16 * UNIT
        )
