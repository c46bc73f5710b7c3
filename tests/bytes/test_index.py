"""Reading items and slices, with `bytes` as the oracle."""

from __future__ import annotations

import sys
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmap_rs import MmapMut, MmapOptions
from tests.support.bytes_helpers import Index, Make, Plain, both_kinds, writable

pytestmark = pytest.mark.parallel

HUGE = (sys.maxsize, -sys.maxsize - 1, 2**64, -(2**64), 2**200, -(2**200))
BOUNDS: tuple[int | None, ...] = (None, *range(-8, 9), *HUGE)
STEPS: tuple[int | None, ...] = (
    None,
    *(step for step in range(-8, 9) if step),
    sys.maxsize,
    -sys.maxsize,
    2**70,
    -(2**70),
)


class Refusing:
    """An object whose `__index__` fails."""

    def __index__(self) -> int:
        raise ZeroDivisionError


@both_kinds
@pytest.mark.parametrize("size", range(1, 7))
def test_every_small_slice(make: Make, size: int) -> None:
    data = bytes(range(10, 10 + size))
    mapping = make(data)
    for start, stop, step in product(BOUNDS, BOUNDS, STEPS):
        key = slice(start, stop, step)
        assert mapping[key] == data[key], key


@both_kinds
@pytest.mark.parametrize("size", range(1, 7))
def test_every_small_index(make: Make, size: int) -> None:
    data = bytes(range(200, 200 + size))
    mapping = make(data)
    for index in range(-size, size):
        assert mapping[index] == data[index]
    for index in (*range(-9, -size), *range(size, 9), *HUGE):
        with pytest.raises(IndexError):
            mapping[index]


def test_result_types() -> None:
    mapping = writable(b"abc")
    assert type(mapping[0]) is int
    assert type(mapping[0:2]) is bytes
    assert type(mapping[::2]) is bytes
    assert type(mapping[2:1]) is bytes


def test_every_byte_value_is_read_back() -> None:
    data = bytes(range(256))
    mapping = writable(data)
    assert [mapping[i] for i in range(256)] == list(range(256))
    assert mapping[:] == data


def test_a_slice_is_a_copy() -> None:
    mapping = writable(b"abc")
    taken = mapping[:]
    mapping[0] = 0
    assert taken == b"abc"
    mapping.close()
    assert taken == b"abc"


@both_kinds
def test_index_objects(make: Make) -> None:
    mapping = make(b"abcde")
    assert mapping[Index(1)] == ord("b")
    assert mapping[True] == ord("b")
    key: Any = slice(Index(-4), Index(5), Index(2))
    assert mapping[key] == b"bd"


@both_kinds
def test_a_failing_index_is_passed_on(make: Make) -> None:
    mapping = make(b"abc")
    with pytest.raises(ZeroDivisionError):
        mapping[Refusing()]
    keys: list[Any] = [
        slice(Refusing(), None),
        slice(None, Refusing()),
        slice(None, None, Refusing()),
    ]
    for key in keys:
        with pytest.raises(ZeroDivisionError):
            mapping[key]
    assert mapping[:] == b"abc"


WRONG_KEYS: list[Any] = [
    None,
    1.0,
    "0",
    b"0",
    (0, 1),
    [0],
    ...,
    Plain(),
    1j,
    slice("a", None),
    slice(None, 2.0),
    slice(None, None, "1"),
]


@both_kinds
@pytest.mark.parametrize("key", WRONG_KEYS, ids=repr)
def test_wrong_key_types(make: Make, key: Any) -> None:
    mapping = make(b"abc")
    with pytest.raises(TypeError):
        b"abc"[key]
    with pytest.raises(TypeError):
        mapping[key]


@both_kinds
def test_a_step_of_zero(make: Make) -> None:
    mapping = make(b"abc")
    with pytest.raises(ValueError, match="zero"):
        mapping[::0]
    with pytest.raises(ValueError, match="zero"):
        mapping[5:5:0]


def test_length_is_what_was_asked_for(page: int) -> None:
    for size in (1, 5, page - 1, page, page + 1, 3 * page):
        mapping = MmapOptions(size).map_mut()
        assert len(mapping) == size
        assert mapping[size - 1] == 0
        assert len(mapping[:]) == size
        with pytest.raises(IndexError):
            mapping[size]


def test_types_without_bytes_cannot_be_indexed(page: int) -> None:
    options = MmapOptions(page)
    others: list[Any] = [
        options.map_none(),
        options.reserve_none(),
        options.reserve(),
        options.reserve_mut(),
    ]
    for other in others:
        with pytest.raises(TypeError):
            other[0]
        with pytest.raises(TypeError):
            other[0:1]
        with pytest.raises(TypeError):
            iter(other)


def test_the_two_parts_of_a_split(page: int) -> None:
    data = bytes(i % 251 for i in range(2 * page + 17))
    head = writable(data)
    tail = head.split_off(page)
    for key in (slice(None), slice(3, -3), slice(None, None, -7), slice(page - 1, None)):
        assert head[key] == data[:page][key]
        assert tail[key] == data[page:][key]
    assert head[-1] == data[page - 1]
    with pytest.raises(IndexError):
        head[page]


bound = st.none() | st.integers(-(2**17), 2**17) | st.sampled_from(HUGE)
step = st.none() | st.integers(-300, 300).filter(bool) | st.sampled_from([-(2**40), 2**40])
LARGE = bytes((i * i + i // 256) % 256 for i in range(100_003))


@pytest.fixture(scope="module")
def large() -> MmapMut:
    """A mapping of more than 64 KiB, whose end is not the end of a page."""
    return writable(LARGE)


@given(start=bound, stop=bound, step=step)
def test_large_slices(
    large: MmapMut, start: int | None, stop: int | None, step: int | None
) -> None:
    key = slice(start, stop, step)
    assert large[key] == LARGE[key]


@given(index=st.integers(-(2**17), 2**17) | st.sampled_from(HUGE))
def test_large_indices(large: MmapMut, index: int) -> None:
    if -len(LARGE) <= index < len(LARGE):
        assert large[index] == LARGE[index]
    else:
        with pytest.raises(IndexError):
            large[index]
