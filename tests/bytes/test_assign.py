"""Writing items and slices, with `bytearray` as the oracle."""

from __future__ import annotations

import array
import ctypes
import sys
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmap_rs import MmapOptions
from tests.support.bytes_helpers import Index, Plain, writable
from tests.support.numpy_arrays import as_parameter

pytestmark = pytest.mark.parallel

HUGE = (sys.maxsize, -sys.maxsize - 1, 2**70, -(2**70))
BOUNDS: tuple[int | None, ...] = (None, *range(-7, 8), *HUGE)
STEPS: tuple[int | None, ...] = (
    None,
    *(step for step in range(-7, 8) if step),
    sys.maxsize,
    -(2**70),
)


def slice_length(key: slice, size: int) -> int:
    """Return how many items `key` takes of a sequence of `size` items."""
    return len(range(*key.indices(size)))


def outcome(target: Any, key: Any, value: Any) -> type[BaseException] | None:
    """Assign, and return the class of the error, if any."""
    try:
        target[key] = value
    except (IndexError, OverflowError, TypeError, ValueError) as error:
        return type(error)
    return None


@pytest.mark.parametrize("size", range(1, 7))
def test_every_small_slice(size: int) -> None:
    start_data = bytes(range(1, 1 + size))
    mapping = writable(start_data)
    for start, stop, step in product(BOUNDS, BOUNDS, STEPS):
        key = slice(start, stop, step)
        value = bytes(range(100, 100 + slice_length(key, size)))
        expected = bytearray(start_data)
        expected[key] = value
        mapping[key] = value
        assert mapping[:] == expected, key
        mapping[:] = start_data


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_slice_never_changes_the_size(size: int) -> None:
    data = bytes(range(1, 1 + size))
    mapping = writable(data)
    for start, stop, step in product((None, -3, 0, 1, 4), (None, -1, 0, 2, 9), (None, 1, 2, -1)):
        key = slice(start, stop, step)
        length = slice_length(key, size)
        for wrong in {0, length - 1, length + 1, length + 1000} - {length, -1}:
            with pytest.raises(ValueError):
                mapping[key] = bytes(wrong)
            assert mapping[:] == data


def test_every_small_index() -> None:
    for size in range(1, 7):
        for index in (*range(-9, 9), *HUGE):
            expected = bytearray(size)
            mapping = writable(bytes(size))
            assert outcome(mapping, index, 77) is outcome(expected, index, 77), (size, index)
            assert mapping[:] == expected


VALUES: list[Any] = [
    0,
    1,
    255,
    256,
    -1,
    -256,
    2**31,
    2**63,
    2**64,
    2**100,
    -(2**100),
    True,
    Index(7),
    Index(256),
    Index(-1),
    None,
    1.0,
    "a",
    b"a",
    bytearray(b"a"),
    [1],
    Plain(),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__ + repr(value)[:12])
def test_item_values(value: Any) -> None:
    expected = bytearray(b"abc")
    mapping = writable(b"abc")
    assert outcome(mapping, 1, value) is outcome(expected, 1, value)
    assert mapping[:] == expected


WRONG_KEYS: list[Any] = [None, 0.0, "0", b"0", (0,), [], ..., Plain(), slice("a"), slice(0.0, 1)]


@pytest.mark.parametrize("key", WRONG_KEYS, ids=repr)
def test_wrong_key_types(key: Any) -> None:
    mapping = writable(b"abc")
    with pytest.raises(TypeError):
        mapping[key] = 1
    with pytest.raises(TypeError):
        mapping[key] = b"a"
    assert mapping[:] == b"abc"


def test_a_step_of_zero() -> None:
    mapping = writable(b"abc")
    with pytest.raises(ValueError, match="zero"):
        mapping[::0] = b""
    assert mapping[:] == b"abc"


SOURCES: list[Any] = [
    b"wxyz",
    bytearray(b"wxyz"),
    memoryview(b"wxyz"),
    memoryview(bytearray(b"..wxyz"))[2:],
    array.array("B", b"wxyz"),
    as_parameter(b"wxyz"),
    (ctypes.c_ubyte * 4)(*b"wxyz"),
    memoryview(b"w.x.y.z.")[::2],
    memoryview(b"zyxw")[::-1],
]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: type(source).__name__)
def test_kinds_of_sources(source: Any) -> None:
    mapping = writable(b"abcdefgh")
    mapping[2:6] = source
    assert mapping[:] == b"abwxyzgh"
    mapping[::2] = source
    assert mapping[:] == b"wbxxyzzh"


