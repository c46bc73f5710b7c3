"""`map_file`: the modes, what each does to the file, and what it refuses before it touches one."""

import errno
import os
import pickle
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mmap_rs
from mmap_rs import (
    InvalidOffsetError,
    InvalidSizeError,
    MemoryFile,
    Mmap,
    MmapMut,
    MmapOptions,
    map_file,
)

STEP = MmapOptions.allocation_granularity()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"a" * STEP + b"tail")
    return path


def test_r_reads(file: Path) -> None:
    with map_file(file) as m, map_file(str(file), "r") as same:
        assert type(m) is Mmap
        assert bytes(m) == bytes(same) == file.read_bytes()


def test_r_plus_writes_to_the_file(file: Path) -> None:
    with map_file(file, "r+") as m:
        assert type(m) is MmapMut
        m[:5] = b"first"
        m.flush()
    assert file.read_bytes()[:6] == b"firsta"


def test_c_writes_to_memory_only(file: Path) -> None:
    with map_file(file, "c") as m:
        assert type(m) is MmapMut
        m[:5] = b"first"
        assert m[:6] == b"firsta"
    assert file.read_bytes()[:5] == b"aaaaa"


def test_w_plus_makes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new"
    with map_file(path, "w+", size=5000) as m:
        assert type(m) is MmapMut
        assert m[:] == bytes(5000)
        m[:3] = b"abc"
    assert path.read_bytes() == b"abc" + bytes(4997)


def test_w_plus_cuts_what_was_there(file: Path) -> None:
    with map_file(file, "w+", size=10) as m:
        assert m[:] == bytes(10)
    assert file.read_bytes() == bytes(10)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not count blocks")
def test_w_plus_allocates_the_disk_space(tmp_path: Path) -> None:
    with map_file(tmp_path / "new", "w+", size=1 << 20):
        assert os.stat(tmp_path / "new").st_blocks * 512 >= 1 << 20


def test_size_and_offset(file: Path) -> None:
    with map_file(file, offset=STEP) as rest, map_file(file, size=2, offset=STEP) as part:
        assert (rest[:], part[:]) == (b"tail", b"ta")
    with map_file(file, "w+", size=3, offset=STEP) as m:
        m[:] = b"end"
    assert file.read_bytes() == bytes(STEP) + b"end"


def test_an_empty_rest(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    for mode in ("r", "r+", "c"):
        with map_file(path, mode) as m:
            assert len(m) == 0


def test_open_files_and_descriptors(file: Path) -> None:
    with file.open("r+b") as opened:
        with map_file(opened, "r+") as m, map_file(opened.fileno()) as other:
            m[0] = ord("x")
            assert other[0] == ord("x")
        with map_file(opened, "w+", size=4) as m:
            assert m[:] == bytes(4)
    assert file.read_bytes() == bytes(4)


# Python warns of a file that nobody closed.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("mode", ["r", "c", "r+", "w+"])
def test_an_open_file_that_nobody_keeps(mode: str, file: Path) -> None:
    for opened in (
        lambda: file.open("r+b"),
        lambda: file.open("r+b", buffering=0),
        lambda: file.open("r+", encoding="ascii"),
        tempfile.TemporaryFile,
    ):
        size = 4 if mode == "w+" or opened is not tempfile.TemporaryFile else None
        with map_file(opened(), mode, size=size) as m:
            assert m.size() == (size or 0)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no resize of a MemoryFile")
def test_a_memory_file() -> None:
    with MemoryFile(10) as memory, map_file(memory, "w+", size=20) as m, map_file(memory) as other:
        m[0] = 1
        assert (other[0], len(other)) == (1, 20)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, InvalidSizeError),
        ({"size": 0}, InvalidSizeError),
        ({"size": sys.maxsize, "offset": STEP}, InvalidSizeError),
        ({"size": 1, "offset": 1}, InvalidOffsetError),
        ({"size": -1}, OverflowError),
        ({"size": "1"}, TypeError),
    ],
)
def test_w_plus_touches_nothing_where_an_argument_is_wrong(
    arguments: dict[str, Any], error: type[Exception], file: Path
) -> None:
    before = file.read_bytes()
    with pytest.raises(error):
        map_file(file, "w+", **arguments)
    assert file.read_bytes() == before
    with pytest.raises(error):
        map_file(file.with_name("new"), "w+", **arguments)
    assert not file.with_name("new").exists()


