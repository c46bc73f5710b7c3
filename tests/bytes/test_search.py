"""`find`, `rfind`, `index`, `rindex`, `count`, `startswith`, `endswith`, with `bytes` as the oracle."""

from __future__ import annotations

import array
import sys
from itertools import product
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mmap_rs import MmapOptions
from tests.support.bytes_helpers import Index, Plain, writable

pytestmark = pytest.mark.parallel

SEARCHES = ("find", "rfind", "index", "rindex", "count")
METHODS = (*SEARCHES, "startswith", "endswith")
HUGE = (sys.maxsize, -sys.maxsize - 1, 2**80, -(2**80))
BOUNDS: tuple[int | None, ...] = (None, *range(-5, 6), *HUGE)


def outcome(target: object, method: str, *args: Any) -> Any:
    """Call a method; return its result, or the class of its error."""
    try:
        return getattr(target, method)(*args)
    except (OverflowError, TypeError, ValueError) as error:
        return type(error)


def words(alphabet: bytes, lengths: range) -> list[bytes]:
    """Return every word of those lengths over the alphabet."""
    return [bytes(word) for length in lengths for word in product(alphabet, repeat=length)]


@pytest.mark.parametrize("method", METHODS)
def test_every_small_text_and_needle(method: str) -> None:
    for text in words(b"ab", range(1, 7)):
        call = getattr(writable(text), method)
        oracle = getattr(text, method)
        for needle in words(b"ab", range(5)):
            if method in {"index", "rindex"} and needle not in text:
                with pytest.raises(ValueError):
                    call(needle)
                continue
            assert call(needle) == oracle(needle), (text, needle)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("text", [b"a", b"ab", b"aab", b"abab", b"aaaa"])
def test_every_small_bound(method: str, text: bytes) -> None:
    mapping = writable(text)
    for needle in (b"", b"a", b"b", b"ab", b"aa", b"aba", b"c"):
        for start, stop in product(BOUNDS, BOUNDS):
            expected = outcome(text, method, needle, start, stop)
            assert outcome(mapping, method, needle, start, stop) == expected, (needle, start, stop)
        for start in BOUNDS:
            expected = outcome(text, method, needle, start)
            assert outcome(mapping, method, needle, start) == expected, (needle, start)


def test_result_types() -> None:
    mapping = writable(b"abcabc")
    for method in SEARCHES:
        assert type(getattr(mapping, method)(b"b")) is int
    assert mapping.startswith(b"ab") is True
    assert mapping.endswith(b"ab") is False


@pytest.mark.parametrize("method", SEARCHES)
def test_a_single_byte_as_int(method: str) -> None:
    text = b"\x00a\xff\x00b"
    mapping = writable(text)
    for value in (0, ord("a"), ord("b"), 255, True, Index(255)):
        for bounds in ((), (1,), (1, 4), (-2,), (None, 2)):
            expected = outcome(text, method, value, *bounds)
            assert outcome(mapping, method, value, *bounds) == expected, (value, bounds)


@pytest.mark.parametrize("method", SEARCHES)
@pytest.mark.parametrize("value", [256, -1, 2**40, 2**70, -(2**70)])
def test_an_int_that_is_no_byte(method: str, value: int) -> None:
    mapping = writable(b"abc")
    with pytest.raises(ValueError):
        getattr(b"abc", method)(value)
    with pytest.raises(ValueError):
        getattr(mapping, method)(value)


WRONG_NEEDLES: list[Any] = ["a", None, 1.0, [b"a"], Plain(), {97}, 1j]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("needle", WRONG_NEEDLES, ids=repr)
def test_wrong_needles(method: str, needle: Any) -> None:
    mapping = writable(b"abc")
    assert outcome(b"abc", method, needle) is TypeError
    assert outcome(mapping, method, needle) is TypeError


