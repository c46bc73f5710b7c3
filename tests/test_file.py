"""`as_file()`: as a file, with `io.BytesIO` as the oracle; and used by what wants a file."""

from __future__ import annotations

import array
import copy
import csv
import gc
import gzip
import io
import os
import pickle
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmap_rs import ConsumedError, InvalidSizeError, Mmap, MmapFlags, MmapMut, MmapOptions
from mmap_rs._file import MappingFile

DATA = b"first line\nsecond\n\nlast, without an end"

# A buffer of no bytes in two dimensions, which memoryview.cast() refuses.
EMPTY: Any = np.empty((0, 3), "u1")


class Index:
    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


def writable(data: bytes) -> MmapMut:
    """Map anonymous memory that holds `data` and nothing more."""
    mapping = MmapOptions(len(data)).map_mut()
    mapping[:] = data
    return mapping


def readable(data: bytes) -> Mmap:
    return writable(data).make_read_only()


MAKERS: list[Callable[[bytes], Mmap | MmapMut]] = [writable, readable]


@pytest.fixture(params=MAKERS)
def file(request: pytest.FixtureRequest) -> MappingFile:
    mapping: Mmap | MmapMut = request.param(DATA)
    return mapping.as_file()


# The state


@pytest.mark.parametrize("make", MAKERS)
def test_it_is_a_binary_file(make: Callable[[bytes], Mmap | MmapMut]) -> None:
    mapping = make(DATA)
    file = mapping.as_file()
    assert type(file) is MappingFile
    assert isinstance(file, io.BufferedIOBase)
    assert file.mapping is mapping
    assert file.name is mapping
    assert file.readable()
    assert file.seekable()
    assert file.writable() is isinstance(mapping, MmapMut)
    assert not file.closed
    assert not file.isatty()
    assert file.tell() == 0
    assert repr(file) == f"<MappingFile position=0 over {mapping!r}>"
    for call in (file.fileno, file.detach):
        with pytest.raises(io.UnsupportedOperation):
            call()
    file.flush()


@pytest.mark.parametrize("make", MAKERS)
def test_it_holds_the_mapping_until_it_is_closed(make: Callable[[bytes], Mmap | MmapMut]) -> None:
    mapping = make(DATA)
    with mapping.as_file() as file:
        with pytest.raises(BufferError):
            mapping.close()
        assert file.read() == DATA
    assert file.closed
    mapping.close()
    assert mapping.closed


def test_two_files_have_two_positions() -> None:
    mapping = writable(DATA)
    with mapping.as_file() as one, mapping.as_file() as two:
        assert one.read(5) == DATA[:5]
        assert two.tell() == 0
        one.close()
        with pytest.raises(BufferError):
            mapping.close()
    mapping.close()


def test_dropping_the_file_closes_it() -> None:
    mapping = writable(DATA)
    file = mapping.as_file()
    file.read(1)
    del file
    gc.collect()
    mapping.close()


def test_the_file_keeps_the_memory() -> None:
    file = writable(DATA).as_file()
    gc.collect()
    assert file.read() == DATA


def test_a_file_over_nothing_is_refused_and_leaves_no_trace() -> None:
    for wrong in (None, "text", 1):
        with pytest.raises(TypeError):
            MappingFile(wrong)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    # What is left of it can be closed, as its finalizer does.
    unmade = MappingFile.__new__(MappingFile)
    unmade.close()
    assert unmade.closed


def test_closed_file() -> None:
    file = writable(DATA).as_file()
    file.close()
    file.close()
    assert file.closed
    assert repr(file) == "<MappingFile closed>"
    calls: list[Callable[[], object]] = [
        file.read,
        file.read1,
        file.readline,
        file.readlines,
        file.tell,
        file.readable,
        file.writable,
        file.seekable,
        file.truncate,
        file.flush,
        file.__enter__,
        lambda: file.mapping,
        lambda: file.name,
        lambda: file.seek(0),
        lambda: file.write(b"x"),
        lambda: file.write(b""),
        lambda: file.writelines([b"x"]),
        lambda: file.readinto(bytearray(1)),
        lambda: file.readinto1(bytearray(1)),
        lambda: next(file),
        lambda: list(file),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="closed"):
            call()


