"""Windows: what the system itself says of mappings, files and handles; and what only Windows does."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

if os.name != "nt":
    pytest.skip("asks Windows about mappings", allow_module_level=True)

import ctypes
import msvcrt
import platform
import subprocess
from ctypes import wintypes

import mmap_rs
from mmap_rs import (
    InvalidOffsetError,
    InvalidSizeError,
    MemoryAreas,
    MmapFlags,
    MmapOptions,
    Protection,
    SystemCallError,
    UnsafeMmapFlags,
)
from tests.conftest import FileFactory

# For the type checkers, which see the rest as Windows has it.
assert sys.platform == "win32"

from tests.windows.kernel32 import (  # noqa: E402
    FREE,
    IS_64_BIT,
    KINDS,
    SHARED,
    UNIT,
    free_place,
    handles,
    information,
    kernel32,
    kinds,
)

SET_SPARSE = 0x900C4
# Where a 32-bit program finds the programs of a 64-bit system.
SYSNATIVE = Path(os.environ["SYSTEMROOT"], "Sysnative")
PROTECTIONS = {"make_none": 0x01, "make_read_only": 0x02, "make_exec": 0x20}
# Pages that are copied when they are written have numbers of their own until then; Wine keeps these.
WRITABLE = {"make_mut": {0x04, 0x08}, "make_exec_mut": {0x40, 0x80}}

# mov eax, 42; ret
FORTY_TWO = b"\xb8\x2a\x00\x00\x00\xc3"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("made", ["map_none", "map", "map_exec", "map_mut", "map_exec_mut"])
def test_u13_u18_u19_protections_are_what_they_are_called(
    kind: str, made: str, tmp_file: FileFactory, page: int
) -> None:
    with getattr(kinds(tmp_file(page), page)[kind].with_flags(MmapFlags(0)), made)() as first:
        address = first.start()
        mapping = first
        if kind == "shared" and "mut" not in made:
            # The path was opened for reading only.
            with pytest.raises(PermissionError) as refused:
                mapping.make_mut()
            assert refused.value.winerror == 5
        else:
            for name, numbers in WRITABLE.items():
                mapping = getattr(mapping, name)()
                assert information(address).protect in numbers
        for name, number in PROTECTIONS.items():
            mapping = getattr(mapping, name)()
            assert information(address).protect == number
            area = MemoryAreas.query(address)
            assert area is not None
            expected = {0x01: 0, 0x02: Protection.READ, 0x20: Protection.READ | Protection.EXECUTE}
            assert area.protection() == expected[number]
        mapping.close()
    assert information(address).state == FREE


@pytest.mark.skipif(
    platform.machine() not in {"AMD64", "x86"}, reason="the code is for Intel's processors"
)
@pytest.mark.parametrize("kind", KINDS)
def test_u18_u19_code_runs_in_every_kind(kind: str, tmp_file: FileFactory, page: int) -> None:
    path = tmp_file(page, FORTY_TWO)
    with kinds(path, page)[kind].map_exec_mut() as both:
        both[: len(FORTY_TWO)] = FORTY_TWO
        both.flush_icache()
        assert both.function(ctypes.c_int)() == 42
    if kind != "anonymous":
        with kinds(path, page)[kind].map_exec() as code:
            assert code.function(ctypes.c_int)() == 42


@pytest.mark.parametrize("flags", [MmapFlags(0), SHARED], ids=["private", "shared"])
@pytest.mark.parametrize("made", ["map", "map_mut", "map_exec"])
def test_u14_every_aligned_offset(
    flags: MmapFlags, made: str, tmp_file: FileFactory, page: int
) -> None:
    path = tmp_file(5 * UNIT + page)
    content = path.read_bytes()
    for offset in range(0, len(content), UNIT):
        for size in {1, min(UNIT, len(content) - offset), len(content) - offset}:
            options = MmapOptions(size).with_file(path, offset).with_flags(flags)
            with getattr(options, made)() as mapping:
                assert bytes(mapping) == content[offset : offset + size]
    with pytest.raises(InvalidOffsetError, match=str(UNIT)):
        MmapOptions(page).with_file(path, page)


def test_u14_an_offset_above_4_gib(tmp_path: Path, page: int) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        handle, returned = wintypes.HANDLE(msvcrt.get_osfhandle(file.fileno())), wintypes.DWORD()
        out = ctypes.byref(returned)
        assert kernel32.DeviceIoControl(handle, SET_SPARSE, None, 0, None, 0, out, None)
        file.seek((4 << 30) + UNIT)
        file.write(b"far" + bytes(page))
    with MmapOptions.for_file(path, (4 << 30) + UNIT).map() as mapping:
        assert (mapping[:3], len(mapping)) == (b"far", page + 3)


def test_u15_u22_what_fails_leaves_no_handle(tmp_file: FileFactory, page: int) -> None:
    path = tmp_file(page)
    with MmapOptions(page).map_none() as taken, path.open("rb") as reader:
        fixed = MmapOptions(page).with_address(taken.start())
        fixed = fixed.with_unsafe_flags(UnsafeMmapFlags.MAP_FIXED)

        def fail() -> None:
            with pytest.raises(SystemCallError):
                fixed.with_file(path).map()
            with pytest.raises(PermissionError):
                MmapOptions(page).with_file(reader).with_flags(SHARED).map_mut()
            with pytest.raises(InvalidSizeError):
                MmapOptions(2 * page).with_file(path).map()
            with pytest.raises(FileNotFoundError):
                MmapOptions(page).with_file(path.with_name("none")).map()

        fail()
        before = handles()
        for _ in range(50):
            fail()
        assert handles() <= before + 40
    # A section or a file that were left open would forbid one of these. os.truncate() tells nothing of it.
    with path.open("r+b") as file:
        file.truncate(10)
    assert path.stat().st_size == 10
    path.unlink()


@pytest.mark.parametrize("kind", KINDS)
def test_u16_an_address_is_a_wish(kind: str, tmp_file: FileFactory, page: int) -> None:
    options = kinds(tmp_file(page), page)[kind]
    place = free_place(4 * UNIT)
    with options.with_address(place + UNIT).map() as met:
        assert met.start() == place + UNIT
        with options.with_address(place + UNIT).map() as elsewhere:
            assert elsewhere.start() != met.start()
    with options.with_address(place + page).map() as rounded:
        assert rounded.start() == place


@pytest.mark.parametrize("kind", KINDS)
def test_u16_a_fixed_address_is_met_or_refused(kind: str, tmp_file: FileFactory, page: int) -> None:
    options = kinds(tmp_file(page), page)[kind].with_unsafe_flags(UnsafeMmapFlags.MAP_FIXED)
    place = free_place(4 * UNIT)
    with options.with_address(place).map() as met:
        assert met.start() == place
        # What is there is never replaced, unlike elsewhere.
        with pytest.raises(SystemCallError, match="free address") as taken:
            options.with_address(place).map()
        assert taken.value.winerror == 487
        assert bytes(met) == bytes(met)
    with pytest.raises(SystemCallError, match="allocation granularity") as odd:
        options.with_address(place + page).map()
    assert odd.value.winerror == 1132


def test_u17_lists_of_other_processes_leave_no_handle() -> None:
    next(iter(MemoryAreas.open(os.getpid())))
    before = handles()
    for _ in range(100):
        next(iter(MemoryAreas.open(os.getpid())))
    assert handles() <= before + 40


def test_a_process_that_is_not_there() -> None:
    with pytest.raises(ProcessLookupError) as refused:
        MemoryAreas.open(0xFFFF_FFF0)
    assert isinstance(refused.value, SystemCallError)
    assert (refused.value.winerror, refused.value.errno) == (87, errno.ESRCH)
    assert "WinError 87" in str(refused.value)


@pytest.mark.skipif(IS_64_BIT or not SYSNATIVE.exists(), reason="for a 32-bit Python on 64 bits")
def test_a_process_that_is_wider() -> None:
    wider = subprocess.Popen([SYSNATIVE / "cmd.exe", "/c", "pause"], stdin=subprocess.PIPE)
    with pytest.raises(mmap_rs.InvalidOperationError, match="64-bit process"):
        MemoryAreas.open(wider.pid)
    wider.communicate(b"\n")


def test_a_process_that_has_ended() -> None:
    # Its handle is held, so that it is still there.
    ended = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    areas = MemoryAreas.open(ended.pid)
    ended.communicate(b"\n")
    for ask in (lambda: MemoryAreas.open(ended.pid), lambda: list(areas)):
        with pytest.raises(ProcessLookupError) as refused:
            ask()
        assert isinstance(refused.value, SystemCallError)
        assert refused.value.errno == errno.ESRCH


def test_u22_paths_of_areas(tmp_path: Path, page: int) -> None:
    folder = tmp_path / "with spaces and ü"
    folder.mkdir()
    for name in ("plain", "two  spaces.txt", "ünïcode 中.bin", "x" * 100):
        path = folder / name
        path.write_bytes(bytes(page))
        with MmapOptions(page).with_file(path).map() as mapping:
            area = MemoryAreas.query(mapping.start())
            assert area is not None
            found = area.path()
            assert found is not None
            assert found.drive.endswith(":"), found
            assert found.samefile(path)
            assert area.file_offset() == 0


def test_private_memory_has_no_path(page: int) -> None:
    with MmapOptions(page).map() as mapping:
        area = MemoryAreas.query(mapping.start())
        assert area is not None
        assert area.path() is None


def test_numbers_of_errors(tmp_file: FileFactory, page: int) -> None:
    missing = tmp_file(page).with_name("missing")
    with pytest.raises(FileNotFoundError) as absent:
        MmapOptions(page).with_file(missing).map()
    assert isinstance(absent.value, SystemCallError)
    assert (absent.value.winerror, absent.value.errno) == (2, errno.ENOENT)
    assert absent.value.filename == str(missing)
    with pytest.raises(PermissionError) as folder:
        MmapOptions(page).with_file(missing.parent).map()
    assert (folder.value.winerror, folder.value.errno) == (5, errno.EACCES)
    with pytest.raises(SystemCallError) as large:
        MmapOptions(sys.maxsize - page).map_mut()
    assert (large.value.winerror, large.value.errno) == (8, errno.ENOMEM)


def test_locking_as_often_as_one_likes(page: int) -> None:
    with MmapOptions(4 * page).map_mut() as mapping:
        mapping.unlock()
        mapping.lock()
        mapping.lock()
        mapping.unlock()
        mapping.unlock()


def test_locking_more_than_the_working_set() -> None:
    with MmapOptions(1 << 30).map_mut() as mapping:
        with pytest.raises(SystemCallError, match="SetProcessWorkingSetSize") as refused:
            mapping.lock()
        assert refused.value.winerror in {1450, 1453}
        assert refused.value.errno == errno.ENOMEM


def test_large_pages_name_the_right_that_they_need() -> None:
    large = kernel32.GetLargePageMinimum
    large.restype = ctypes.c_size_t
    size = int(large())
    assert size in {1 << exponent for exponent in range(21, 23)}
    with pytest.raises(InvalidSizeError):
        MmapOptions(size + 4096).with_flags(MmapFlags.HUGE_PAGES).map_mut()
    # No process has the right at its start: who was given it must still enable it.
    with pytest.raises(SystemCallError, match="SeLockMemoryPrivilege") as refused:
        MmapOptions(size).with_flags(MmapFlags.HUGE_PAGES).map_mut()
    assert refused.value.winerror == 1314


def test_what_windows_has_not_is_ignored_or_refused(tmp_file: FileFactory, page: int) -> None:
    with MmapOptions(page).map_mut() as mapping:
        mapping.advise(MmapFlags.SEQUENTIAL | MmapFlags.WILLNEED)
    with pytest.raises(mmap_rs.InvalidOperationError):
        MmapOptions(page).with_file(tmp_file(page)).with_fault_guard()
