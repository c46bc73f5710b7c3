"""Mappings and files in memory through `multiprocessing`."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mmap_rs import (
    BackingMismatchError,
    MemoryFile,
    Mmap,
    MmapFlags,
    MmapMut,
    MmapNone,
    MmapOptions,
    UnsafeMmapFlags,
)
from tests.support.child_process import check_child

if TYPE_CHECKING:
    from collections.abc import Callable

UNIT = MmapOptions.allocation_granularity()
SHARED = MmapFlags.SHARED
METHODS = multiprocessing.get_all_start_methods() if sys.platform not in ("android", "ios") else []
pytestmark = pytest.mark.skipif(not METHODS, reason="this system starts no other processes")


def answer(mapping: Any, connection: Connection) -> None:
    """Tell what came, and write into it where it can be written."""
    shown = (type(mapping).__name__, mapping[:5], len(mapping), mapping.is_executable())
    if isinstance(mapping, MmapMut):
        mapping[:5] = b"child"
    connection.send(shown)
    connection.close()


def serve(connection: Connection) -> None:
    """Take mappings, and answer what they are, until there is none."""
    while True:
        try:
            got = connection.recv()
        except Exception as error:  # noqa: BLE001  # told to the parent
            connection.send([cls.__name__ for cls in type(error).__mro__])
            continue
        if got is None:
            return
        if isinstance(got, MemoryFile):
            with MmapOptions.for_file(got).with_flags(SHARED).map() as mapping:
                connection.send(("MemoryFile", got.name, mapping[:5]))
        else:
            contents = got[:5] if isinstance(got, (Mmap, MmapMut)) else None
            connection.send((type(got).__name__, contents, len(got)))


def first_bytes(mapping: Mmap) -> bytes:
    """Return the beginning of a mapping, in a worker."""
    return mapping[:5]


def memory(data: bytes = b"hello", *, repeats: int = 1) -> MmapMut:
    with MemoryFile(UNIT, name="sent") as file:
        mapping = MmapOptions.for_file(file).with_flags(SHARED).with_repeats(repeats).map_mut()
    mapping[: len(data)] = data
    return mapping


@pytest.mark.parametrize("method", METHODS)
def test_an_argument_of_a_process(method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    mapping = memory()
    ours, theirs = context.Pipe()
    process = context.Process(target=answer, args=(mapping, theirs))
    process.start()
    theirs.close()
    assert ours.poll(60)
    assert ours.recv() == ("MmapMut", b"hello", UNIT, False)
    process.join(60)
    assert process.exitcode == 0
    assert mapping[:5] == b"child"


def compare(connection: Connection, *mappings: MmapMut) -> None:
    """Write into each, and tell what all hold."""
    for number, mapping in enumerate(mappings):
        mapping[number] = number + 1
    connection.send([mapping[: len(mappings)] for mapping in mappings])
    connection.close()


@pytest.mark.parametrize("method", METHODS)
def test_two_of_one_file_are_arguments_of_a_process(method: str) -> None:
    # Each descriptor can be given to a new process once only.
    context: Any = multiprocessing.get_context(method)
    with MemoryFile(UNIT) as file:
        options = MmapOptions.for_file(file).with_flags(SHARED)
        first, second = options.map_mut(), options.map_mut()
    ours, theirs = context.Pipe()
    process = context.Process(target=compare, args=(theirs, first, second, first))
    process.start()
    theirs.close()
    assert ours.poll(60)
    assert ours.recv() == [b"\1\2\3"] * 3
    process.join(60)
    assert process.exitcode == 0
    assert first[:3] == second[:3] == b"\1\2\3"


@pytest.mark.parametrize("method", METHODS)
def test_through_a_pipe(method: str, tmp_path: Path) -> None:
    context: Any = multiprocessing.get_context(method)
    path = tmp_path / "file"
    path.write_bytes(b"paths" + bytes(UNIT - 5))
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs,))
    process.start()
    theirs.close()
    mapping = memory()
    of_path = MmapOptions.for_file(path).with_flags(SHARED)

    def send(thing: Any) -> Any:
        ours.send(thing)
        assert ours.poll(60)
        return ours.recv()

    file = MemoryFile(UNIT, name="itself")
    again = MmapOptions.for_file(file).with_flags(SHARED)
    again.map_mut()[:5] = b"again"
    assert send(mapping) == ("MmapMut", b"hello", UNIT)
    assert send(file) == ("MemoryFile", "itself", b"again")
    assert send(again.map()) == ("Mmap", b"again", UNIT)
    assert send(again.map_exec()) == ("Mmap", b"again", UNIT)
    assert send(again.map_none()) == ("MmapNone", None, UNIT)
    assert send(memory(repeats=3)) == ("MmapMut", b"hello", 3 * UNIT)
    assert send(of_path.map()) == ("Mmap", b"paths", UNIT)
    assert send(of_path.map_mut()) == ("MmapMut", b"paths", UNIT)
    assert send({"deep": [mapping]}["deep"][0]) == ("MmapMut", b"hello", UNIT)
    if os.name != "nt":
        gone = of_path.map()
        os.unlink(path)
        assert "FileNotFoundError" in send(gone)
        path.write_bytes(bytes(UNIT))
        assert BackingMismatchError.__name__ in send(gone)
        os.truncate(path, 1)
        assert BackingMismatchError.__name__ in send(gone)
    assert mapping[:5] == b"hello"
    ours.send(None)
    process.join(60)
    ours.close()
    assert process.exitcode == 0


@pytest.mark.parametrize("method", METHODS)
def test_a_pool(method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    mapping = memory().make_read_only()
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(first_bytes, [mapping] * 8)) == [b"hello"] * 8


def test_what_can_not_be_sent(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(UNIT))
    with path.open("rb") as file:
        by_descriptor = MmapOptions.for_file(file).with_flags(SHARED).map()
    private = MmapOptions.for_file(path).map()
    reserved = MmapOptions(UNIT).reserve_none()
    mappings: list[Any] = [by_descriptor, private, MmapOptions(UNIT).map_mut(), reserved]
    if os.path.exists("/dev/zero"):  # each mapping of it is of other memory
        mappings.append(MmapOptions(UNIT).with_file("/dev/zero").with_flags(SHARED).map())
    ours, theirs = multiprocessing.Pipe()
    for mapping in mappings:
        for refused in (lambda: ours.send(mapping), lambda: pickle.dumps(mapping)):  # noqa: B023
            with pytest.raises(TypeError, match="MemoryFile"):
                refused()
    for mapping in (memory(), MmapOptions.for_file(path).with_flags(SHARED).map()):
        with pytest.raises(TypeError, match="multiprocessing"):
            pickle.dumps(mapping)
    ours.close()
    theirs.close()


def become_shorter(path: Path) -> None:
    path.write_bytes(bytes(100))


def become_empty(path: Path) -> None:
    path.touch()


def become_a_fifo(path: Path) -> None:
    os.mkfifo(path)


def become_this_program(path: Path) -> None:
    # A running program can't be opened for writing.
    path.symlink_to(sys.executable)


def become_a_generated_file(path: Path) -> None:
    path.symlink_to("/proc/self/maps")


@pytest.mark.skipif(os.name == "nt", reason="a mapped file can't be replaced")
@pytest.mark.parametrize(
    "become",
    [
        become_shorter,
        become_empty,
        Path.mkdir,
        become_a_fifo,
        become_this_program,
        become_a_generated_file,
    ],
)
@pytest.mark.parametrize("writable", [False, True])
def test_another_file_is_recognized_before_it_is_mapped(
    become: Callable[[Path], object], tmp_path: Path, *, writable: bool
) -> None:
    if become is become_a_generated_file and not Path("/proc/self/maps").exists():
        pytest.skip("this system generates no such file")
    path = tmp_path / "file"
    path.write_bytes(bytes(2 * UNIT))
    options = MmapOptions.for_file(path).with_flags(SHARED)
    sent = ForkingPickler.dumps(options.map_mut() if writable else options.map())
    path.rename(tmp_path / "old")
    become(path)
    with pytest.raises(BackingMismatchError, match="another file"):
        pickle.loads(sent)


@pytest.mark.skipif(os.name == "nt", reason="a file's number is not used again")
def test_a_new_file_with_the_number_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for _ in range(10):
        path.write_bytes(b"a" * UNIT)
        number = path.stat().st_ino
        with MmapOptions.for_file(path).with_flags(SHARED).map() as mapping:
            sent = ForkingPickler.dumps(mapping)
            with pickle.loads(sent) as same:
                assert same[:1] == b"a"
        # Times of files are as fine as the system's tick.
        time.sleep(0.05)
        path.unlink()
        path.write_bytes(b"b" * UNIT)
        if path.stat().st_ino == number:
            break
    else:
        pytest.skip("this file system does not use the number of a file again")
    with pytest.raises(BackingMismatchError, match="another file"):
        pickle.loads(sent)


def test_a_path_that_was_replaced_for_a_while(tmp_path: Path) -> None:
    # What arrived keeps no expectation: it grows over its file as any mapping does.
    path = tmp_path / "file"
    path.write_bytes(b"a" * UNIT)
    with MmapOptions.for_file(path).with_flags(SHARED).map() as mapping:
        arrived = pickle.loads(ForkingPickler.dumps(mapping))
    with path.open("ab") as file:
        file.write(b"b" * UNIT)
    arrived.resize()
    assert arrived[UNIT : UNIT + 1] == b"b"
    again = pickle.loads(ForkingPickler.dumps(arrived))
    assert len(again) == 2 * UNIT
    for one in (arrived, again):
        one.close()


def test_empty_mappings(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    options = MmapOptions.for_file(path).with_flags(SHARED)
    options = options.with_unsafe_flags(UnsafeMmapFlags.JIT)
    cases: list[Any] = [
        options.map(),
        options.map_exec(),
        options.map_mut(),
        options.map().make_none(),
        options.map_mut().make_exec_mut(),
    ]
    for mapping in cases:
        arrived = pickle.loads(ForkingPickler.dumps(mapping))
        assert type(arrived) is type(mapping)
        assert len(arrived) == 0
        if not isinstance(mapping, MmapNone):
            assert arrived.is_executable() == mapping.is_executable()
    path.write_bytes(b"grown")
    arrived = pickle.loads(ForkingPickler.dumps(cases[2]))
    assert len(arrived) == 0
    arrived.resize()
    assert arrived[:] == b"grown"


def test_before_multiprocessing_is_imported() -> None:
    # The pickler is known only from the first pickling on.
    check_child(
        """
        import sys
        import mmap_rs
        assert "multiprocessing" not in sys.modules
        unit = mmap_rs.MmapOptions.allocation_granularity()
        file = mmap_rs.MemoryFile(unit, name="early")
        from multiprocessing.reduction import ForkingPickler
        import pickle
        got = pickle.loads(ForkingPickler.dumps(file))
        assert (got.name, got.size()) == ("early", unit)
        """
    )
