"""The empty rest of a file: an empty mapping, which can do what empty `bytes` can."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mmap_rs import (
    ConsumedError,
    InvalidOffsetError,
    InvalidSizeError,
    Mmap,
    MmapFlags,
    MmapMut,
    MmapNone,
    MmapOptions,
    MustBeAdjacentError,
    UnsafeMmapFlags,
)
from tests.support.procfs import smaps_at

UNIT = MmapOptions.allocation_granularity()
MAKERS = ["map", "map_mut", "map_exec"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "empty"
    path.touch()
    return path


@pytest.fixture(params=MAKERS)
def empty(request: pytest.FixtureRequest, path: Path) -> Iterator[Mmap | MmapMut]:
    with getattr(MmapOptions.for_file(path), request.param)() as mapping:
        yield mapping


def test_it_is_as_empty_bytes_are(empty: Any) -> None:
    assert (len(empty), empty.size(), empty.is_empty(), bytes(empty)) == (0, 0, True, b"")
    assert empty.start() == empty.end()
    assert (empty[:], empty[5:9], empty[::-1], list(empty), list(reversed(empty))) == (
        b"",
        b"",
        b"",
        [],
        [],
    )
    for index in (0, -1, 1):
        with pytest.raises(IndexError):
            empty[index]
    assert (empty.find(b""), empty.rfind(b""), empty.count(b""), empty.find(b"x")) == (0, 0, 1, -1)
    assert b"" in empty
    assert 0 not in empty
    assert empty.startswith(b"")
    assert memoryview(empty).nbytes == 0
    with empty.as_file() as file:
        assert (file.read(), file.readline(), list(file), file.seek(0, io.SEEK_END)) == (
            b"",
            b"",
            [],
            0,
        )


def test_calls_of_the_system_have_nothing_to_do(empty: Any) -> None:
    empty.lock()
    empty.unlock()
    empty.flush()
    empty.flush_async(range(0))
    empty.flush_icache()
    empty.advise(MmapFlags.SEQUENTIAL)
    empty.populate()
    assert empty.resident() == 0
    with pytest.raises(InvalidOffsetError):
        empty.flush(range(1))


def test_it_can_neither_be_split_nor_merged(empty: Any, path: Path) -> None:
    for at in (0, 1, UNIT):
        for split in (empty.split_off, empty.split_to):
            with pytest.raises(InvalidOffsetError):
                split(at)
    maker = "map_mut" if isinstance(empty, MmapMut) else "map"
    other = getattr(MmapOptions.for_file(path), maker)()
    with pytest.raises(MustBeAdjacentError):
        empty.merge(other)
    with pytest.raises(MustBeAdjacentError):
        getattr(MmapOptions(UNIT), maker)().merge(empty)


def test_it_changes_its_class(path: Path) -> None:
    mapping: Any = MmapOptions.for_file(path).map()
    for name, cls in (
        ("make_mut", MmapMut),
        ("make_exec", Mmap),
        ("make_none", MmapNone),
        ("make_read_only", Mmap),
    ):
        before, mapping = mapping, getattr(mapping, name)()
        assert type(mapping) is cls
        assert before.closed
        assert len(mapping) == 0
    mapping = MmapMut.try_from(mapping)  # pyright: ignore[reportArgumentType]
    mapping[:] = b""
    mapping.fill(0)
    mapping.copy_from_slice(b"")
    mapping.close()
    with pytest.raises(ConsumedError):
        len(mapping)


@pytest.mark.parametrize("name", ["map_none", "reserve", "reserve_none", "reserve_mut"])
def test_only_what_can_be_read_may_be_empty(name: str, path: Path) -> None:
    with pytest.raises(InvalidSizeError, match="nothing is left"):
        getattr(MmapOptions.for_file(path), name)()


def test_options_without_a_size_stay_an_error() -> None:
    with pytest.raises(InvalidSizeError):
        MmapOptions(0)


def test_the_rest_behind_the_last_byte(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(UNIT))
    with MmapOptions.for_file(path, UNIT).map() as rest:
        assert rest[:] == b""
    with pytest.raises(InvalidSizeError, match="none from offset"):
        MmapOptions.for_file(path, 2 * UNIT)


def test_it_grows_with_its_file(path: Path) -> None:
    with MmapOptions.for_file(path).map() as mapping:
        with pytest.raises(InvalidSizeError):
            mapping.resize()
        with path.open("ab") as log:
            log.write(b"first\n")
        assert mapping[:] == b""
        mapping.resize()
        assert mapping[:] == b"first\n"


@pytest.mark.skipif(sys.platform not in ("linux", "android"), reason="read from Linux's /proc")
@pytest.mark.parametrize("by_flag", [False, True])
def test_it_is_locked_once_it_has_bytes(by_flag: bool, path: Path) -> None:
    options = MmapOptions.for_file(path)
    with options.with_flags(MmapFlags.LOCKED if by_flag else MmapFlags(0)).map() as mapping:
        if not by_flag:
            mapping.lock()
        path.write_bytes(bytes(UNIT))
        mapping.resize()
        assert "lo" in smaps_at(mapping.start()).vm_flags


@pytest.mark.skipif(os.name == "nt", reason="Windows has no fault guard")
def test_it_is_guarded_once_it_has_bytes(path: Path) -> None:
    with MmapOptions.for_file(path).with_fault_guard().map() as mapping:
        assert not mapping.faulted()
        path.write_bytes(bytes(2 * UNIT))
        mapping.resize()
        os.truncate(path, 0)
        with pytest.raises(OSError, match="could not be provided"):
            mapping[UNIT]
        assert mapping.faulted()


def test_what_makes_no_empty_mapping(path: Path) -> None:
    options = MmapOptions.for_file(path).with_unsafe_flags(UnsafeMmapFlags.JIT)
    for refused in (options.map_none, options.map_exec_mut, options.reserve, options.reserve_none):
        with pytest.raises(InvalidSizeError, match="only map"):
            refused()


@pytest.mark.parametrize("span", [range(0), range(1 << 20, 1 << 30)])
def test_it_lies_in_no_range_of_addresses(span: range, path: Path) -> None:
    with MmapOptions.for_file(path).with_address_range(span).map() as mapping:
        assert len(mapping) == 0
