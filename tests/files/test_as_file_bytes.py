"""`as_file()`: reading and writing, with `io.BytesIO` as the oracle."""

import array
import copy
import io
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmap_rs import InvalidSizeError, Mmap, MmapFlags, MmapMut, MmapOptions
from mmap_rs._file import MappingFile
from tests.files.file_contents import DATA, EMPTY
from tests.support.bytes_helpers import KINDS, Index, read_only, writable


@pytest.fixture(params=KINDS)
def file(request: pytest.FixtureRequest) -> MappingFile:
    mapping: Mmap | MmapMut = request.param(DATA)
    return mapping.as_file()


# Reading


@pytest.mark.parametrize(
    "size", [None, -1, -7, 0, 1, 5, len(DATA), len(DATA) + 1, sys.maxsize, 2**70]
)
def test_read_sizes(file: MappingFile, size: int | None) -> None:
    expected = DATA if size is None else io.BytesIO(DATA).read(min(size, sys.maxsize))
    for read in (file.read, file.read1):
        file.seek(0)
        assert read(size) == expected  # type: ignore[arg-type]
        assert file.tell() == len(expected)
    file.seek(2)
    line = DATA[2:11] if size is None or size < 0 else DATA[2:11][: min(size, 100)]
    assert file.readline(size) == line
    assert file.tell() == 2 + len(line)


def test_read_of_no_size(file: MappingFile) -> None:
    wrong: Any
    for wrong in (1.0, "1", b"1"):
        for call in (file.read, file.readline):
            with pytest.raises(TypeError):
                call(wrong)
    assert file.read(Index(3)) == DATA[:3]  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert type(file.read(1)) is bytes


def test_lines(file: MappingFile) -> None:
    expected = DATA.splitlines(keepends=True)
    assert list(file) == expected
    assert file.readline() == b""
    file.seek(0)
    assert file.readlines() == expected
    file.seek(0)
    assert file.readlines(12) == expected[:2]
    file.seek(0)
    assert [file.readline(4), file.readline(100), next(file)] == [b"firs", b"t line\n", b"second\n"]


def test_iteration_sees_what_is_written_meanwhile() -> None:
    mapping = writable(b"abc\ndef\n")
    with mapping.as_file() as file:
        assert next(file) == b"abc\n"
        mapping[4] = ord("D")
        assert next(file) == b"Def\n"


def test_readinto(file: MappingFile) -> None:
    for size in (0, 1, 7, len(DATA) + 5):
        for call in (file.readinto, file.readinto1):
            file.seek(3)
            target = bytearray(b"." * size)
            count = call(target)
            assert count == min(size, len(DATA) - 3)
            assert target == DATA[3 : 3 + count] + b"." * (size - count)
            assert file.tell() == 3 + count
    file.seek(0, os.SEEK_END)
    assert file.readinto(bytearray(3)) == 0


def test_readinto_any_contiguous_buffer(file: MappingFile) -> None:
    numbers = array.array("I", [0, 0, 0])
    assert file.readinto(numbers) == 12
    assert numbers.tobytes() == DATA[:12]
    square = memoryview(bytearray(6)).cast("B", (2, 3))
    assert file.readinto(square) == 6
    assert square.tobytes() == DATA[12:18]
    with pytest.raises(BufferError):
        file.readinto(memoryview(bytearray(6))[::2])
    wrong: Any
    for wrong in (b"bytes", memoryview(b"bytes"), "text", 5, None):
        with pytest.raises(TypeError):
            file.readinto(wrong)
    assert file.readinto(EMPTY) == 0
    assert file.tell() == 18


def test_readinto_the_mapping_itself() -> None:
    mapping = writable(bytes(range(100)))
    with mapping.as_file() as file:
        assert file.readinto(memoryview(mapping)[10:]) == 90
    assert mapping[:] == bytes(range(10)) + bytes(range(90))


@pytest.mark.parametrize("size", [65_535, 65_536, 3_000_000])
def test_long_reads_and_writes(size: int) -> None:
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    with writable(bytes(size)).as_file() as file:
        assert file.write(data) == size
        file.seek(0)
        assert file.read() == data
        file.seek(1)
        target = bytearray(size)
        assert file.readinto(target) == size - 1
        assert target == data[1:] + b"\0"


# Writing


def test_write() -> None:
    mapping = writable(bytes(10))
    with mapping.as_file() as file:
        assert file.write(b"abc") == 3
        assert mapping[:4] == b"abc\0"
        assert file.tell() == 3
        file.seek(-2, os.SEEK_END)
        file.writelines([b"y", b"z"])
        assert file.tell() == 10
        assert file.write(b"") == 0
    assert mapping[:] == b"abc\0\0\0\0\0yz"


