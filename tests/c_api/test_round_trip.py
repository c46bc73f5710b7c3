"""Memory that is taken and adopted again is as it was, and what is behind it is known."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

import mmap_rs
from mmap_rs import (
    AttributeMismatchError,
    BackingMismatchError,
    ConsumedError,
    Inherit,
    MmapFlags,
    MmapMut,
    MmapOptions,
)
from tests.c_api.other_code import KIND, libc, mapped, unix
from tests.c_api.table import adopt, give_back, table, take
from tests.conftest import FileFactory
from tests.support.child_scripts import needs_fork

FIXED = 0x10  # MAP_FIXED


def in_child(work: Callable[[], int]) -> int:
    """Run `work` in a child of `fork`, and return how it ended."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@needs_fork
@pytest.mark.parametrize("parts", [False, True], ids=["whole", "parts"])
def test_what_a_child_does_not_get(parts: bool, page: int) -> None:
    m = MmapOptions(4 * page).map_mut()
    m.set_inheritance(Inherit.NONE)
    memory = take(m)
    again: MmapMut = table.adopt(memory)
    if parts:
        again.split_off(2 * page).close()

    def look() -> int:
        try:
            return again[0]
        except ConsumedError:
            return 7

    assert in_child(look) == 7
    again.set_inheritance(Inherit.DEFAULT)
    assert in_child(look) == 0
    again.close()


@needs_fork
def test_what_a_child_gets_as_zeros(page: int) -> None:
    m = MmapOptions(page).map_mut()
    try:
        m.set_inheritance(Inherit.ZERO)
    except mmap_rs.Error as error:
        pytest.skip(f"this system can't: {error}")
    m[0] = 5
    again: MmapMut = table.adopt(take(m))
    again.resize(3 * page)
    # A mapping that a child gets as zeros can't be merged with one that it gets as it is.
    tail = again.split_off(page)
    tail.set_inheritance(Inherit.DEFAULT)
    with pytest.raises(AttributeMismatchError, match=r"has Inherit\.ZERO"):
        again.merge(tail)
    assert in_child(lambda: again[0]) == 0
    assert again[0] == 5
    tail.close()
    again.close()


@unix
def test_parts_of_shared_memory_that_were_merged(page: int) -> None:
    """Each is a file of the kernel's own, of which nobody needs to know."""
    place = MmapOptions(4 * page).reserve_none()
    rest = place.split_off(2 * page)
    options = MmapOptions(2 * page).with_flags(MmapFlags.SHARED)
    m = options.with_reservation(place).map_mut()
    m.merge(options.with_reservation(rest).map_mut())
    again = table.adopt(take(m))
    assert "shared anonymous" in repr(again)
    assert len(again) == 4 * page
    again.close()


@unix
def test_parts_of_one_file_are_merged(tmp_file: FileFactory, page: int) -> None:
    path = tmp_file(4 * page)
    with path.open("rb") as file:
        start = libc().mmap(None, 4 * page, mmap.PROT_READ, mmap.MAP_SHARED, file.fileno(), 0)
    one, two = (adopt(start=start + at, len=page, kind=KIND["Mmap"]) for at in (0, page))
    four = adopt(start=start + 3 * page, len=page, kind=KIND["Mmap"])
    one.merge(two)
    three = adopt(start=start + 2 * page, len=page, kind=KIND["Mmap"])
    one.merge(three)
    one.merge(four)
    assert len(one) == 4 * page
    one.close()


@unix
def test_an_adopted_part_and_one_of_ours(tmp_file: FileFactory, page: int) -> None:
    with mmap_rs.map_file(tmp_file(3 * page)) as m:
        tail = m.split_off(page)
        m.merge(table.adopt(take(tail)))
        assert len(m) == 3 * page


@unix
def test_parts_of_two_files_stay_apart(tmp_path: Path, page: int) -> None:
    start = _two_files(tmp_path, page, deleted=False)
    one, two = (adopt(start=start + at, len=page, kind=KIND["Mmap"]) for at in (0, page))
    with pytest.raises(BackingMismatchError, match="are different files"):
        one.merge(two)
    one.close()
    two.close()


@unix
def test_parts_of_a_device_stay_apart(page: int) -> None:
    """Each open file of it may be other memory."""
    start = mapped(2 * page)
    with open("/dev/zero", "rb") as file:
        for at in range(2):
            place, flags = start + at * page, mmap.MAP_PRIVATE | FIXED
            assert libc().mmap(place, page, mmap.PROT_READ, flags, file.fileno(), 0) == place
    one, two = (adopt(start=start + at, len=page, kind=KIND["Mmap"]) for at in (0, page))
    if "anonymous" in repr(one):
        pytest.skip("the system maps /dev/zero as memory without a file")
    with pytest.raises(BackingMismatchError, match="only parts of one mapping"):
        one.merge(two)
    one.close()
    two.close()


@pytest.mark.skipif(
    not os.path.exists("/proc/self/maps"), reason="only Linux lists the number of a file"
)
def test_two_deleted_files_of_one_path_are_two(tmp_path: Path, page: int) -> None:
    start = _two_files(tmp_path, page, deleted=True)
    assert ctypes.string_at(start, 1) + ctypes.string_at(start + page, 1) == b"01"
    with pytest.raises(AttributeMismatchError, match="adopt them one by one"):
        adopt(start=start, len=2 * page, kind=KIND["Mmap"])
    for at in (0, page):
        give_back(take(adopt(start=start + at, len=page, kind=KIND["Mmap"])))


def _two_files(folder: Path, page: int, deleted: bool) -> int:
    """Map the first page of one file, and the second page of another right behind it."""
    start = mapped(2 * page)
    opened: list[BinaryIO] = []
    for number in range(2):
        path = folder / ("file" if deleted else f"file-{number}")
        path.write_bytes(str(number).encode() * 2 * page)
        # Both stay open, so that the second does not get the number of the first.
        opened.append(path.open("rb"))
        if deleted:
            path.unlink()
        place, flags = start + number * page, mmap.MAP_SHARED | FIXED
        made = libc().mmap(place, page, mmap.PROT_READ, flags, opened[-1].fileno(), number * page)
        assert made == place
    for file in opened:
        file.close()
    return start
