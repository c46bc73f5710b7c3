"""What is in physical memory, bringing it in, and names."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from mmap_rs import (
    FaultError,
    InvalidOffsetError,
    InvalidOperationError,
    MmapFlags,
    MmapOptions,
    SystemCallError,
)
from tests.support.procfs import areas

LINUX = sys.platform in ("linux", "android")
PAGE = MmapOptions.page_size()


def test_untouched_memory_is_not_resident() -> None:
    with MmapOptions(64 * PAGE).map_mut() as mapping:
        mapping.advise(MmapFlags(0))
        assert mapping.resident() == 0
        mapping[5 * PAGE] = 1
        assert mapping.resident(range(5 * PAGE, 6 * PAGE)) == PAGE
        assert mapping.resident(range(5 * PAGE + 10, 5 * PAGE + 20)) == 10
        assert mapping.resident(range(5 * PAGE - 10, 5 * PAGE + 20)) == 20
        assert mapping.resident(slice(6 * PAGE, None)) == 0 or not LINUX
        assert mapping.resident(range(0)) == 0


def test_all_of_a_part_of_a_page() -> None:
    with MmapOptions(10).map_mut() as mapping:
        mapping[0] = 1
        assert mapping.resident() == 10


@pytest.mark.parametrize("write", [False, True])
def test_populate(write: bool) -> None:
    with MmapOptions(64 * PAGE).map_mut() as mapping:
        mapping.populate(range(PAGE, 3 * PAGE), write=write)
        assert mapping.resident(range(PAGE, 3 * PAGE)) == 2 * PAGE
        mapping.populate(write=write)
        assert mapping.resident() == 64 * PAGE
        assert mapping[:] == bytes(64 * PAGE)
        mapping.populate(range(0), write=write)


def test_ranges_and_kinds() -> None:
    with MmapOptions(PAGE).map_mut() as mapping:
        for call in (mapping.resident, mapping.populate):
            with pytest.raises(InvalidOffsetError):
                call(range(PAGE + 1))
    with MmapOptions(PAGE).map() as mapping:
        mapping.populate()
        with pytest.raises(InvalidOperationError, match="make_mut"):
            mapping.populate(write=True)
    with MmapOptions(PAGE).map_none() as nothing:
        assert nothing.resident() == 0
        with pytest.raises(InvalidOperationError):
            nothing.populate()


@pytest.mark.skipif(os.name == "nt", reason="a mapped file can't be cut on Windows")
@pytest.mark.parametrize("flags", [MmapFlags(0), MmapFlags.SHARED], ids=["private", "shared"])
def test_a_page_that_is_missing(flags: MmapFlags, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(8 * PAGE))
    options = MmapOptions.for_file(path).with_flags(flags)
    with options.map_mut() as plain, options.with_fault_guard().map_mut() as guarded:
        os.truncate(path, 4 * PAGE)
        plain.populate(range(4 * PAGE))
        for write in (False, True):
            with pytest.raises(SystemCallError) as caught:
                plain.populate(write=write)
            assert not isinstance(caught.value, FaultError)
            assert caught.value.errno == errno.EFAULT
        guarded.populate(range(4 * PAGE))
        assert not guarded.faulted()
        with pytest.raises(FaultError):
            guarded.populate()
        assert guarded.faulted()


@pytest.mark.skipif(os.name == "nt", reason="a mapped file can't be cut on Windows")
def test_holes_get_room_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    path.touch()
    os.truncate(path, 64 * PAGE)
    before = path.stat().st_blocks
    with MmapOptions.for_file(path).with_flags(MmapFlags.SHARED).map_mut() as mapping:
        mapping.populate(write=True)
        mapping.flush()
    assert path.stat().st_blocks > before
    assert path.read_bytes() == bytes(64 * PAGE)


def test_names() -> None:
    with MmapOptions(PAGE).map_mut() as mapping:
        mapping.set_name("frame buffer 1")
        named = (
            [area for area in areas() if b"frame buffer 1" in (area.path or b"")] if LINUX else []
        )
        assert len(named) <= 1  # kernels without CONFIG_ANON_VMA_NAME show none
        mapping.set_name("x" * 79)
        mapping.set_name("")
        mapping.set_name(None)
        for wrong in (
            "x" * 80,
            "tab\t",
            "new\nline",
            "[x",
            "x]",
            "$x",
            "a`b",
            "back\\slash",
            "nul\0",
            "ümlaut",
        ):
            with pytest.raises(InvalidOperationError, match="name"):
                mapping.set_name(wrong)
        with pytest.raises(UnicodeEncodeError, match="udcff"):
            mapping.set_name("\udcff")
        with pytest.raises(TypeError):
            mapping.set_name(5)  # type: ignore[arg-type]


def test_a_file_has_its_name(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(PAGE))
    with MmapOptions.for_file(path).map() as mapping, pytest.raises(InvalidOperationError):
        mapping.set_name("mine")
