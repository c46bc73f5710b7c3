"""`MemoryAreas` on any system, by what holds on all of them: no list of the system's own to compare with."""

import ctypes
import importlib
import json
import os
import subprocess
import sys
from itertools import islice, pairwise
from pathlib import Path

import pytest

from mmap_rs import (
    MemoryArea,
    MemoryAreas,
    MmapFlags,
    MmapOptions,
    Protection,
    ShareMode,
    SystemCallError,
)

# More than any process has that runs these tests. A list that never ends must fail, not fill the memory.
TOO_MANY = 1_000_000
LAST = sys.maxsize * 2 + 1
READ_WRITE = Protection.READ | Protection.WRITE

processes = pytest.mark.skipif(sys.platform == "ios", reason="iOS starts no other processes")


def listed() -> list[MemoryArea]:
    """All areas of this process, or as many as show that the list has no end."""
    with MemoryAreas.open() as areas:
        return list(islice(areas, TOO_MANY))


def area_of(address: int) -> MemoryArea:
    area = MemoryAreas.query(address)
    assert area is not None
    assert address in area
    return area


def address_of(function: object) -> int:
    """Where the code of a C function lies, or the little piece that leads to it."""
    address = ctypes.cast(function, ctypes.c_void_p).value  # type: ignore[arg-type]
    assert address is not None
    return address


def test_the_list_ends() -> None:
    assert 3 < len(listed()) < TOO_MANY


def test_areas_ascend_and_never_overlap() -> None:
    areas = listed()
    for area in areas:
        assert area.allocation_base() <= area.start() < area.end() <= LAST
        assert area.range() == range(area.start(), area.end())
        assert (area.path() is None) == (area.file_offset() is None)
    for lower, upper in pairwise(areas):
        assert lower.end() <= upper.start()


def test_usage_is_of_the_area(page: int) -> None:
    with MmapOptions(64 * page).map_mut() as mapping:
        mapping.fill(1)
        with MemoryAreas.open(usage=True) as areas:
            used = list(islice(areas, TOO_MANY))
        assert 3 < len(used) < TOO_MANY
        for area in used:
            usage = area.usage()
            assert usage is not None
            size = area.end() - area.start()
            # Of a mapping of huge pages that are shared all may count in both.
            for number in (usage.resident, usage.proportional, usage.locked, usage.private_dirty):
                assert number is None or 0 <= number <= size
        (mine,) = [area.usage() for area in used if mapping.start() in area]
        assert mine is not None
        assert mine.resident is not None
        assert mine.resident >= 64 * page


def test_names_are_text_or_unknown() -> None:
    names = {area.name() for area in listed()}
    assert None in names
    assert all(name is None or name for name in names)


def test_an_area_follows_its_mapping(page: int) -> None:
    # Of inaccessible pages on both sides, so that no area of others can be joined with its middle.
    whole = MmapOptions(3 * 16 * page).map_none()
    rest = whole.split_off(16 * page)
    last = rest.split_off(16 * page)
    middle = rest.make_mut()
    span = range(middle.start(), middle.end())
    area = area_of(span[0])
    assert area.range() == span
    assert area.protection() == READ_WRITE
    assert area.share_mode() == ShareMode.Private
    # Not that of the next file either, as macOS tells it (U28).
    name = area.path()
    assert name is None or not name.is_file()
    assert any(area.range() == span and area.protection() == READ_WRITE for area in listed())
    frozen = middle.make_read_only()
    assert area_of(span[-1]).protection() == Protection.READ
    none = frozen.make_none()
    inside = area_of(span[0])
    assert inside.protection() == Protection(0)
    assert inside.start() <= span[0] < span[-1] < inside.end()
    none.close()
    whole.close()
    last.close()


def test_a_query_of_a_range(page: int) -> None:
    whole = MmapOptions(4 * 16 * page).map_mut()
    upper = whole.split_off(2 * 16 * page)
    frozen = upper.make_read_only()
    span = range(whole.start() + page, frozen.end() - page)
    areas = list(islice(MemoryAreas.query_range(span), TOO_MANY))
    assert areas[0].start() <= span[0]
    assert areas[-1].end() > span[-1]
    assert all(lower.end() == upper.start() for lower, upper in pairwise(areas))
    kinds = [area.protection() for area in areas]
    assert kinds == [READ_WRITE, Protection.READ]
    assert list(MemoryAreas.query_range(range(span[0], span[0]))) == []


