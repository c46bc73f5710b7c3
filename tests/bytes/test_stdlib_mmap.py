"""The standard library's `mmap.mmap` and ours on one file: they see the same bytes and answer alike."""

import mmap
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mmap_rs import Mmap, MmapFlags, MmapMut, MmapOptions

Either = mmap.mmap | MmapMut


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a file that is no multiple of a page and repeats itself here and there."""
    path = tmp_path / "file"
    chance = random.Random(1)
    path.write_bytes(b"needle" + bytes(chance.choices(b"abcneedl", k=20_000)) + b"needle!")
    return path


@pytest.fixture
def both(file: Path) -> Iterator[tuple[mmap.mmap, MmapMut]]:
    """Give a shared writable map of the file of each kind."""
    with (
        file.open("r+b") as opened,
        mmap.mmap(opened.fileno(), 0) as theirs,
        MmapOptions.for_file(opened).with_flags(MmapFlags.SHARED).map_mut() as ours,
    ):
        yield theirs, ours


def outcome(act: Callable[[Any], object], mapping: Either) -> tuple[type, object]:
    """Return the type and value of a result, or of the error in its place."""
    try:
        result = act(mapping)
    except (TypeError, ValueError, IndexError, BufferError) as error:
        return type(error), None
    return type(result), result


READS: dict[str, Callable[[Any], object]] = {
    "len": len,
    "first": lambda m: m[0],
    "last": lambda m: m[-1],
    "too far": lambda m: m[len(m)],
    "too far back": lambda m: m[-len(m) - 1],
    "slice": lambda m: m[3:50],
    "slice to the end": lambda m: m[-40:],
    "slice past the end": lambda m: m[-5 : len(m) + 100],
    "steps": lambda m: m[10:1000:7],
    "backwards": lambda m: m[1000:10:-7],
    "all backwards": lambda m: m[::-1],
    "empty": lambda m: m[50:3],
    "step of zero": lambda m: m[::0],
    "text as index": lambda m: m["1"],
    "float as index": lambda m: m[1.0],
    "find": lambda m: m.find(b"needle", 1),
    "find in a range": lambda m: m.find(b"needle", 10, 200),
    "find nothing": lambda m: m.find(b"needles"),
    "find emptiness": lambda m: m.find(b"", 5),
    "rfind": lambda m: m.rfind(b"needle"),
    "rfind in a range": lambda m: m.rfind(b"ne", 0, 300),
    "find from behind": lambda m: m.find(b"needle", -7),
    "bytes": bytes,
    "list": lambda m: list(m[:30]),
    "a buffer's length": lambda m: memoryview(m).nbytes,
    "a buffer's format": lambda m: memoryview(m).format,
    "a buffer may be written": lambda m: memoryview(m).readonly,
}


@pytest.mark.parametrize("act", READS.values(), ids=READS)
def test_reading(act: Callable[[Any], object], both: tuple[mmap.mmap, MmapMut]) -> None:
    theirs, ours = both
    assert outcome(act, ours) == outcome(act, theirs)


def put(key: object, value: object) -> Callable[[Any], object]:
    def act(mapping: Any) -> None:
        mapping[key] = value

    return act


def remove(key: object) -> Callable[[Any], object]:
    def act(mapping: Any) -> None:
        del mapping[key]

    return act


WRITES: dict[str, Callable[[Any], object]] = {
    "byte": put(5, 77),
    "last byte": put(-1, 0),
    "byte too large": put(5, 256),
    "byte below zero": put(5, -1),
    "byte too far": put(1 << 40, 1),
    "text": put(5, "a"),
    "slice": put(slice(5, 10), b"12345"),
    "steps": put(slice(5, 15, 2), b"12345"),
    "backwards": put(slice(15, 5, -2), bytearray(b"12345")),
    "nothing": put(slice(5, 5), b""),
    "a memoryview": put(slice(5, 10), memoryview(b"12345")),
    "text to a slice": put(slice(5, 10), "12345"),
    "delete": remove(5),
    "delete a slice": remove(slice(5, 10)),
}


@pytest.mark.parametrize("act", WRITES.values(), ids=WRITES)
def test_writing(act: Callable[[Any], object], file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_bytes(file.read_bytes())
    options = MmapOptions.for_file(copy).with_flags(MmapFlags.SHARED)
    with (
        file.open("r+b") as opened,
        mmap.mmap(opened.fileno(), 0) as theirs,
        options.map_mut() as ours,
    ):
        assert outcome(act, ours)[0] == outcome(act, theirs)[0]
        assert ours[:] == theirs[:]
    assert copy.read_bytes() == file.read_bytes()


@pytest.mark.parametrize("source", [b"1234", b"123456", b""])
def test_a_wrong_length_is_refused_by_both(source: bytes, both: tuple[mmap.mmap, MmapMut]) -> None:
    # `mmap.mmap` says IndexError; ours says ValueError, as `bytearray` does for steps.
    theirs, ours = both
    before = theirs[:]
    with pytest.raises(IndexError):
        theirs[5:10] = source
    with pytest.raises(ValueError):
        ours[5:10] = source
    assert ours[:] == before


def test_each_sees_what_the_other_writes(both: tuple[mmap.mmap, MmapMut], file: Path) -> None:
    theirs, ours = both
    theirs[100:106] = b"theirs"
    assert ours[100:106] == b"theirs"
    ours[200:204] = b"ours"
    assert theirs[200:204] == b"ours"
    with memoryview(ours) as view:
        view[0] = 1
    assert theirs[0] == 1
    assert file.read_bytes() == ours[:] == theirs[:]


def test_moving_inside(file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_bytes(file.read_bytes())
    options = MmapOptions.for_file(copy).with_flags(MmapFlags.SHARED)
    with (
        file.open("r+b") as opened,
        mmap.mmap(opened.fileno(), 0) as theirs,
        options.map_mut() as ours,
    ):
        for dest, source, count in ((10, 0, 100), (0, 10, 100), (500, 400, 5000), (7, 7, 7)):
            theirs.move(dest, source, count)
            ours.copy_within(range(source, source + count), dest)
            assert ours[:] == theirs[:]


def test_copy_on_write_is_seen_by_neither(both: tuple[mmap.mmap, MmapMut], file: Path) -> None:
    before = file.read_bytes()
    theirs, ours = both
    with (
        file.open("rb") as opened,
        mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY) as their_copy,
        MmapOptions.for_file(opened).map_mut() as our_copy,
    ):
        their_copy[0:4] = our_copy[0:4] = b"copy"
        assert their_copy[:] == our_copy[:]
    assert theirs[:] == ours[:] == file.read_bytes() == before


def test_reading_only(file: Path) -> None:
    with (
        file.open("rb") as opened,
        mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as theirs,
        MmapOptions.for_file(opened).map() as ours,
    ):
        assert ours[:] == theirs[:]
        assert memoryview(ours).readonly is memoryview(theirs).readonly is True
        for act in (put(0, 1), put(slice(0, 1), b"1"), remove(0)):
            with pytest.raises(TypeError):
                act(theirs)
            with pytest.raises(TypeError):
                act(ours)


@pytest.mark.parametrize("pages", [0, 1, 3])
def test_an_offset(pages: int, file: Path) -> None:
    offset = pages * mmap.ALLOCATIONGRANULARITY
    if offset >= file.stat().st_size:
        pytest.skip(
            f"a granularity of {mmap.ALLOCATIONGRANULARITY} bytes is too large for this file"
        )
    with (
        file.open("rb") as opened,
        mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ, offset=offset) as theirs,
        MmapOptions.for_file(opened, offset).map() as ours,
    ):
        assert ours[:] == theirs[:]
        assert len(ours) == len(theirs)


def is_closed(mapping: Either) -> bool:
    return mapping.closed


def test_a_mapping_with_views_is_not_closed(both: tuple[mmap.mmap, MmapMut]) -> None:
    for mapping in both:
        with memoryview(mapping):
            with pytest.raises(BufferError):
                mapping.close()
            assert not is_closed(mapping)
        mapping.close()
        assert is_closed(mapping)
        with pytest.raises(ValueError):
            mapping[0]
        mapping.close()


def test_what_is_refused_in_making(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    with empty.open("r+b") as opened:
        with pytest.raises(ValueError):
            mmap.mmap(opened.fileno(), 0)
        # Ours is empty, as what read() returns is.
        with MmapOptions.for_file(opened).map() as nothing:
            assert nothing[:] == b""
        opened.write(b"short")
        opened.flush()
        # Under Windows the module asks the system, which has no memory for that.
        with pytest.raises(OSError if sys.platform == "win32" else ValueError):
            mmap.mmap(opened.fileno(), 6, access=mmap.ACCESS_READ)
        with pytest.raises(ValueError):
            MmapOptions(6).with_file(opened).map()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other arguments")
def test_anonymous_memory() -> None:
    with mmap.mmap(-1, 5000) as theirs, MmapOptions(5000).map_mut() as ours:
        assert ours[:] == theirs[:] == bytes(5000)
        read_only = ours.make_read_only()
        assert isinstance(read_only, Mmap)
        assert read_only[:] == theirs[:]
        read_only.close()