def test_the_source_is_released() -> None:
    mapping = writable(b"abcd")
    source = bytearray(b"wxyz")
    mapping[:] = source
    with pytest.raises(ValueError):
        mapping[0:1] = source
    mapping.copy_from_slice(source)
    source.extend(b"grows only if nobody holds a buffer over it")
    other = writable(b"1234")
    mapping[:] = other
    other.close()
    assert mapping[:] == b"1234"


WRONG_SOURCES: list[Any] = ["abc", 5, None, 1.5, Plain(), [b"a", b"b", b"c"]]


@pytest.mark.parametrize("source", WRONG_SOURCES, ids=repr)
def test_wrong_sources(source: Any) -> None:
    mapping = writable(b"abc")
    with pytest.raises(TypeError):
        mapping[:] = source
    assert mapping[:] == b"abc"


def test_a_released_view_is_no_source() -> None:
    mapping = writable(b"abc")
    view = memoryview(b"abc")
    view.release()
    with pytest.raises(ValueError):
        mapping[:] = view


def test_overlap_of_every_small_pair() -> None:
    size = 6
    data = bytes(range(1, 1 + size))
    mapping = writable(data)
    keys = [
        slice(start, stop, step)
        for start, stop, step in product((None, *range(size)), (None, *range(size)), (1, 2, -1, -2))
    ]
    for target, source in product(keys, keys):
        length = slice_length(target, size)
        if length != slice_length(source, size) or not length:
            continue
        expected = bytearray(data)
        expected[target] = data[source]
        with memoryview(mapping) as view, view[source] as part:
            mapping[target] = part
        assert mapping[:] == expected, (target, source)
        mapping[:] = data


def test_a_mapping_onto_itself() -> None:
    mapping = writable(b"abcdef")
    mapping[:] = mapping
    assert mapping[:] == b"abcdef"
    mapping[::-1] = mapping
    assert mapping[:] == b"fedcba"
    mapping.copy_from_slice(mapping)
    assert mapping[:] == b"fedcba"


def test_read_only_items_cannot_be_assigned() -> None:
    mapping: Any = writable(b"abc").make_read_only()
    keys: list[Any] = [0, -1, 99, slice(None), slice(0, 1), slice(0, 0), slice(0, 2, 2)]
    for key in keys:
        with pytest.raises(TypeError):
            mapping[key] = b"" if isinstance(key, slice) else 1
        with pytest.raises(TypeError):
            del mapping[key]
    assert mapping[:] == b"abc"


def test_items_cannot_be_deleted() -> None:
    mapping: Any = writable(b"abc")
    keys: list[Any] = [0, -1, 99, slice(None), slice(0, 1), slice(0, 0), slice(0, 2, 2)]
    for key in keys:
        with pytest.raises(TypeError):
            del mapping[key]
    assert mapping[:] == b"abc"


@given(
    size=st.integers(1, 40_000),
    writes=st.lists(
        st.tuples(
            st.none() | st.integers(-50_000, 50_000),
            st.none() | st.integers(-50_000, 50_000),
            st.none() | st.integers(-90, 90).filter(bool),
            st.integers(0, 255),
        ),
        max_size=8,
    ),
)
def test_large_writes(
    size: int, writes: list[tuple[int | None, int | None, int | None, int]]
) -> None:
    expected = bytearray(size)
    mapping = MmapOptions(size).map_mut()
    for start, stop, step, seed in writes:
        key = slice(start, stop, step)
        value = bytes((seed + i) % 256 for i in range(slice_length(key, size)))
        expected[key] = value
        mapping[key] = value
    assert mapping[:] == expected


@given(
    length=st.integers(0, 70_000),
    source=st.integers(0, 30_000),
    target=st.integers(0, 30_000),
)
def test_large_overlaps(length: int, source: int, target: int) -> None:
    data = bytes((i * 7 + i // 256) % 256 for i in range(100_001))
    mapping = writable(data)
    expected = bytearray(data)
    expected[target : target + length] = data[source : source + length]
    with memoryview(mapping) as view, view[source : source + length] as part:
        mapping[target : target + length] = part
    assert mapping[:] == expected