def test_addresses_at_the_ends(page: int) -> None:
    for address in (0, LAST):
        area = MemoryAreas.query(address)
        assert area is None or address in area
    with MmapOptions(page).map_mut() as mapping:
        areas = islice(MemoryAreas.query_range(range(LAST)), TOO_MANY)
        assert any(mapping.start() in area for area in areas)


def test_the_area_of_a_c_function() -> None:
    # In the library that all processes share on some systems, deep in a map of its own.
    library = ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)
    area = area_of(address_of(library.memcpy))
    assert Protection.EXECUTE in area.protection()
    assert any(address_of(library.memcpy) in area for area in listed())


def is_file(area: MemoryArea, path: Path) -> bool:
    """Whether an area maps a file: links and the like lead to the same one."""
    mapped = area.path()
    if mapped is None or mapped.name != path.name:
        return False
    return os.path.samefile(mapped, path)


@pytest.mark.skipif(sys.platform == "ios", reason="a module's file only names where its code is")
def test_the_area_of_this_module() -> None:
    module = Path(str(importlib.import_module("mmap_rs._mmap_rs").__file__))
    areas = [area for area in listed() if is_file(area, module)]
    assert any(Protection.EXECUTE in area.protection() for area in areas)


@pytest.mark.parametrize("shared", [False, True], ids=["private", "shared"])
def test_a_mapped_file(shared: bool, tmp_path: Path) -> None:
    unit = MmapOptions.allocation_granularity()
    path = tmp_path / "mapped file"
    path.write_bytes(bytes(3 * unit))
    options = MmapOptions(2 * unit).with_file(path, unit)
    if shared:
        options = options.with_flags(MmapFlags.SHARED)
    with options.map() as mapping:
        area = area_of(mapping.start())
        assert is_file(area, path)
        assert area.protection() == Protection.READ
        assert area.start() == mapping.start()
        assert area.end() >= mapping.start() + unit
        # Windows does not tell where in the file a view begins.
        assert area.file_offset() == (0 if sys.platform == "win32" else unit)
        if shared:
            assert area.share_mode() == ShareMode.Shared
        elif sys.platform != "win32":
            # A view that is only read is shared there.
            assert area.share_mode() == ShareMode.Private


def test_no_such_process() -> None:
    # Far beyond the numbers that systems give out; of 32 bits, as the last ones are.
    for pid in (2**22 + 1, 2**31 - 1, 2**32 - 2):
        for ask in (
            lambda pid=pid: list(MemoryAreas.open(pid)),
            lambda pid=pid: MemoryAreas.query_process(pid, 0),
        ):
            with pytest.raises(ProcessLookupError) as info:
                ask()
            assert isinstance(info.value, SystemCallError)


@processes
def test_another_process_is_read_or_refused(other_process: int) -> None:
    try:
        areas = list(islice(MemoryAreas.open(other_process), TOO_MANY))
    except PermissionError:
        # As macOS has it for all but root, and iOS for everyone.
        assert sys.platform not in ("linux", "win32")
        return
    assert 3 < len(areas) < TOO_MANY
    assert all(lower.end() <= upper.start() for lower, upper in pairwise(areas))


def test_this_process_by_its_number(page: int) -> None:
    with MmapOptions(page).map_mut() as mapping:
        area = MemoryAreas.query_process(os.getpid(), mapping.start())
        assert area is not None
        assert area.protection() == READ_WRITE


@processes
def test_the_command_lists_them() -> None:
    command = [sys.executable, "-m", "mmap_rs", "areas", "--json"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    areas = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(areas) > 3
    assert [area["start"] for area in areas] == sorted(area["start"] for area in areas)


@processes
@pytest.mark.skipif(sys.platform == "win32", reason="whoever knows a process keeps its number")
def test_a_process_that_has_ended() -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    with pytest.raises(ProcessLookupError):
        list(MemoryAreas.open(done.pid))