def test_the_file_and_its_descriptor_are_asked_for_once(file: Path) -> None:
    asked: list[str] = []

    class Opened:
        def fileno(self) -> int:
            asked.append("fileno")
            return opened.fileno()

    class Named:
        def __fspath__(self) -> str:
            asked.append("path")
            return str(file)

    class Number:
        def __index__(self) -> int:
            asked.append("index")
            return opened.fileno()

    with file.open("r+b") as opened:
        for mode in ("r", "r+", "c", "w+"):
            each: Any
            for each in (Opened(), Named(), Number()):
                map_file(each, mode, size=4).close()
        assert sorted(asked) == ["fileno"] * 4 + ["index"] * 4 + ["path"] * 4
        with pytest.raises(InvalidSizeError):
            map_file(Opened(), size=5)
        assert len(asked) == 13


@pytest.mark.parametrize("mode", ["", "w", "rb", "r+b", "x", None, 1])
def test_other_modes(mode: Any, file: Path) -> None:
    with pytest.raises(ValueError, match=r"mode must be 'r', 'r\+', 'c' or 'w\+', not"):
        map_file(file, mode)


@pytest.mark.parametrize("mode", ["r", "r+", "c", "w+"])
def test_a_directory(mode: str, tmp_path: Path) -> None:
    size = 10 if mode == "w+" else None
    with pytest.raises(IsADirectoryError) as caught:
        map_file(tmp_path, mode, size=size)
    assert isinstance(caught.value, mmap_rs.SystemCallError)
    assert caught.value.filename == str(tmp_path)


@pytest.mark.parametrize("mode", ["r", "r+", "c", "w+"])
def test_a_file_that_is_not_there(mode: str, tmp_path: Path) -> None:
    size = 10 if mode == "w+" else None
    with pytest.raises(FileNotFoundError) as caught:
        map_file(tmp_path / "none" / "file", mode, size=size)
    assert isinstance(caught.value, mmap_rs.SystemCallError)
    assert caught.value.operation == {
        "r": "open for reading",
        "c": "open for reading",
        "r+": "open for reading and writing",
        "w+": "making a file of 10 bytes",
    }.get(mode)


@pytest.mark.parametrize("answer", [errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_that_cannot_allocate(
    answer: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(*_: object) -> None:
        raise OSError(answer, os.strerror(answer))

    if not hasattr(os, "posix_fallocate"):
        pytest.skip("needs posix_fallocate, whose answer is the system's")
    monkeypatch.setattr(os, "posix_fallocate", without)
    size = (1 << 20) + 5
    with map_file(tmp_path / "new", "w+", size=size) as m:
        assert m[:] == bytes(size)


@pytest.mark.parametrize("flush", [MmapMut.flush, MmapMut.flush_async])
def test_a_flush_of_a_private_map_warns(flush: Callable[[MmapMut], None], file: Path) -> None:
    with map_file(file, "c") as m, pytest.warns(RuntimeWarning, match="SHARED") as caught:
        flush(m)
    assert caught[0].filename == __file__
    with map_file(file, "r+") as m:
        flush(m)
    with map_file(file) as read:
        read.flush()
    MmapOptions(4096).map_mut().flush()


def test_it_is_the_packages_own() -> None:
    assert (map_file.__module__, map_file.__qualname__) == ("mmap_rs", "map_file")
    assert pickle.loads(pickle.dumps(map_file)) is map_file