def test_it_cannot_be_copied_or_pickled(file: MappingFile) -> None:
    for call in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            call(file)
    file.close()
    for call in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            call(file)


def test_a_deferred_close_leaves_the_file_working() -> None:
    # Long lines, so that the search for their ends goes over several chunks.
    data = b"short\n" + b"x" * 20_000 + b"\n" + b"y" * 10_000
    mapping = writable(data)
    file = mapping.as_file()
    mapping.close(defer=True)
    assert mapping.closed
    with pytest.raises(ConsumedError):
        mapping[0]
    assert file.readlines() == io.BytesIO(data).readlines()
    for size in (3, 6, 7):
        file.seek(0)
        assert file.readline(size) == data[: min(size, 6)]
    file.seek(6)
    assert file.readline(19_999) == b"x" * 19_999
    file.seek(2)
    assert file.write(memoryview(b"ABC")) == 3
    file.seek(0)
    assert file.read(6) == b"shABC\n"
    file.close()


# Seeking


def test_seek_and_tell(file: MappingFile) -> None:
    oracle = io.BytesIO(DATA)
    for offset, whence in [
        (3, 0),
        (4, 1),
        (-2, 1),
        (-5, 2),
        (0, 2),
        (100, 2),
        (7, 1),
        (0, 0),
        (0, 1),
    ]:
        assert file.seek(offset, whence) == oracle.seek(offset, whence)
        assert file.tell() == oracle.tell()
        assert file.read(2) == oracle.read(2)
    assert file.seek(Index(5)) == 5
    assert file.seek(1) == 1
    assert file.seek(sys.maxsize) == sys.maxsize
    assert file.read() == file.readline() == b""
    assert file.tell() == sys.maxsize


def test_seek_refuses_what_no_file_has(file: MappingFile) -> None:
    file.seek(4)
    with pytest.raises(ValueError):
        file.seek(-1)
    for whence in (os.SEEK_CUR, os.SEEK_END):
        with pytest.raises(OSError, match="Invalid argument"):
            file.seek(-len(DATA) - 10, whence)
    for whence in (3, 4, -1, 2**70):
        with pytest.raises(ValueError):
            file.seek(0, whence)
    for offset, whence in [(sys.maxsize + 1, 0), (sys.maxsize, 1), (2**70, 2)]:
        with pytest.raises(OverflowError):
            file.seek(offset, whence)
    wrong: Any
    for wrong in (1.0, "1", None):
        with pytest.raises(TypeError):
            file.seek(wrong)
        with pytest.raises(TypeError):
            file.seek(0, wrong)
    assert file.tell() == 4


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
    mapping = readable(DATA)
    with mapping.as_file() as file:
        for data in (b"x", b""):
            with pytest.raises(io.UnsupportedOperation):
                file.write(data)
        with pytest.raises(io.UnsupportedOperation):
            file.writelines([b"x"])
    assert mapping[:] == DATA


def test_truncate_is_unsupported(file: MappingFile) -> None:
    for arguments in ((), (0,), (len(DATA),), (None,)):
        with pytest.raises(io.UnsupportedOperation):
            file.truncate(*arguments)


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


# What wants a file


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


@pytest.mark.parametrize("make", MAKERS)
def test_zipfile_reads(make: Callable[[bytes], Mmap | MmapMut]) -> None:
    mapping = make(zipped(one=b"1" * 1000, two=DATA))
    with mapping.as_file() as file, zipfile.ZipFile(file) as archive:
        assert archive.namelist() == ["one", "two"]
        assert archive.read("two") == DATA
        assert archive.testzip() is None


def test_zipfile_rewrites_in_place() -> None:
    mapping = writable(zipped(one=b"old 1", two=b"old 2"))
    with mapping.as_file() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(zipfile.ZipInfo("one"), b"new 1")
            archive.writestr(zipfile.ZipInfo("two"), b"new 2")
        with zipfile.ZipFile(file) as archive:
            assert archive.read("one") == b"new 1"
    assert mapping[:] == zipped(one=b"new 1", two=b"new 2")


@pytest.mark.parametrize("data", [b"x", b"not a zip file, but longer than its directory's end"])
def test_zipfile_says_what_is_no_archive(data: bytes) -> None:
    with readable(data).as_file() as file:
        assert not zipfile.is_zipfile(file)
        with pytest.raises(zipfile.BadZipFile):
            zipfile.ZipFile(file)


