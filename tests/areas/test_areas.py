"""`MemoryArea` and `MemoryAreas` against a reader of /proc/self/maps of the tests' own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import mmap_rs
from mmap_rs import (
    InvalidOffsetError,
    MemoryArea,
    MemoryAreas,
    MmapFlags,
    MmapOptions,
    Protection,
    ShareMode,
)
from tests.support.address_space import hole, malloc_reserve
from tests.support.child_process import check_child
from tests.support.procfs import KernelArea, areas, descriptors

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="compares with Linux's /proc/PID/maps"
)

LAST = sys.maxsize * 2 + 1


def plain(area: MemoryArea) -> tuple[int, int, str, bytes | None, int | None]:
    """Return what an area says in the form of `expected`."""
    path = area.path()
    letters = "".join(
        letter if flag in area.protection() else "-"
        for letter, flag in zip("rwx", Protection, strict=True)
    )
    share = {ShareMode.Private: "p", ShareMode.Shared: "s"}[area.share_mode()]
    return (
        area.start(),
        area.end(),
        letters + share,
        None if path is None else os.fsencode(path),
        area.file_offset(),
    )


def expected(area: KernelArea) -> tuple[int, int, str, bytes | None, int | None]:
    """Return what the module must say of an area that the kernel lists."""
    offset = None if area.path is None else area.offset
    return area.start, area.end, area.permissions, area.path, offset


def own_area(address: int) -> MemoryArea:
    area = MemoryAreas.query(address)
    assert area is not None
    assert address in area
    return area


# --- one area


def test_an_area_of_a_file(tmp_path: Path, page: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(3 * page))
    options = MmapOptions(2 * page).with_file(file, page).with_flags(MmapFlags.SHARED)
    with options.map_mut() as mapping:
        area = own_area(mapping.start() + 5)
        assert (area.start(), area.end()) == (mapping.start(), mapping.end())
        assert area.range() == range(mapping.start(), mapping.end())
        assert area.allocation_base() == mapping.start()
        assert area.protection() == Protection.READ | Protection.WRITE
        assert isinstance(area.protection(), Protection)
        assert area.share_mode() is ShareMode.Shared
        assert area.path() == file
        assert isinstance(area.path(), Path)
        assert area.file_offset() == page


def test_an_area_without_a_file(page: int) -> None:
    with hole(2 * page) as address, MmapOptions(page).with_address(address).map_exec() as mapping:
        assert mapping.start() == address
        area = own_area(address)
        assert area.range() == range(address, address + page)
        assert area.protection() == Protection.READ | Protection.EXECUTE
        assert area.share_mode() is ShareMode.Private
        assert area.path() is None
        assert area.file_offset() is None


def test_areas_are_values(page: int) -> None:
    with MmapOptions(page).with_flags(MmapFlags.SHARED).map() as mapping:
        first, second = own_area(mapping.start()), own_area(mapping.start())
        other = own_area(id(object))
        assert first is not second
        assert first == second
        assert hash(first) == hash(second)
        assert first != other
        assert len({first, second, other}) == 2
        untyped: Any = first
        assert untyped != 5
        assert f"{mapping.start():x}" in repr(first).lower()
        with pytest.raises(AttributeError):
            untyped.other = 1
        changed = mapping.make_none()
        assert own_area(changed.start()) != first
        changed.close()


def test_addresses_in_an_area(page: int) -> None:
    with hole(2 * page) as address, MmapOptions(page).with_address(address).map():
        area = own_area(address)
        for inside in (address, address + 1, address + page - 1):
            assert inside in area
        for outside in (address - 1, address + page, 0, LAST):
            assert outside not in area


@pytest.mark.parametrize("make", [MemoryArea, MemoryAreas])
def test_areas_can_not_be_made(make: Any) -> None:
    with pytest.raises(TypeError):
        make()


# --- all areas


def test_the_list_is_the_kernels(page: int) -> None:
    with malloc_reserve(), MmapOptions(page).with_flags(MmapFlags.SHARED).map():
        # Making the lists may itself map something: so try until the kernel's is the same before and after.
        for _ in range(20):
            before = areas()
            ours = [plain(area) for area in MemoryAreas.open()]
            if before == areas():
                break
        else:
            pytest.fail("the list of areas never stood still")
        assert ours == [expected(area) for area in before]


def test_the_list_of_another_process(other_process: int) -> None:
    pid = other_process
    kernels = [expected(area) for area in areas(pid)]
    assert [plain(area) for area in MemoryAreas.open(pid)] == kernels
    whole = MemoryAreas.query_process_range(pid, range(LAST))
    assert [plain(area) for area in whole][: len(kernels) - 1] == kernels[:-1]
    for start, end, *_ in kernels:
        for address in (start, end - 1):
            found = MemoryAreas.query_process(pid, address)
            assert found is not None
            assert (found.start(), found.end()) == (start, end)
        middle = MemoryAreas.query_process_range(pid, range(start, end))
        assert [(area.start(), area.end()) for area in middle] == [(start, end)]


def test_none_is_this_process(page: int) -> None:
    with MmapOptions(page).with_flags(MmapFlags.SHARED).map() as mapping:
        start = mapping.start()
        for pid in (None, os.getpid()):
            assert MemoryAreas.query_process(pid, start) == own_area(start)
            found = MemoryAreas.query_process_range(pid, range(start, start + 1))
            assert list(found) == [own_area(start)]
            assert own_area(start) in list(MemoryAreas.open(pid))


# --- boundaries


def test_one_address_at_every_boundary(page: int) -> None:
    with hole(6 * page) as address:
        # Two areas that touch, a gap, and one more.
        made = [
            MmapOptions(page).with_address(address).map(),
            MmapOptions(2 * page).with_address(address + page).map_exec(),
            MmapOptions(page).with_address(address + 4 * page).map(),
        ]
        ranges = [range(mapping.start(), mapping.end()) for mapping in made]
        assert [area.start for area in ranges] == [address, address + page, address + 4 * page]
        for at in range(address, address + 6 * page, page):
            for probe in (at, at + 1, at + page - 1):
                found = MemoryAreas.query(probe)
                wanted = next((area for area in ranges if probe in area), None)
                assert (found.range() if found else None) == wanted


@pytest.mark.parametrize("first", range(7))
def test_a_range_at_every_boundary(first: int, page: int) -> None:
    with hole(6 * page) as address:
        made = [
            MmapOptions(page).with_address(address + 1 * page).map(),
            MmapOptions(page).with_address(address + 2 * page).map_exec(),
            MmapOptions(page).with_address(address + 4 * page).map(),
        ]
        starts = [mapping.start() for mapping in made]
        assert starts == [address + page, address + 2 * page, address + 4 * page]
        for last in range(first, 7):
            for low in (0, 1, -1):
                for high in (0, 1, -1):
                    start = max(address + first * page + low, address)
                    end = min(address + last * page + high, address + 6 * page)
                    if end < start:
                        continue
                    found = MemoryAreas.query_range(range(start, end))
                    wanted = [s for s in starts if s < end and start < s + page and start < end]
                    assert [area.start() for area in found] == wanted, (start, end)
                    sliced = MemoryAreas.query_range(slice(start, end))
                    assert [area.start() for area in sliced] == wanted


@pytest.mark.parametrize("address", [0, 1, LAST, LAST - 1, sys.maxsize, sys.maxsize + 1])
def test_addresses_at_the_ends_of_the_address_space(address: int) -> None:
    wanted = next((area for area in areas() if area.start <= address < area.end), None)
    for found in (MemoryAreas.query(address), MemoryAreas.query_process(os.getpid(), address)):
        assert (found.range() if found else None) == (
            range(wanted.start, wanted.end) if wanted else None
        )
    assert len(list(MemoryAreas.query_range(range(address, LAST)))) <= len(areas())
    assert list(MemoryAreas.query_range(range(address, address))) == []


def test_the_kernels_own_page_is_found() -> None:
    # [vsyscall], where there is one, is in the upper half of the address space.
    highest = areas()[-1]
    found = own_area(highest.end - 1)
    assert plain(found) == expected(highest)
    assert list(MemoryAreas.query_range(range(highest.end - 1, highest.end))) == [found]


BAD_ADDRESSES: list[tuple[Any, type[Exception]]] = [
    (-1, OverflowError),
    (LAST + 1, OverflowError),
    (1 << 100, OverflowError),
    (None, TypeError),
    ("0", TypeError),
    (0.0, TypeError),
]


@pytest.mark.parametrize(("address", "error"), BAD_ADDRESSES)
def test_bad_addresses(address: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        MemoryAreas.query(address)
    with pytest.raises(error):
        MemoryAreas.query_process(None, address)


BAD_RANGES: list[tuple[Any, type[Exception]]] = [
    (range(5, 4), InvalidOffsetError),
    (slice(5, 4), InvalidOffsetError),
    (range(0, 10, 2), ValueError),
    (range(10, 0, -1), ValueError),
    (range(-5, 5), OverflowError),
    (range(LAST + 2), OverflowError),
    (5, TypeError),
    ((0, 5), TypeError),
    (None, TypeError),
]


@pytest.mark.parametrize(("bad", "error"), BAD_RANGES, ids=[str(case[0]) for case in BAD_RANGES])
def test_bad_ranges(bad: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        MemoryAreas.query_range(bad)
    with pytest.raises(error):
        MemoryAreas.query_process_range(None, bad)


# --- processes


def test_a_process_that_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(20)
    for refused in (
        lambda: MemoryAreas.open(process.pid),
        lambda: MemoryAreas.query_process(process.pid, 0x1000),
        lambda: MemoryAreas.query_process_range(process.pid, range(0x1000)),
    ):
        with pytest.raises(ProcessLookupError) as caught:
            refused()
        assert isinstance(caught.value, mmap_rs.SystemCallError)


def test_a_process_that_is_not_ours() -> None:
    # Asks as nobody, for a process that keeps its own user.
    check_child(
        """
        import os, sys
        import mmap_rs

        try:
            mmap_rs.MemoryAreas.open(2**22 + 1)
        except ProcessLookupError:
            pass
        if os.geteuid() == 0:
            os.setuid(65534)
            try:
                list(mmap_rs.MemoryAreas.open(int(sys.argv[1])))
            except PermissionError as error:
                assert isinstance(error, mmap_rs.SystemCallError)
            else:
                raise AssertionError("nobody may read another user's areas")
        """,
        arguments=(str(os.getpid()),),
    )


BAD_PIDS: list[tuple[Any, type[Exception]]] = [
    (-1, OverflowError),
    (1 << 32, OverflowError),
    ("1", TypeError),
    (1.0, TypeError),
]


@pytest.mark.parametrize(("pid", "error"), BAD_PIDS)
def test_bad_process_ids(pid: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        MemoryAreas.open(pid)
    with pytest.raises(error):
        MemoryAreas.query_process(pid, 0)


# --- iterators


def test_an_iterator_may_be_abandoned() -> None:
    before = descriptors()
    for _ in range(200):
        assert next(MemoryAreas.open()).end() > 0
        MemoryAreas.query_range(range(LAST))
    assert descriptors() == before


def test_an_iterator_at_its_end_holds_nothing() -> None:
    before = descriptors()
    iterators = [MemoryAreas.open() for _ in range(50)]
    for iterator in iterators:
        assert iter(iterator) is iterator
        assert len(list(iterator)) > 5
    assert descriptors() == before
    for iterator in iterators:
        assert next(iterator, None) is None
        assert list(iterator) == []


def test_areas_outlive_their_iterator(page: int) -> None:
    with MmapOptions(page).with_flags(MmapFlags.SHARED).map() as mapping:
        area = next(MemoryAreas.query_range(range(mapping.start(), mapping.end())))
        assert area.start() == mapping.start()


def test_the_list_may_change_while_it_is_read(page: int) -> None:
    for _ in range(20):
        seen = -1
        made: list[mmap_rs.Mapping] = []
        for area in MemoryAreas.open():
            assert area.start() >= seen
            seen = area.start()
            made.append(MmapOptions(page).with_flags(MmapFlags.SHARED).map())
            if len(made) % 2:
                made.pop(0).close()
        assert seen > 0
