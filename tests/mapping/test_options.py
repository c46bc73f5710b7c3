"""`MmapOptions`: its arguments, that it never changes, the addresses and flags it asks for."""

import copy
import errno
import operator
import sys
from collections.abc import Callable
from typing import Any

import pytest

import mmap_rs
from mmap_rs import (
    InvalidOperationError,
    InvalidSizeError,
    MmapFlags,
    MmapOptions,
    PageSize,
    Protection,
    SystemCallError,
    UnsafeMmapFlags,
)
from tests.support.address_space import hole
from tests.support.child_process import check_child
from tests.support.procfs import area_at, mapped_bytes, smaps_at

pytestmark = pytest.mark.parallel

linux_only = pytest.mark.skipif(
    sys.platform != "linux", reason="reads the result back from Linux's /proc"
)


class Index:
    """A number that is not an `int`."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


# --- size


@pytest.mark.parametrize("size", [1, 7, 4095, 4096, 4097, 8192, 1 << 20, (1 << 20) + 1])
def test_a_mapping_has_the_size_asked_for(size: int) -> None:
    with MmapOptions(size).map_mut() as mapping:
        assert mapping.size() == mapping.len() == len(mapping) == size
        assert mapping.end() - mapping.start() == size
        assert not mapping.is_empty()
        mapping[size - 1] = 0xFF
        with pytest.raises(IndexError):
            mapping[size]


def test_size_may_be_anything_with_an_index() -> None:
    assert MmapOptions(Index(4096)).map().size() == 4096


def test_size_zero_is_refused() -> None:
    with pytest.raises(InvalidSizeError) as caught:
        MmapOptions(0)
    assert isinstance(caught.value, ValueError)
    assert caught.value.variant == "InvalidSize"


@pytest.mark.parametrize("size", [-1, -(1 << 70), sys.maxsize * 2 + 2, 1 << 100])
def test_size_out_of_the_range_of_usize(size: int) -> None:
    with pytest.raises(OverflowError):
        MmapOptions(size)


WRONG_SIZES: list[Any] = [None, "4096", b"4096", 4096.0, [], MmapFlags]


@pytest.mark.parametrize("size", WRONG_SIZES)
def test_size_of_a_wrong_type(size: Any) -> None:
    with pytest.raises(TypeError):
        MmapOptions(size)


@pytest.mark.skipif(
    sys.maxsize < 1 << 32,
    reason="a 32-bit system has them: see test_large_numbers.py",
)
@pytest.mark.parametrize(
    "size", [sys.maxsize, sys.maxsize * 2 + 1, 1 << (sys.maxsize.bit_length() - 1)]
)
def test_size_that_no_address_space_has(size: int) -> None:
    with pytest.raises(SystemCallError) as caught:
        MmapOptions(size).map()
    assert caught.value.errno == errno.ENOMEM
    assert isinstance(caught.value, OSError)


# --- the builder is immutable

Change = Callable[[MmapOptions], MmapOptions]

CHANGES: dict[str, Change] = {
    "with_address": lambda options: options.with_address(1 << 30),
    "with_flags": lambda options: options.with_flags(MmapFlags.SHARED),
    "with_unsafe_flags": lambda options: options.with_unsafe_flags(UnsafeMmapFlags.JIT),
    "with_page_size": lambda options: options.with_page_size(PageSize._4K),
    "with_file": lambda options: options.with_file(__file__),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_each_with_returns_a_new_builder(change: Change) -> None:
    options = MmapOptions(4096)
    changed = change(options)
    assert isinstance(changed, MmapOptions)
    assert changed is not options


@linux_only
def test_a_builder_is_not_changed_by_its_changes() -> None:
    options = MmapOptions(4096)
    for change in CHANGES.values():
        change(options)
    with pytest.raises(mmap_rs.UnsafeFlagNeededError):
        options.map_exec_mut()
    with options.map_mut() as mapping:
        area = area_at(mapping.start())
        assert area is not None
        assert area.permissions == "rw-p"
        assert area.path is None


def test_a_builder_makes_many_mappings() -> None:
    options = MmapOptions(4096)
    mappings = [options.map_mut() for _ in range(16)]
    assert len({mapping.start() for mapping in mappings}) == 16
    mappings[0][0] = 1
    assert all(mapping[0] == 0 for mapping in mappings[1:])
    assert options.map_none().size() == options.reserve().size() == 4096


def test_a_builder_outlives_what_it_was_made_from() -> None:
    first = MmapOptions(4096)
    second = first.with_flags(MmapFlags.POPULATE)
    del first
    assert second.map().size() == 4096


def test_a_builder_takes_no_attributes() -> None:
    options: Any = MmapOptions(4096)
    with pytest.raises(AttributeError):
        options.size = 8192


def test_a_refused_option_leaves_the_builder_as_it_was() -> None:
    options: Any = MmapOptions(4096)
    for method, wrong in (
        (options.with_flags, "SHARED"),
        (options.with_file, -1),
        (options.with_address, -1),
        (options.with_page_size, 12),
    ):
        with pytest.raises((TypeError, OSError, ValueError, OverflowError)):
            method(wrong)
    assert options.map().size() == 4096


def test_past_end_is_a_keyword() -> None:
    options: Any = MmapOptions(100)
    with pytest.raises(TypeError):
        options.with_file(__file__, 0, True)


# --- flags


@linux_only
def test_flags_add_up_over_several_calls() -> None:
    options = (
        MmapOptions(4096)
        .with_flags(MmapFlags.SHARED)
        .with_flags(MmapFlags.NO_CORE_DUMP)
        .with_flags(MmapFlags(0))
        .with_flags(MmapFlags.SEQUENTIAL)
    )
    with options.map() as mapping:
        assert {"sh", "dd", "sr"} <= smaps_at(mapping.start()).vm_flags


def test_unsafe_flags_add_up_over_several_calls() -> None:
    options = (
        MmapOptions(4096)
        .with_unsafe_flags(UnsafeMmapFlags.JIT)
        .with_unsafe_flags(UnsafeMmapFlags(0))
    )
    with options.map_exec_mut() as mapping:
        assert mapping.is_executable()


def test_flags_may_be_plain_numbers_of_known_bits() -> None:
    options: Any = MmapOptions(4096)
    known = operator.index(MmapFlags.POPULATE | MmapFlags.NO_RESERVE)
    assert options.with_flags(known).map().size() == 4096
    jit = operator.index(UnsafeMmapFlags.JIT)
    assert options.with_unsafe_flags(jit).map_exec_mut().size() == 4096


@pytest.mark.parametrize("bits", [1 << 12, 1 << 31, (1 << 31) | 1, -1, 1 << 80])
def test_unknown_bits_are_refused(bits: Any) -> None:
    with pytest.raises((ValueError, OverflowError)):
        MmapOptions(4096).with_flags(bits)
    with pytest.raises((ValueError, OverflowError)):
        MmapOptions(4096).with_unsafe_flags(bits)


WRONG_FLAGS: list[Any] = [None, "SHARED", 1.0, [MmapFlags.SHARED], Protection.READ, PageSize._4K]


@pytest.mark.parametrize("flags", [*WRONG_FLAGS, UnsafeMmapFlags.JIT])
def test_with_flags_takes_no_other_flags(flags: Any) -> None:
    with pytest.raises(TypeError):
        MmapOptions(4096).with_flags(flags)


@pytest.mark.parametrize("flags", [*WRONG_FLAGS, MmapFlags.SHARED])
def test_with_unsafe_flags_takes_no_other_flags(flags: Any) -> None:
    with pytest.raises(TypeError):
        MmapOptions(4096).with_unsafe_flags(flags)


WRONG_PAGE_SIZES: list[Any] = [None, 12, 4096, "_4K", mmap_rs.PageSizes._4K]


@pytest.mark.parametrize("page_size", WRONG_PAGE_SIZES)
def test_with_page_size_takes_a_page_size_only(page_size: Any) -> None:
    with pytest.raises(TypeError):
        MmapOptions(4096).with_page_size(page_size)


# --- addresses


@linux_only
def test_a_free_address_is_used(page: int) -> None:
    with hole(4 * page) as address, MmapOptions(page).with_address(address).map_mut() as mapping:
        assert mapping.start() == address
        mapping[0] = 1


@linux_only
def test_the_last_address_counts(page: int) -> None:
    with hole(4 * page) as address:
        options = MmapOptions(page).with_address(address).with_address(address + page)
        with options.map() as mapping:
            assert mapping.start() == address + page


@linux_only
def test_an_address_in_use_is_not_taken_from_its_owner(page: int) -> None:
    with MmapOptions(page).map_mut() as first:
        first[:4] = b"mine"
        with MmapOptions(page).with_address(first.start()).map_mut() as second:
            assert second.start() != first.start()
            assert second[:4] == bytes(4)
        assert first[:4] == b"mine"


def test_address_zero_is_no_wish(page: int) -> None:
    with MmapOptions(page).with_address(0).map_mut() as mapping:
        assert mapping.start() != 0


@pytest.mark.parametrize("address", [-1, 1 << 64, 1 << 100])
def test_address_out_of_the_range_of_usize(address: int) -> None:
    with pytest.raises(OverflowError):
        MmapOptions(4096).with_address(address)


WRONG_ADDRESSES: list[Any] = [None, "0", 0.0]


@pytest.mark.parametrize("address", WRONG_ADDRESSES)
def test_address_of_a_wrong_type(address: Any) -> None:
    with pytest.raises(TypeError):
        MmapOptions(4096).with_address(address)


@pytest.mark.parametrize("address", [None, 0])
def test_map_fixed_needs_an_address(address: int | None) -> None:
    options = MmapOptions(4096).with_unsafe_flags(UnsafeMmapFlags.MAP_FIXED)
    if address is not None:
        options = options.with_address(address)
    with pytest.raises(InvalidOperationError):
        options.map()


@linux_only
def test_map_fixed_uses_the_address_and_replaces_what_is_there() -> None:
    # In a child: the mapping that is replaced must never be touched or unmapped again.
    check_child("""
        import os
        from mmap_rs import MmapOptions, UnsafeMmapFlags

        page = MmapOptions.page_size()
        below = MmapOptions(3 * page).map_mut()
        below.fill(0x11)
        fixed = MmapOptions(page).with_unsafe_flags(UnsafeMmapFlags.MAP_FIXED)
        middle = fixed.with_address(below.start() + page).map_mut()
        assert middle.start() == below.start() + page
        assert below[page - 1] == 0x11 and below[page] == 0 and below[2 * page] == 0x11
        middle[0] = 0x22
        assert below[page] == 0x22
        os._exit(0)
    """)


@linux_only
def test_map_fixed_at_an_unaligned_address_is_refused_by_the_system() -> None:
    # In a child, in case it is not refused.
    check_child("""
        import errno
        from mmap_rs import MmapOptions, SystemCallError, UnsafeMmapFlags

        page = MmapOptions.page_size()
        spare = MmapOptions(3 * page).map_mut()
        options = MmapOptions(page).with_unsafe_flags(UnsafeMmapFlags.MAP_FIXED)
        try:
            options.with_address(spare.start() + 1).map_mut()
        except SystemCallError as error:
            assert error.errno == errno.EINVAL, error
        else:
            raise AssertionError("mapped at an unaligned address")
    """)


# --- what fails leaves nothing behind


@linux_only
def test_a_refused_map_leaves_nothing_mapped(page: int) -> None:
    with hole(16 * page) as address:
        options = MmapOptions(16 * page).with_address(address).with_page_size(PageSize(40))
        for _ in range(10):
            with pytest.raises(InvalidSizeError):
                options.map()
        assert mapped_bytes(address, address + 16 * page) == 0


def test_options_of_a_map_that_failed_can_be_used_again() -> None:
    options = MmapOptions(4096)
    for _ in range(3):
        with pytest.raises(mmap_rs.UnsafeFlagNeededError):
            options.map_exec_mut()
    assert options.map().size() == 4096


def test_a_mapping_and_not_its_options_refuses_to_be_copied() -> None:
    mapping = MmapOptions(4096).map()
    with pytest.raises(TypeError):
        copy.copy(mapping)
    with pytest.raises(TypeError):
        copy.deepcopy(mapping)
