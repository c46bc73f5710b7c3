"""`as_file()`: what sort of file it is, how it is opened, closed and moved in."""

import copy
import gc
import io
import os
import pickle
import sys
from collections.abc import Callable
from typing import Any

import pytest

from mmap_rs import ConsumedError, Mmap, MmapMut
from mmap_rs._file import MappingFile
from tests.files.file_contents import DATA
from tests.support.bytes_helpers import KINDS, Index, Make, both_kinds, writable


@pytest.fixture(params=KINDS)
def file(request: pytest.FixtureRequest) -> MappingFile:
    mapping: Mmap | MmapMut = request.param(DATA)
    return mapping.as_file()


@both_kinds
def test_it_is_a_binary_file(make: Make) -> None:
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


@both_kinds
def test_it_holds_the_mapping_until_it_is_closed(make: Make) -> None:
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
            MappingFile(wrong)  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
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
