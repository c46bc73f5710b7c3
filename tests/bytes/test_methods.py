"""`fill`, `copy_from_slice`, `copy_within`, iteration, `in`, and `reversed`."""

from __future__ import annotations

import array
import gc
import operator
import sys
from collections.abc import Callable, Iterable
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmap_rs import (
    ConsumedError,
    InvalidOffsetError,
    InvalidSizeError,
    Mmap,
    MmapMut,
    MmapOptions,
)
from tests.support.bytes_helpers import Index, Make, Plain, both_kinds, writable
from tests.support.numpy_arrays import as_parameter

pytestmark = pytest.mark.parallel


def test_fill_every_value() -> None:
    mapping = MmapOptions(5).map_mut()
    for value in range(256):
        assert mapping.fill(value) is None  # type: ignore[func-returns-value]
        assert mapping[:] == bytes([value]) * 5
    mapping.fill(Index(7))
    assert mapping[:] == bytes([7]) * 5


def test_fill_every_small_range() -> None:
    for size in range(1, 6):
        mapping = writable(bytes(size))
        for start, stop in product(range(9), range(9)):
            expected = bytearray(size)
            for part in (range(start, stop), slice(start, stop)):
                if start <= stop <= size:
                    expected[start:stop] = b"\x05" * (stop - start)
                    mapping.fill(5, part)
                else:
                    with pytest.raises(InvalidOffsetError):
                        mapping.fill(5, part)
                assert mapping[:] == expected, part
            mapping.fill(0)


def test_fill_open_ranges() -> None:
    mapping = writable(bytes(6))
    mapping.fill(1, slice(4, None))
    mapping.fill(2, slice(None, 2))
    mapping.fill(3, slice(3, 4, 1))
    assert mapping[:] == b"\x02\x02\x00\x03\x01\x01"
    mapping.fill(9, slice(None))
    assert mapping[:] == b"\x09" * 6
    mapping.fill(4, None)
    assert mapping[:] == b"\x04" * 6
    key: Any = slice(Index(1), Index(2))
    mapping.fill(0, key)
    assert mapping[:] == b"\x04\x00\x04\x04\x04\x04"


@pytest.mark.parametrize("value", [256, -1, 2**31, 2**64, -(2**100)])
def test_fill_with_no_byte(value: int) -> None:
    mapping = writable(b"abc")
    with pytest.raises(ValueError):
        mapping.fill(value)
    assert mapping[:] == b"abc"


WRONG_VALUES: list[Any] = [None, 1.0, "a", b"a", b"", [1], Plain()]


@pytest.mark.parametrize("value", WRONG_VALUES, ids=repr)
def test_fill_with_a_wrong_type(value: Any) -> None:
    mapping = writable(b"abc")
    with pytest.raises(TypeError):
        mapping.fill(value)
    assert mapping[:] == b"abc"


BAD_RANGES: list[tuple[Any, type[Exception]]] = [
    (range(0, 2, 2), ValueError),
    (slice(0, 2, 2), ValueError),
    (slice(0, 2, 0), ValueError),
    (range(2, 0, -1), ValueError),
    (slice(None, None, -1), ValueError),
    ((0, 2), TypeError),
    (2, TypeError),
    ("0:2", TypeError),
    (slice("a", None), TypeError),
    (slice(0, 1.0), TypeError),
    (slice(0, 1, 1.0), TypeError),
    (range(-1, 2), OverflowError),
    (slice(-1, None), OverflowError),
    (slice(0, -1), OverflowError),
    (range(2**64, 2**64 + 1), OverflowError),
    (slice(0, 2**100), OverflowError),
    (range(2**31 - 1), InvalidOffsetError),
    (slice(3, 4), InvalidOffsetError),
    (slice(4, 4), InvalidOffsetError),
    (slice(4, None), InvalidOffsetError),
    (slice(2, 1), InvalidOffsetError),
    (range(2, 1), InvalidOffsetError),
]


@pytest.mark.parametrize(("part", "error"), BAD_RANGES, ids=lambda value: repr(value)[:24])
def test_bad_ranges(part: Any, error: type[Exception]) -> None:
    mapping = writable(b"abc")
    with pytest.raises(error):
        mapping.fill(0, part)
    with pytest.raises(error):
        mapping.copy_within(part, 0)
    assert mapping[:] == b"abc"