def test_write_past_the_end_writes_nothing() -> None:
    mapping = writable(b"0123456789")
    with mapping.as_file() as file:
        for position, data in [
            (8, b"abc"),
            (10, b"a"),
            (11, b"a"),
            (sys.maxsize, b"a"),
            (0, b"x" * 11),
        ]:
            file.seek(position)
            with pytest.raises(InvalidSizeError):
                file.write(data)
            assert file.tell() == position
            assert file.write(b"") == 0
            assert file.tell() == position
    assert mapping[:] == b"0123456789"


def test_write_any_contiguous_buffer() -> None:
    mapping = writable(bytes(32))
    with mapping.as_file() as file:
        numbers = array.array("H", [0x4141, 0x4242])
        assert file.write(numbers) == 4
        assert file.write(memoryview(b"abcdef").cast("B", (2, 3))) == 6
        assert file.write(array.array("d")) == 0
        assert file.write(EMPTY) == 0
        with pytest.raises(BufferError):
            file.write(memoryview(b"abcdef")[::2])
        wrong: Any
        for wrong in ("text", 5, None, [1, 2]):
            with pytest.raises(TypeError):
                file.write(wrong)
        assert file.tell() == 10
    assert mapping[:11] == b"AABBabcdef\0"


@pytest.mark.parametrize("distance", [-100_000, -70_000, -7, -1, 0, 1, 7, 70_000, 100_000])
def test_write_of_the_mapping_itself(distance: int) -> None:
    size, start, length = 300_000, 100_000, 100_000
    oracle = bytearray((bytes(range(251)) * (size // 251 + 1))[:size])
    mapping = writable(bytes(oracle))
    with mapping.as_file() as file, memoryview(mapping) as view:
        file.seek(start + distance)
        assert file.write(view[start : start + length]) == length
    copied = bytes(oracle[start : start + length])
    oracle[start + distance : start + distance + length] = copied
    assert mapping[:] == oracle


def test_read_only_mapping() -> None:
    mapping = read_only(DATA)
    with mapping.as_file() as file:
        for data in (b"x", b""):
            with pytest.raises(io.UnsupportedOperation):
                file.write(data)
        with pytest.raises(io.UnsupportedOperation):
            file.writelines([b"x"])
    assert mapping[:] == DATA


def test_truncate_to_another_size_is_unsupported(file: MappingFile) -> None:
    for arguments in ((), (0,), (len(DATA) + 1,), (-1,), (None,)):
        with pytest.raises(io.UnsupportedOperation, match=f"a mapping keeps its size, {len(DATA)}"):
            file.truncate(*arguments)
    with pytest.raises(TypeError):
        file.truncate("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_truncate_to_its_own_size_changes_nothing(file: MappingFile) -> None:
    assert file.truncate(len(DATA)) == len(DATA)
    file.seek(3)
    assert file.truncate(len(DATA)) == len(DATA)
    assert file.tell() == 3
    file.seek(len(DATA))
    assert file.truncate() == len(DATA)
    assert file.read() == b""


def test_writes_reach_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(100))
    with (
        MmapOptions.for_file(path).with_flags(MmapFlags.SHARED).map_mut() as mapping,
        mapping.as_file() as file,
    ):
        file.seek(50)
        file.write(b"seen")
    assert path.read_bytes() == bytes(50) + b"seen" + bytes(46)


# As an oracle says, step by step

STEPS = st.one_of(
    st.tuples(st.sampled_from(["read", "readline"]), st.integers(-2, 30)),
    st.tuples(st.just("readlines"), st.just(-1)),
    st.tuples(st.just("seek"), st.integers(0, 40)),
    st.tuples(st.just("readinto"), st.integers(0, 30).map(bytearray)),
    st.tuples(st.just("write"), st.binary(max_size=12)),
)


@given(data=st.lists(st.sampled_from(b"ab\n"), min_size=1, max_size=40), steps=st.lists(STEPS))
def test_as_bytesio(data: list[int], steps: list[tuple[str, Any]]) -> None:
    oracle = io.BytesIO(bytes(data))
    with writable(bytes(data)).as_file() as file:
        for method, argument in steps:
            if method == "write" and argument and oracle.tell() + len(argument) > len(data):
                with pytest.raises(InvalidSizeError):
                    file.write(argument)
            else:
                mine = copy.copy(argument)
                result = getattr(file, method)(mine)
                assert result == getattr(oracle, method)(argument)
                assert mine == argument
            assert file.tell() == oracle.tell()
        assert file.mapping[:] == oracle.getvalue()
