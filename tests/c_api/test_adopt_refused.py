"""Memory that is not as its owner says is not adopted, and stays its owner's."""

from __future__ import annotations

import ctypes
import mmap
import os

import pytest

from mmap_rs import (
    AttributeMismatchError,
    InvalidOffsetError,
    InvalidOperationError,
    InvalidSizeError,
    MemoryAreas,
    MmapOptions,
)
from tests.c_api.other_code import KIND, Owner, libc, mapped, unix
from tests.c_api.table import READ, adopt
from tests.conftest import FileFactory

REFUSED: dict[str, tuple[dict[str, int], type[Exception], str]] = {
    "nothing there": ({}, InvalidOperationError, "nothing is mapped"),
    "half of it": ({"len": 3}, InvalidOperationError, "nothing is mapped"),
    "0 bytes": ({"len": 0}, InvalidSizeError, "0 bytes"),
    "odd address": ({"start": 1}, InvalidOffsetError, "multiple of the page size"),
    "wrong kind": ({"kind": KIND["Mmap"]}, AttributeMismatchError, "not the protection of Mmap"),
    "wrong protection": ({"protection": READ}, AttributeMismatchError, "not as"),
    "wrong share mode": ({"share_mode": 1}, AttributeMismatchError, "is private, not shared"),
    "no kind": ({"kind": 6}, ValueError, "6 is not a kind"),
    "no protection": ({"protection": 64}, ValueError, "64 is not a protection"),
    "no share mode": ({"share_mode": 2}, ValueError, "2 is not a share mode"),
    "another page size": ({"page_size": 8192}, ValueError, "has pages of|the page size, 8192"),
    "no page size": ({"page_size": 3000}, InvalidSizeError, "3000 bytes are not a page size"),
}


@unix
@pytest.mark.parametrize("case", sorted(REFUSED))
def test_what_is_not_as_told_is_refused(case: str, page: int) -> None:
    fields, error, message = REFUSED[case]
    owner, start = Owner(), mapped(3 * page)
    libc().munmap(start + 2 * page, page)
    given = {"start": start, "len": 2 * page, "kind": KIND["MmapMut"], **owner.fields, **fields}
    if case == "nothing there":
        given["start"] = start + 2 * page
        given["len"] = page
    elif case == "half of it":
        given["len"] = 3 * page
    elif case == "odd address":
        given["start"] = start + 1
    with pytest.raises(error, match=message):
        adopt(**given)
    assert owner.parts == []
    assert ctypes.string_at(start, 1) == b"\0", "still there"
    m = adopt(start=start, len=2 * page, kind=KIND["MmapMut"])
    m[0] = 1
    m.close()


def test_what_is_ours_already_is_refused(page: int) -> None:
    m = MmapOptions(4 * page).map_mut()
    inside = {"kind": KIND["MmapMut"], "len": page}
    for at in (0, 1, 3):
        with pytest.raises(InvalidOperationError, match=f"{m.start():#x}"):
            adopt(start=m.start() + at * page, **inside)
    m[0] = 1
    m.close()


@unix
def test_two_protections_are_two_mappings(page: int) -> None:
    start = mapped(2 * page)
    libc().mprotect(ctypes.c_void_p(start), ctypes.c_size_t(page), mmap.PROT_READ)
    with pytest.raises(AttributeMismatchError, match="adopt them one by one"):
        adopt(start=start, len=2 * page, kind=KIND["Mmap"])
    one = adopt(start=start, len=page, kind=KIND["Mmap"])
    two = adopt(start=start + page, len=page, kind=KIND["MmapMut"])
    assert (one[0], two[0]) == (0, 0)
    one.close()
    two.close()


@pytest.mark.skipif(
    not os.path.exists("/proc/self/maps"), reason="the kernel names the stack in its list"
)
def test_the_stack_is_refused() -> None:
    stack = next(area for area in MemoryAreas.open() if area.name() == "stack")
    with pytest.raises(InvalidOperationError, match=r"the process's own: \[stack\]"):
        adopt(start=stack.start(), len=stack.end() - stack.start(), kind=KIND["MmapMut"])


@unix
def test_parts_of_a_file_that_do_not_continue(tmp_file: FileFactory, page: int) -> None:
    path = tmp_file(8 * page)
    start = mapped(2 * page)
    with path.open("rb") as file:
        for at, number in ((0, 5), (1, 2)):
            place, flags = start + at * page, mmap.MAP_SHARED | 0x10  # MAP_FIXED
            made = libc().mmap(place, page, mmap.PROT_READ, flags, file.fileno(), number * page)
            assert made == place
    with pytest.raises(AttributeMismatchError, match="adopt them one by one"):
        adopt(start=start, len=2 * page, kind=KIND["Mmap"])
    for at in range(2):
        adopt(start=start + at * page, len=page, kind=KIND["Mmap"]).close()