@given(
    size=st.integers(1, 200_000),
    start=st.integers(0, 200_000),
    stop=st.integers(0, 200_000),
    value=st.integers(0, 255),
)
def test_fill_large(size: int, start: int, stop: int, value: int) -> None:
    start, stop = min(start, size), min(stop, size)
    start, stop = min(start, stop), max(start, stop)
    mapping = MmapOptions(size).map_mut()
    mapping.fill(value, range(start, stop))
    expected = bytes(start) + bytes([value]) * (stop - start) + bytes(size - stop)
    assert mapping[:] == expected


# copy_from_slice


@pytest.mark.parametrize(
    "source",
    [
        b"wxyz",
        bytearray(b"wxyz"),
        memoryview(b"wxyz"),
        memoryview(b"zyxw")[::-1],
        array.array("B", b"wxyz"),
        as_parameter(b"wxyz"),
    ],
    ids=lambda source: type(source).__name__,
)
def test_copy_from_slice(source: Any) -> None:
    mapping = writable(b"abcd")
    assert mapping.copy_from_slice(source) is None  # type: ignore[func-returns-value]
    assert mapping[:] == b"wxyz"


@pytest.mark.parametrize("length", [0, 1, 3, 5, 100_000])
def test_copy_from_slice_takes_the_whole_length(length: int) -> None:
    mapping = writable(b"abcd")
    with pytest.raises(InvalidSizeError):
        mapping.copy_from_slice(bytes(length))
    assert mapping[:] == b"abcd"


WRONG_SOURCES: list[Any] = ["abcd", 4, None, [1, 2, 3, 4], Plain(), (1, 2, 3, 4)]


@pytest.mark.parametrize("source", WRONG_SOURCES, ids=repr)
def test_copy_from_slice_wrong_types(source: Any) -> None:
    mapping = writable(b"abcd")
    with pytest.raises(TypeError):
        mapping.copy_from_slice(source)
    assert mapping[:] == b"abcd"


def test_copy_from_slice_of_itself() -> None:
    mapping = writable(b"abcd")
    mapping.copy_from_slice(mapping)
    with mapping.as_slice() as view, view[::-1] as turned:
        mapping.copy_from_slice(turned)
    assert mapping[:] == b"dcba"


def test_copy_from_slice_large(page: int) -> None:
    data = bytes(i % 251 for i in range(40 * page + 3))
    mapping = MmapOptions(len(data)).map_mut()
    mapping.copy_from_slice(data)
    assert mapping[:] == data


# copy_within


def test_copy_within_every_small_case() -> None:
    size = 5
    data = bytes(range(1, 1 + size))
    mapping = writable(data)
    for start, stop, dest in product(range(7), range(7), range(8)):
        if start <= stop <= size and dest + stop - start <= size:
            expected = bytearray(data)
            expected[dest : dest + stop - start] = data[start:stop]
            mapping.copy_within(range(start, stop), dest)
            assert mapping[:] == expected, (start, stop, dest)
            mapping[:] = data
        else:
            with pytest.raises(InvalidOffsetError):
                mapping.copy_within(slice(start, stop), dest)
            assert mapping[:] == data


def test_copy_within_arguments() -> None:
    mapping: Any = writable(b"abcd")
    mapping.copy_within(slice(None, Index(2)), Index(2))
    assert mapping[:] == b"abab"
    for dest, error in (
        (-1, OverflowError),
        (2**64, OverflowError),
        (sys.maxsize + 1, InvalidOffsetError),
        (2 * sys.maxsize + 1, InvalidOffsetError),
        (1.0, TypeError),
        ("1", TypeError),
        (None, TypeError),
    ):
        with pytest.raises(error):
            mapping.copy_within(slice(0, 1), dest)
    with pytest.raises(TypeError):
        mapping.copy_within(slice(0, 1))
    assert mapping[:] == b"abab"


