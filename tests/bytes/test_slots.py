"""The quick ways through the slots say and do what the thorough ways do."""

from __future__ import annotations

import operator
import sys

import pytest

from mmap_rs import ConsumedError, MmapMut, MmapOptions

LARGE = 64 * 1024


class Counted:
    """An index that tells how often it was asked."""

    def __init__(self, value: int) -> None:
        self.value = value
        self.asked = 0

    def __index__(self) -> int:
        self.asked += 1
        return self.value


@pytest.fixture
def mapping() -> MmapMut:
    return MmapOptions(4 * LARGE).map_mut()


@pytest.mark.parametrize("stop", [0, 5, LARGE - 1, LARGE, 3 * LARGE])
def test_a_bound_of_a_slice_is_asked_once(mapping: MmapMut, stop: int) -> None:
    start, end = Counted(0), Counted(stop)
    assert len(mapping[start:end]) == stop
    assert (start.asked, end.asked) == (1, 1)
    mapping[start:end] = b"x" * stop
    assert (start.asked, end.asked) == (2, 2)


def test_a_bound_is_asked_once_where_the_assignment_fails(mapping: MmapMut) -> None:
    end = Counted(4)
    with pytest.raises(ValueError, match="keeps the size"):
        mapping[:end] = b"12345"
    assert end.asked == 1
    assert mapping[:8] == bytes(8)


def test_a_bound_that_closes_the_mapping(mapping: MmapMut) -> None:
    class Closing(Counted):
        def __index__(self) -> int:
            mapping.close()
            return super().__index__()

    with pytest.raises(ConsumedError):
        mapping[Closing(0) : 4]
    with pytest.raises(ConsumedError):
        mapping[: Closing(4)] = b"1234"


@pytest.mark.parametrize("number", [2**31, 2**63, 2**64, -(2**63) - 1, sys.maxsize])
def test_a_number_that_is_too_large_leaves_no_error_behind(mapping: MmapMut, number: int) -> None:
    with pytest.raises(IndexError):
        mapping[number]
    with pytest.raises(IndexError):
        mapping[number] = 1
    with pytest.raises(ValueError, match=r"range\(0, 256\)"):
        mapping[0] = number
    assert mapping[-1] == 0


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_plain_sources(mapping: MmapMut, kind: type) -> None:
    source = kind(b"abcd")
    mapping[2:6] = source
    mapping[-4:] = source
    assert mapping[:8] == b"\0\0abcd\0\0"
    assert mapping[-5:] == b"\0abcd"
    with pytest.raises(ValueError, match="keeps the size"):
        mapping[2:5] = source
    if kind is bytearray:
        # The view of it was released.
        source.append(1)


def test_a_source_without_contiguous_bytes(mapping: MmapMut) -> None:
    mapping[0:2] = memoryview(b"a.b.")[::2]
    assert mapping[0:2] == b"ab"


def test_a_part_of_itself(mapping: MmapMut) -> None:
    mapping[0:4] = b"abcd"
    mapping[2:6] = memoryview(mapping)[0:4]
    assert mapping[0:6] == b"ababcd"


def test_iterators_end_for_good(mapping: MmapMut) -> None:
    mapping[0:3] = b"abc"
    iterator = iter(mapping)
    assert [next(iterator) for _ in range(3)] == list(b"abc")
    assert operator.length_hint(iterator) == len(mapping) - 3
    assert sum(iterator) == 0
    assert next(iterator, None) is None
    assert operator.length_hint(iterator) == 0
    assert iter(iterator) is iterator
    mapping.close()
    assert next(iterator, None) is None
    with pytest.raises(ConsumedError):
        iter(mapping)
