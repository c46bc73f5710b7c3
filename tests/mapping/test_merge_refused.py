"""What `merge` refuses; and that both mappings then are as they were."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mmap_rs
from mmap_rs import (
    AttributeMismatchError,
    BackingMismatchError,
    ConsumedError,
    Mapping,
    MmapFlags,
    MmapMut,
    MmapOptions,
    MustBeAdjacentError,
    UnsafeMmapFlags,
)
from tests.mapping.adjacent import KINDS, address, file, make

__all__ = ["address", "file"]  # fixtures

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="places mappings side by side, and reads Linux's list of areas"
)


def test_the_order_counts(page: int) -> None:
    left = MmapOptions(3 * page).map_mut()
    middle = left.split_off(page)
    right = middle.split_off(page)
    for first, second in ((left, right), (right, left), (middle, left), (right, middle)):
        with pytest.raises(MustBeAdjacentError) as caught:
            first.merge(second)
        assert isinstance(caught.value, ValueError)
        assert caught.value.variant == "MustBeAdjacent"
    assert not any(part.closed for part in (left, middle, right))


@pytest.mark.parametrize("kind", KINDS)
def test_a_mapping_is_not_its_own_neighbour(kind: str, page: int) -> None:
    mapping = make(kind, MmapOptions(2 * page))
    with pytest.raises(MustBeAdjacentError):
        mapping.merge(mapping)
    assert mapping.size() == 2 * page
    mapping.split_off(page)


def test_only_the_same_type_merges(address: int, page: int) -> None:
    for left_kind in KINDS:
        for right_kind in KINDS:
            left = make(left_kind, MmapOptions(page).with_address(address))
            right = make(right_kind, MmapOptions(page).with_address(address + page))
            assert left.end() == right.start()
            untyped: Any = left
            if type(left) is not type(right):
                with pytest.raises(TypeError):
                    untyped.merge(right)
                assert (left.size(), right.size()) == (page, page)
            right.close()
            left.close()


WRONG: list[Any] = [None, 0, b"", MmapMut, MmapOptions(1), memoryview(b"")]


@pytest.mark.parametrize("wrong", WRONG)
def test_only_mappings_merge(wrong: Any, page: int) -> None:
    mapping: Any = MmapOptions(page).map_mut()
    with pytest.raises(TypeError):
        mapping.merge(wrong)
    assert mapping.size() == page


def check_refused(left: Mapping, right: Mapping, error: type[mmap_rs.Error]) -> None:
    untyped: Any = left
    before = left.start(), left.size(), right.start(), right.size()
    assert left.end() == right.start()
    with pytest.raises(error):
        untyped.merge(right)
    assert (left.start(), left.size(), right.start(), right.size()) == before


def test_the_protection_must_be_the_same(address: int, page: int) -> None:
    left = MmapOptions(page).with_address(address).map()
    right = MmapOptions(page).with_address(address + page).map_exec()
    check_refused(left, right, AttributeMismatchError)
    left.merge(right.make_read_only())
    assert left.size() == 2 * page


def test_the_flags_must_be_the_same(address: int, page: int) -> None:
    left = MmapOptions(page).with_address(address).map_mut()
    jit = MmapOptions(page).with_address(address + page).with_unsafe_flags(UnsafeMmapFlags.JIT)
    right = jit.map_mut()
    check_refused(left, right, AttributeMismatchError)
    # The flag is still there, and only there.
    right.make_exec_mut().close()
    with pytest.raises(mmap_rs.UnsafeFlagNeededError):
        left.make_exec_mut()


@pytest.mark.parametrize(
    "flag", [MmapFlags.NO_RESERVE, MmapFlags.NO_CORE_DUMP, MmapFlags.SEQUENTIAL]
)
def test_the_ordinary_flags_must_be_the_same_too(flag: MmapFlags, address: int, page: int) -> None:
    options = MmapOptions(page)
    left = options.with_address(address).map_mut()
    right = options.with_address(address + page).with_flags(flag).map_mut()
    check_refused(left, right, AttributeMismatchError)
    left.close()
    # And when they are, the two merge.
    left = options.with_address(address).with_flags(flag).map_mut()
    left.merge(right)
    assert left.size() == 2 * page


BACKINGS: dict[str, Callable[[MmapOptions, Path, int], MmapOptions]] = {
    "anonymous": lambda options, _file, _page: options,
    "page 1": lambda options, file, page: options.with_file(file, page),
    "page 2": lambda options, file, page: options.with_file(file, 2 * page),
    "page 3": lambda options, file, page: options.with_file(file, 3 * page),
    "other file": lambda options, file, page: options.with_file(file.with_name("other"), 2 * page),
    "shared": lambda options, _file, _page: options.with_flags(MmapFlags.SHARED),
    "shared page 2": lambda options, file, page: options.with_flags(MmapFlags.SHARED).with_file(
        file, 2 * page
    ),
}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("anonymous", "page 1"),
        ("page 1", "anonymous"),
        ("page 1", "page 1"),  # the same page again
        ("page 1", "page 3"),  # a gap in the file
        ("page 2", "page 1"),  # backwards
        ("page 1", "other file"),
        ("page 1", "shared page 2"),
        ("anonymous", "shared"),
        ("shared", "anonymous"),
        ("shared", "shared page 2"),
    ],
)
def test_the_backing_must_be_the_same(
    first: str, second: str, address: int, file: Path, page: int
) -> None:
    file.with_name("other").write_bytes(file.read_bytes())
    options = MmapOptions(page)
    left = BACKINGS[first](options.with_address(address), file, page).map()
    right = BACKINGS[second](options.with_address(address + page), file, page).map()
    check_refused(left, right, BackingMismatchError)


@pytest.mark.parametrize("flags", [MmapFlags.SHARED, MmapFlags(0)], ids=["shared", "private"])
def test_files_that_share_an_inode_are_different(flags: MmapFlags, address: int, page: int) -> None:
    # Each open file of /dev/zero is memory of its own, as each BPF array and each virtual processor.
    options = MmapOptions(2 * page).with_flags(flags)
    left = options.with_file("/dev/zero").with_address(address).map_mut()
    right = options.with_file("/dev/zero", 2 * page).with_address(address + 2 * page).map_mut()
    check_refused(left, right, BackingMismatchError)
    # Nor do parts of the one go on in the other; but in each other they do.
    tail = left.split_off(page)
    check_refused(tail, right, BackingMismatchError)
    left.merge(tail)
    assert left.size() == 2 * page


def test_exports_on_either_side_refuse(page: int) -> None:
    left = MmapOptions(2 * page).map_mut()
    right = left.split_off(page)
    for held in (left, right):
        view = memoryview(held)
        with pytest.raises(BufferError):
            left.merge(right)
        assert (left.size(), right.size()) == (page, page)
        view.release()
    left.merge(right)
    with memoryview(left) as view:
        for method in (left.split_off, left.split_to):
            with pytest.raises(BufferError):
                method(page)
        assert len(view) == left.size() == 2 * page


def test_consumed_mappings_refuse(page: int) -> None:
    left = MmapOptions(2 * page).map_mut()
    right = left.split_off(page)
    right.close()
    with pytest.raises(ConsumedError):
        left.merge(right)
    with pytest.raises(ConsumedError):
        right.merge(left)
    with pytest.raises(ConsumedError):
        right.split_off(page)
    assert left.size() == page