@given(start=st.integers(0, 100_000), length=st.integers(0, 100_000), dest=st.integers(0, 100_000))
def test_copy_within_large(start: int, length: int, dest: int) -> None:
    size = 100_001
    data = bytes((i * 3 + i // 256) % 256 for i in range(size))
    length = min(length, size - start, size - dest)
    mapping = writable(data)
    mapping.copy_within(range(start, start + length), dest)
    expected = bytearray(data)
    expected[dest : dest + length] = data[start : start + length]
    assert mapping[:] == expected


def test_only_the_writable_type_writes() -> None:
    for name in ("fill", "copy_from_slice", "copy_within", "as_mut_slice"):
        assert hasattr(MmapMut, name)
        assert not hasattr(Mmap, name)


# iteration, containment


@both_kinds
def test_iteration(make: Make) -> None:
    data = bytes(range(256)) * 20
    mapping = make(data)
    assert list(mapping) == list(data)
    assert list(reversed(mapping)) == list(reversed(data))
    assert sum(mapping) == sum(data)
    assert bytes(iter(mapping)) == data
    assert max(mapping) == 255
    first, *_, last = mapping
    assert (first, last) == (0, 255)
    assert list(map(operator.add, mapping, mapping)) == [2 * value for value in data]


@both_kinds
def test_an_iterator_ends_once(make: Make) -> None:
    mapping = make(b"ab")
    for iterator in (iter(mapping), reversed(mapping)):
        assert iter(iterator) is iterator
        assert len([next(iterator), next(iterator)]) == 2
        for _ in range(3):
            with pytest.raises(StopIteration):
                next(iterator)


@pytest.mark.parametrize("make_iterator", [iter, reversed])
def test_an_iterator_over_a_closed_mapping(make_iterator: Callable[[Any], Iterable[int]]) -> None:
    mapping = writable(b"abc")
    iterator = iter(make_iterator(mapping))
    next(iterator)
    mapping.close()
    with pytest.raises(ConsumedError):
        next(iterator)


@pytest.mark.parametrize("make_iterator", [iter, reversed])
def test_an_iterator_over_a_mapping_that_shrinks(
    make_iterator: Callable[[Any], Iterable[int]], page: int
) -> None:
    mapping = MmapOptions(2 * page).map_mut()
    iterator = iter(make_iterator(mapping))
    next(iterator)
    tail = mapping.split_off(page)
    tail.close()
    # Where it ends is not laid down; that it ends without a read past the end is.
    assert sum(1 for _ in iterator) <= page


def test_an_iterator_keeps_the_mapping() -> None:
    iterator = iter(writable(b"abc"))
    gc.collect()
    assert bytes(iterator) == b"abc"


def test_an_iterator_is_no_export() -> None:
    mapping = writable(b"abc")
    iterator = iter(mapping)
    next(iterator)
    assert mapping.make_read_only()[:] == b"abc"


def contains(mapping: Any, value: Any) -> bool:
    """Evaluate `value in mapping`."""
    return value in mapping


@both_kinds
def test_containment(make: Make) -> None:
    data = b"abcabc\x00\xff"
    mapping = make(data)
    for value in range(256):
        assert (value in mapping) is (value in data)
    for needle in (b"", b"a", b"bca", b"cb", b"\xff", data, data + b"x", b"\x00\xff\x00"):
        assert (needle in mapping) is (needle in data)
        assert (bytearray(needle) in mapping) is (needle in data)
        assert (memoryview(needle) in mapping) is (needle in data)
    assert mapping in mapping
    assert Index(97) in mapping


@both_kinds
def test_containment_errors(make: Make) -> None:
    mapping = make(b"abc")
    for value in (256, -1, 2**70):
        with pytest.raises(ValueError):
            contains(mapping, value)
    wrong: list[Any] = ["a", None, 1.0, [97], object()]
    for value in wrong:
        with pytest.raises(TypeError):
            contains(mapping, value)


def test_types_without_bytes(page: int) -> None:
    options = MmapOptions(page)
    others: list[Any] = [options.map_none(), options.reserve(), options.reserve_mut()]
    calls: list[Callable[[Any], object]] = [
        iter,
        reversed,
        memoryview,
        lambda other: b"" in other,
        lambda other: other[0],
    ]
    for other in others:
        for call in calls:
            with pytest.raises(TypeError):
                call(other)
        assert not hasattr(other, "find")
        assert not hasattr(other, "fill")


@both_kinds
def test_lengths(make: Make, page: int) -> None:
    for size in (1, 5, page, page + 1):
        mapping = make(bytes(size))
        assert len(mapping) == mapping.len() == mapping.size() == size
        assert mapping.end() - mapping.start() == size
        assert mapping.is_empty() is False
        assert mapping.as_ptr() == mapping.start()
        assert bool(mapping)
