"""Windows: mappings that are cut, joined and committed in parts, by what the system itself says of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

if os.name != "nt":
    pytest.skip("asks Windows about mappings", allow_module_level=True)

import mmap_rs
from mmap_rs import Mmap, MmapMut, MmapOptions, UnsafeMmapFlags
from tests.conftest import FileFactory

# For the type checkers, which see the rest as Windows has it.
assert sys.platform == "win32"

from tests.windows.kernel32 import (  # noqa: E402
    COMMIT,
    FREE,
    HUGE,
    KINDS,
    RESERVE,
    SHARED,
    UNIT,
    free_place,
    information,
)


def of_kind(kind: str, size: int, path: Path) -> MmapOptions:
    """Return options for a kind of memory of so many bytes; of the file, if it is of one."""
    options = MmapOptions(size)
    if kind != "anonymous":
        options = options.with_file(path)
    return options.with_flags(SHARED) if kind == "shared" else options


@pytest.mark.parametrize("kind", KINDS)
def test_split_parts_live_on_their_own(kind: str, tmp_file: FileFactory, page: int) -> None:
    path = tmp_file(4 * page)
    options = of_kind(kind, 4 * page, path)
    head = options.map_mut()
    start = head.start()
    head[:] = bytes(range(256)) * (4 * page // 256)
    tail = head.split_off(3 * page)
    middle = head.split_off(page)
    middle.close()
    assert information(start + page).protect in {0, 0x01}, "nobody can use it any more"
    read = tail.make_read_only()
    assert bytes(head) == bytes(read) == bytes(range(256)) * (page // 256)
    head.close()
    assert read[5] == 5
    read.close()
    assert all(information(start + n * page).state == FREE for n in range(4))


@pytest.mark.parametrize("kind", KINDS)
def test_merge_back(kind: str, tmp_file: FileFactory, page: int) -> None:
    path = tmp_file(3 * page)
    options = of_kind(kind, 3 * page, path)
    with options.map_mut() as whole:
        for at in (page, 2 * page, page):
            whole.merge(whole.split_off(at))
        whole[page - 1 : page + 1] = b"ab"
        read = whole.make_read_only()
        assert (len(read), read[page - 1 : page + 1]) == (3 * page, b"ab")
        read.close()


def test_merge_of_two_views(tmp_file: FileFactory) -> None:
    path = tmp_file(2 * UNIT)
    place = free_place(2 * UNIT)
    fixed = MmapOptions(UNIT).with_unsafe_flags(UnsafeMmapFlags.MAP_FIXED).with_flags(SHARED)
    first = fixed.with_address(place).with_file(path).map_mut()
    second = fixed.with_address(place + UNIT).with_file(path, UNIT).map_mut()
    first.merge(second)
    assert bytes(first) == path.read_bytes()
    first[UNIT - 2 : UNIT + 2] = b"over"
    first.flush()
    first.lock()
    first.unlock()
    read = first.make_read_only()
    tail = read.split_off(UNIT + MmapOptions.page_size())
    assert path.read_bytes()[UNIT - 2 : UNIT + 2] == b"over"
    tail.close()
    read.close()
    assert information(place).state == information(place + UNIT).state == FREE


@pytest.mark.parametrize(
    ("reserved", "committed"),
    [
        (MmapOptions.reserve_mut, MmapMut.try_from),
        (MmapOptions.reserve, Mmap.try_from),
    ],
    ids=["mut", "read"],
)
def test_a_reservation_is_committed(
    reserved: Callable[[MmapOptions], object], committed: Callable[..., Mmap | MmapMut], page: int
) -> None:
    reservation = reserved(MmapOptions(HUGE))
    assert isinstance(reservation, mmap_rs.Mapping)
    first = information(reservation.start())
    assert (first.state, first.size) == (RESERVE, HUGE)
    head = reservation.split_to(page)
    with committed(head) as mapping:
        assert information(mapping.start()).state == COMMIT
        assert information(mapping.end()).state == RESERVE
        assert bytes(mapping) == bytes(page)
    reservation.close()


def test_a_reservation_remembers_its_protection(page: int) -> None:
    reservation = MmapOptions(page).reserve_none().make_mut().make_read_only().make_mut()
    with MmapMut.try_from(reservation) as mapping:
        assert information(mapping.start()).protect == 0x04
        mapping[0] = 1
