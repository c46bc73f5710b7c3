"""Real huge pages, where the tests may reserve some."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmap_rs import (
    AttributeMismatchError,
    InvalidOffsetError,
    InvalidSizeError,
    Mapping,
    MmapFlags,
    MmapMut,
    MmapOptions,
    MustBeAdjacentError,
    PageSize,
)
from tests.support.os_features import memfd
from tests.support.procfs import KernelArea, huge_bytes, meminfo, smaps_at

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="looks for huge pages where Linux keeps them"
)

POOL = Path("/proc/sys/vm/nr_hugepages")
NEEDED = 8  # huge pages
HUGE = MmapFlags.HUGE_PAGES


@pytest.fixture(scope="module")
def pool(huge_size: int) -> Iterator[int]:
    """Reserve some huge pages for the tests of this file, and give back what was reserved."""
    before = int(POOL.read_text())
    try:
        if meminfo("HugePages_Free") < NEEDED:
            try:
                POOL.write_text(str(before + NEEDED))
            except OSError as error:
                pytest.skip(f"no free huge pages, and none may be reserved: {error}")
            if meminfo("HugePages_Free") < NEEDED:
                pytest.skip(f"the kernel finds no memory for {NEEDED} huge pages")
        yield huge_size
    finally:
        if int(POOL.read_text()) != before:
            POOL.write_text(str(before))


def free_pages() -> int:
    return meminfo("HugePages_Free") - meminfo("HugePages_Rsvd")


@pytest.fixture
def all_given_back(pool: int) -> Iterator[None]:
    """Fail when a test kept a huge page, the promise of one, or the addresses of one."""
    assert pool
    before = free_pages(), huge_bytes()
    yield
    assert (free_pages(), huge_bytes()) == before


def details(mapping: Mapping) -> KernelArea:
    area = smaps_at(mapping.start())
    assert area.sizes["KernelPageSize"] == area.sizes["MMUPageSize"]
    return area


def huge_map(size: int) -> MmapMut:
    return MmapOptions(size).with_flags(HUGE).map_mut()


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_the_last_free_pages_take_the_place_of_a_reservation(pool: int) -> None:
    size = free_pages() * pool
    reserved = MmapOptions(size).with_flags(HUGE).reserve_mut()
    assert free_pages() == 0
    with MmapOptions(size).with_flags(HUGE).with_reservation(reserved).map_mut() as mapping:
        mapping[::pool] = bytes([1]) * (size // pool)
        assert "ht" in details(mapping).vm_flags


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_the_flag_gives_huge_pages(pool: int) -> None:
    with huge_map(2 * pool) as mapping:
        area = details(mapping)
        assert area.sizes["KernelPageSize"] == pool
        assert "ht" in area.vm_flags
        mapping[0] = 1
        mapping[-1] = 2
        assert (mapping[0], mapping[1], mapping[-1]) == (1, 0, 2)


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_the_page_size_gives_pages_of_that_size(pool: int) -> None:
    options = MmapOptions(pool).with_page_size(PageSize.from_bytes(pool))
    for mapping in (options.map_mut(), options.with_flags(HUGE).map_mut()):
        with mapping:
            assert details(mapping).sizes["KernelPageSize"] == pool
            mapping.fill(3)
            assert mapping.count(3) == pool


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_they_are_given_back_each_time(pool: int) -> None:
    for _ in range(5 * NEEDED):
        with huge_map(2 * pool) as mapping:
            mapping[0] = mapping[pool] = 1
            assert huge_bytes() == 2 * pool
        assert huge_bytes() == 0
    for _ in range(5 * NEEDED):
        huge_map(pool)[0] = 1  # and when the last reference goes


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_split_and_merge_of_huge_pages(pool: int, page: int) -> None:
    mapping = huge_map(3 * pool)
    for index in range(3):
        mapping[index * pool] = index + 1
    start = mapping.start()
    for at in (0, page, pool // 2, pool - page, pool + page, 3 * pool, 3 * pool + page):
        with pytest.raises(InvalidOffsetError):
            mapping.split_off(at)
        with pytest.raises(InvalidOffsetError):
            mapping.split_to(at)
    assert mapping.size() == 3 * pool

    rest = mapping.split_off(pool)
    first = rest.split_to(pool)
    assert [part[0] for part in (mapping, first, rest)] == [1, 2, 3]
    with pytest.raises(MustBeAdjacentError):
        mapping.merge(rest)
    mapping.merge(first)
    with pytest.raises(InvalidOffsetError):
        mapping.split_off(page)
    mapping.merge(rest)
    assert (mapping.start(), mapping.size()) == (start, 3 * pool)
    read_only = mapping.make_read_only()
    assert [read_only[index * pool] for index in range(3)] == [1, 2, 3]
    read_only.close()


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_parts_of_huge_pages_are_given_back_one_by_one(pool: int) -> None:
    before = free_pages()
    mapping = huge_map(4 * pool)
    mapping.fill(1)
    parts = [mapping.split_to(pool) for _ in range(3)]
    for count, part in enumerate([*parts, mapping], start=1):
        part.close()
        assert free_pages() == before - 4 + count


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_a_huge_and_an_ordinary_mapping_do_not_merge(pool: int) -> None:
    spare = MmapOptions(3 * pool).reserve_none()
    address = -(-spare.start() // pool) * pool
    spare.close()
    ordinary = MmapOptions(pool).with_address(address).map_mut()
    huge = MmapOptions(pool).with_flags(HUGE).with_address(address + pool).map_mut()
    assert (ordinary.start(), huge.start()) == (address, address + pool)
    with pytest.raises(AttributeMismatchError):
        ordinary.merge(huge)
    assert not huge.closed
    huge.close()
    ordinary.close()


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_protection_flush_and_lock_of_huge_pages(pool: int) -> None:
    mapping = huge_map(pool)
    mapping[:5] = b"bytes"
    mapping.flush(range(1, 2))
    mapping.lock()
    mapping.unlock()
    hidden = mapping.make_none()
    assert details(hidden).permissions == "---p"
    shown = hidden.make_read_only()
    assert details(shown).permissions == "r--p"
    assert shown[:5] == b"bytes"
    shown.close()


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_an_advice_is_widened_to_huge_pages(pool: int) -> None:
    with huge_map(2 * pool) as mapping:
        mapping.fill(1)
        mapping.advise(MmapFlags.DONTNEED, range(pool - 1))
        assert mapping.count(1) == pool
        assert mapping[:pool] == bytes(pool)


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_shared_huge_pages(pool: int) -> None:
    options = MmapOptions(pool).with_flags(HUGE | MmapFlags.SHARED)
    with options.map_mut() as mapping:
        mapping[0] = 1
        area = details(mapping)
        assert {"ht", "sh"} <= area.vm_flags
        assert area.permissions == "rw-s"


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_a_file_of_huge_pages(pool: int, page: int) -> None:
    number = memfd("huge", "MFD_CLOEXEC|MFD_HUGETLB")
    try:
        os.truncate(number, 2 * pool)
        with MmapOptions.for_file(number).with_flags(MmapFlags.SHARED).map_mut() as mapping:
            assert details(mapping).sizes["KernelPageSize"] == pool
            mapping[pool] = 5
            # Its pages are huge though no flag says so: no split inside of one, and no odd sizes.
            with pytest.raises(InvalidOffsetError):
                mapping.split_off(page)
            assert mapping[pool] == 5
        assert huge_bytes() == 0
        with pytest.raises(InvalidSizeError):
            MmapOptions(pool + page).with_file(number).map()
    finally:
        os.close(number)


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_a_file_of_huge_pages_and_its_own_page_size(pool: int) -> None:
    number = memfd("huge", "MFD_CLOEXEC|MFD_HUGETLB")
    try:
        os.truncate(number, pool)
        options = MmapOptions(pool).with_file(number).with_flags(MmapFlags.SHARED)
        own = options.with_page_size(PageSize.from_bytes(pool))
        for same in (own, own.with_flags(HUGE), options.with_flags(HUGE)):
            with same.map_mut() as mapping:
                assert details(mapping).sizes["KernelPageSize"] == pool
    finally:
        os.close(number)