WRONG_BOUNDS: list[Any] = [1.0, "1", b"1", Plain(), (1,)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bound", WRONG_BOUNDS, ids=repr)
def test_wrong_bounds(method: str, bound: Any) -> None:
    mapping = writable(b"abc")
    assert outcome(mapping, method, b"a", bound) is TypeError
    assert outcome(mapping, method, b"a", 0, bound) is TypeError


@pytest.mark.parametrize("method", METHODS)
def test_wrong_number_of_arguments(method: str) -> None:
    mapping = writable(b"abc")
    assert outcome(mapping, method) is TypeError
    assert outcome(mapping, method, b"a", 0, 1, 2) is TypeError


@pytest.mark.parametrize("method", METHODS)
def test_kinds_of_needles(method: str) -> None:
    text = b"..wx..wx.."
    mapping = writable(text)
    needles: list[Any] = [
        bytearray(b"wx"),
        memoryview(b"wx"),
        array.array("B", b"wx"),
        writable(b"wx"),
        writable(b"wx").make_read_only(),
        memoryview(bytearray(b"..wx"))[2:],
    ]
    for needle in needles:
        assert outcome(mapping, method, needle) == outcome(text, method, b"wx")
    assert outcome(mapping, method, mapping) == outcome(text, method, text)


def test_a_needle_out_of_the_same_mapping() -> None:
    mapping = writable(b"abcdabcd")
    with memoryview(mapping) as view, view[2:4] as needle:
        assert mapping.find(needle) == 2
        assert mapping.rfind(needle) == 6
        assert mapping.count(needle) == 2
    mapping.close()


def test_a_needle_is_released() -> None:
    mapping = writable(b"abc")
    needle = bytearray(b"bc")
    for method in METHODS:
        outcome(mapping, method, needle)
        outcome(mapping, method, needle, "wrong")
    needle.extend(b"grows only if nobody holds a buffer over it")


@pytest.mark.parametrize("method", ["startswith", "endswith"])
def test_a_tuple_of_affixes(method: str) -> None:
    text = b"abcab"
    mapping = writable(text)
    tuples: list[tuple[Any, ...]] = [
        (),
        (b"ab",),
        (b"x", b"ab"),
        (b"x", b"y"),
        (b"",),
        (bytearray(b"ab"), memoryview(b"abc")),
        (b"ab", "never looked at"),
    ]
    for affixes in tuples:
        for bounds in ((), (1,), (0, 2), (3,), (-2, None), (9,)):
            expected = outcome(text, method, affixes, *bounds)
            assert outcome(mapping, method, affixes, *bounds) == expected, (affixes, bounds)
    for wrong in ((b"x", "a"), (1,), (None,), ((b"ab",),)):
        assert outcome(mapping, method, wrong) is outcome(text, method, wrong) is TypeError
    assert outcome(mapping, method, 97) is TypeError


def test_an_index_that_is_not_found_says_so() -> None:
    mapping = writable(b"abc")
    for method in ("index", "rindex"):
        with pytest.raises(ValueError, match="not found"):
            getattr(mapping, method)(b"x")


def test_read_only_and_writable_agree() -> None:
    text = b"mississippi"
    first, second = writable(text), writable(text).make_read_only()
    for method, needle in product(METHODS, (b"ss", b"i", b"", b"mis", b"pi", b"q")):
        assert outcome(first, method, needle) == outcome(second, method, needle)


def test_a_needle_across_the_seam_of_a_merge(page: int) -> None:
    mapping = MmapOptions(3 * page).map_mut()
    needle = b"across the seam"
    place = page - 5
    mapping[place : place + len(needle)] = needle
    tail = mapping.split_off(page)
    assert mapping.find(needle) == -1
    assert tail.find(needle) == -1
    assert tail.startswith(needle[5:])
    mapping.merge(tail)
    assert mapping.find(needle) == mapping.rfind(needle) == place
    assert mapping.count(needle) == 1


def test_the_last_byte_of_the_last_page(page: int) -> None:
    mapping = MmapOptions(2 * page).map_mut()
    mapping[-1] = 1
    assert mapping.find(1) == mapping.rfind(b"\x01") == 2 * page - 1
    assert mapping.find(b"\x00\x01") == 2 * page - 2
    assert mapping.find(b"\x01\x00") == -1
    assert mapping.count(0) == 2 * page - 1


def test_needle_longer_than_the_text(page: int) -> None:
    mapping = MmapOptions(page).map_mut()
    assert mapping.find(bytes(page)) == 0
    assert mapping.find(bytes(page + 1)) == -1
    assert mapping.count(bytes(page + 1)) == 0
    assert not mapping.startswith(bytes(page + 1))


@given(
    text=st.binary(min_size=1, max_size=300),
    needle=st.binary(max_size=5),
    start=st.none() | st.integers(-400, 400),
    stop=st.none() | st.integers(-400, 400),
)
@example(text=b"\x00" * 100, needle=b"\x00" * 5, start=None, stop=None)
def test_random_text(text: bytes, needle: bytes, start: int | None, stop: int | None) -> None:
    mapping = writable(text)
    for method in METHODS:
        expected = outcome(text, method, needle, start, stop)
        assert outcome(mapping, method, needle, start, stop) == expected


@given(
    pattern=st.text(alphabet="ab", min_size=1, max_size=40),
    repeat=st.integers(1, 5000),
    cut=st.integers(0, 150_000),
    length=st.integers(0, 200),
    start=st.none() | st.integers(-200_000, 200_000),
    stop=st.none() | st.integers(-200_000, 200_000),
)
def test_large_repetitive_text(
    pattern: str, repeat: int, cut: int, length: int, start: int | None, stop: int | None
) -> None:
    text = pattern.encode() * repeat
    needle = text[cut : cut + length] or b"abba"
    mapping = writable(text)
    for method in METHODS:
        expected = outcome(text, method, needle, start, stop)
        assert outcome(mapping, method, needle, start, stop) == expected, method
