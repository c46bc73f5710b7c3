"""`PageSize`, the exponent of one page size, and `PageSizes`, a set of them."""

import itertools
import mmap
import os
import sys
from typing import Any

import pytest

from mmap_rs import InvalidSizeError, MmapFlags, MmapOptions, PageSize, PageSizes

pytestmark = pytest.mark.parallel

# As upstream names them: not every member of PageSizes has a PageSize of its name.
CONSTANTS = {
    "_4K": 12,
    "_64K": 16,
    "_512K": 19,
    "_1M": 20,
    "_2M": 21,
    "_4M": 22,
    "_8M": 23,
    "_16M": 24,
    "_32M": 25,
    "_256M": 28,
    "_512M": 29,
    "_1G": 30,
    "_2G": 31,
    "_16G": 34,
}


@pytest.mark.parametrize(("name", "log2"), CONSTANTS.items())
def test_constants(name: str, log2: int) -> None:
    constant = getattr(PageSize, name)
    assert type(constant) is PageSize
    assert constant.log2 == log2
    assert constant.bytes == 1 << log2
    assert constant == PageSize(log2) == PageSize.from_bytes(1 << log2)
    if constant.bytes <= 2 * sys.maxsize + 1:
        assert int(getattr(PageSizes, name)) == constant.bytes
    else:
        assert not hasattr(PageSizes, name)


def test_there_are_no_other_constants() -> None:
    assert {name for name in dir(PageSize) if isinstance(getattr(PageSize, name), PageSize)} == set(
        CONSTANTS
    )


@pytest.mark.parametrize("log2", range(64))
def test_every_exponent(log2: int) -> None:
    page_size = PageSize(log2)
    assert page_size.log2 == log2
    assert page_size.bytes == 1 << log2
    assert PageSize.from_bytes(1 << log2) == page_size
    assert eval(repr(page_size), {"PageSize": PageSize}) == page_size


@pytest.mark.parametrize("log2", [64, 65, 4096, sys.maxsize])
def test_an_exponent_too_large(log2: int) -> None:
    with pytest.raises(InvalidSizeError):
        PageSize(log2)


@pytest.mark.parametrize("log2", [-1, 1 << 64, -(1 << 64)])
def test_an_exponent_out_of_range(log2: int) -> None:
    with pytest.raises(OverflowError):
        PageSize(log2)


WRONG: list[Any] = [None, "12", 12.0, b"", PageSizes]


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_types(wrong: Any) -> None:
    for refused in (PageSize, PageSize.from_bytes, PageSize.try_from, PageSizes.from_bytes):
        with pytest.raises(TypeError):
            refused(wrong)


@pytest.mark.parametrize("size", [0, 3, 4095, 4097, 12 * 1024, (1 << 63) + 1])
def test_bytes_that_are_no_power_of_two(size: int) -> None:
    with pytest.raises(ValueError):
        PageSize.from_bytes(size)
    with pytest.raises(ValueError):
        PageSizes.from_bytes(size)


@pytest.mark.parametrize("size", [-1, -4096, 1 << 64])
def test_bytes_out_of_range(size: int) -> None:
    with pytest.raises((ValueError, OverflowError)):
        PageSize.from_bytes(size)
    with pytest.raises((ValueError, OverflowError)):
        PageSizes.from_bytes(size)


def test_order_equality_and_hash() -> None:
    sizes = [PageSize(log2) for log2 in range(64)]
    assert sorted([*sizes[32:], *sizes[:32]]) == sizes
    for left, right in itertools.product(sizes[10:24], repeat=2):
        assert (left == right) is (left.log2 == right.log2)
        assert (left != right) is (left.log2 != right.log2)
        assert (left < right) is (left.log2 < right.log2)
        assert (left <= right) is (left.log2 <= right.log2)
        assert (left > right) is (left.log2 > right.log2)
        assert (left >= right) is (left.log2 >= right.log2)
    assert len({PageSize(12), PageSize._4K, PageSize.from_bytes(4096)}) == 1
    assert hash(PageSize(21)) == hash(PageSize._2M)


def test_a_page_size_is_no_number() -> None:
    page_size: Any = PageSize._4K
    assert page_size != 12
    assert page_size != 4096
    with pytest.raises(TypeError):
        assert page_size < 13


@pytest.mark.parametrize("name", ["log2", "bytes", "other"])
def test_it_is_immutable(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(PageSize._4K, name, 13)
    assert PageSize._4K.log2 == 12


def test_try_from_takes_one_page_size() -> None:
    for member in PageSizes:
        page_size = PageSize.try_from(member)
        assert page_size.bytes == int(member)
        assert page_size.log2 == int(member).bit_length() - 1


@pytest.mark.parametrize(
    "many",
    [PageSizes(0), PageSizes._4K | PageSizes._2M, PageSizes._1M | PageSizes._1G | PageSizes._16K],
)
def test_try_from_refuses_none_and_many(many: PageSizes) -> None:
    with pytest.raises(InvalidSizeError) as caught:
        PageSize.try_from(many)
    assert caught.value.variant == "InvalidSize"


OTHERS: list[Any] = [PageSize._4K, MmapFlags.SHARED]


@pytest.mark.parametrize("other", OTHERS)
def test_try_from_takes_no_other_type(other: Any) -> None:
    with pytest.raises(TypeError):
        PageSize.try_from(other)


def test_page_sizes_from_bytes() -> None:
    for member in PageSizes:
        assert PageSizes.from_bytes(int(member)) is member
    with pytest.raises(ValueError):
        PageSizes.from_bytes(2048)


@pytest.mark.parametrize("bits", [1, 2048, 4097, 1 << 35, 1 << 63])
def test_unknown_page_sizes(bits: int) -> None:
    with pytest.raises(ValueError):
        PageSizes(bits)


def test_members_above_usize_are_absent() -> None:
    names = {member.name for member in PageSizes}
    assert (names >= {"_4G", "_8G", "_16G"}) is (sys.maxsize > 1 << 32)
    assert all(int(member) <= sys.maxsize * 2 + 1 for member in PageSizes)


def test_the_systems_page_sizes() -> None:
    page = MmapOptions.page_size()
    offered = MmapOptions.page_sizes()
    assert page == mmap.PAGESIZE
    assert MmapOptions.allocation_granularity() == mmap.ALLOCATIONGRANULARITY
    assert isinstance(offered, PageSizes)
    assert PageSizes.from_bytes(page) in offered
    assert PageSize.from_bytes(page).bytes == page


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="the system has no sysconf()")
def test_the_page_size_is_what_sysconf_says() -> None:
    assert MmapOptions.page_size() == os.sysconf("SC_PAGE_SIZE")