def test_tarfile() -> None:
    mapping = writable(bytes(tarfile.RECORDSIZE))
    with mapping.as_file() as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            info = tarfile.TarInfo("member")
            info.size = len(DATA)
            archive.addfile(info, io.BytesIO(DATA))
        file.seek(0)
        with tarfile.open(fileobj=file) as archive:
            member = archive.extractfile("member")
            assert member is not None
            assert member.read() == DATA


def test_pickle() -> None:
    values = [{"a": (1, 2.5)}, "text", b"x" * 100_000]
    size = sum(len(pickle.dumps(value)) for value in values)
    mapping = writable(bytes(size))
    with mapping.as_file() as file:
        for value in values:
            pickle.dump(value, file)
        assert file.tell() == size
        file.seek(0)
        assert [pickle.load(file) for _ in values] == values
        with pytest.raises(EOFError):
            pickle.load(file)


def test_text() -> None:
    text = "Zeile äöü\nεξ\n最後"
    mapping = readable(text.encode())
    with io.TextIOWrapper(mapping.as_file(), encoding="utf-8") as wrapper:
        assert repr(mapping) in repr(wrapper)
        assert wrapper.readline() == "Zeile äöü\n"
        place = wrapper.tell()
        rest = wrapper.read()
        assert rest == "εξ\n最後"
        wrapper.seek(place)
        assert wrapper.read() == rest
    mapping.close()


def test_text_written() -> None:
    mapping = writable(b"." * 12)
    with io.TextIOWrapper(mapping.as_file(), encoding="utf-8", newline="\n") as wrapper:
        wrapper.write("äöü\n")
        print(1, 2, file=wrapper)
    assert mapping[:] == "äöü\n1 2\n.".encode()


def test_buffered_reader() -> None:
    # A file that is buffered itself may still be wrapped once more.
    with io.BufferedReader(readable(DATA).as_file()) as reader:
        assert reader.peek(3)[:3] == DATA[:3]
        assert reader.read() == DATA


def test_csv() -> None:
    mapping = readable(b'name,size\none,1\n"two, or so",2\n')
    with io.TextIOWrapper(mapping.as_file(), encoding="utf-8", newline="") as wrapper:
        assert list(csv.reader(wrapper)) == [["name", "size"], ["one", "1"], ["two, or so", "2"]]


def test_gzip() -> None:
    with readable(gzip.compress(DATA)).as_file() as file, gzip.open(file) as unpacked:
        assert unpacked.read() == DATA


def test_copyfileobj() -> None:
    target = writable(bytes(len(DATA)))
    with readable(DATA).as_file() as source, target.as_file() as sink:
        shutil.copyfileobj(source, sink, 7)
    assert target[:] == DATA


# Threads


def test_threads_share_one_position() -> None:
    lines = [b"%06d\n" % number for number in range(20_000)]

    def read_all(file: MappingFile) -> list[bytes]:
        return list(file)

    with readable(b"".join(lines)).as_file() as file, ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(read_all, [file] * 4))
    assert sorted(line for part in parts for line in part) == lines


def test_threads_write_without_loss() -> None:
    count = 4 * 2000
    mapping = writable(bytes(count * 4))
    with mapping.as_file() as file, ThreadPoolExecutor(4) as pool:

        def write(number: int) -> int:
            return file.write(b"%04d" % number)

        assert set(pool.map(write, range(count))) == {4}
        assert file.tell() == count * 4
    written = mapping[:]
    numbers = [int(written[at : at + 4]) for at in range(0, len(written), 4)]
    assert sorted(numbers) == list(range(count))


def test_closing_while_others_read() -> None:
    def drain(file: MappingFile) -> int:
        reads = 0
        with pytest.raises(ValueError, match="closed"):
            while True:
                file.seek(0)
                file.read(1000)
                reads += 1
        return reads

    mapping = readable(bytes(100_000))
    file = mapping.as_file()
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(drain, file) for _ in range(4)]
        file.seek(0)
        file.close()
        for future in running:
            future.result(timeout=60)
    mapping.close()


def test_a_file_left_open_is_no_warning_at_exit() -> None:
    code = "import mmap_rs; f = mmap_rs.MmapOptions(10).map_mut().as_file(); f.read(3)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
