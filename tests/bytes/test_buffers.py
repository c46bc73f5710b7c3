"""The buffer protocol, and what a held buffer forbids."""

from __future__ import annotations

import array
import ctypes
import gc
import hashlib
import io
import os
import re
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmap_rs import (
    ConsumedError,
    MemoryAreas,
    Mmap,
    MmapFlags,
    MmapMut,
    MmapNone,
    MmapOptions,
)
from tests.support.numpy_arrays import array_over

pytestmark = pytest.mark.parallel


def writable(data: bytes) -> MmapMut:
    """Map anonymous memory that holds `data` and nothing more."""
    mapping = MmapOptions(len(data)).map_mut()
    mapping.copy_from_slice(data)
    return mapping


def test_shape_of_a_view(page: int) -> None:
    for size in (1, 5, page, page + 3):
        for mapping in (MmapOptions(size).map_mut(), MmapOptions(size).map()):
            with memoryview(mapping) as view:
                assert view.format == "B"
                assert (view.itemsize, view.ndim, view.nbytes) == (1, 1, size)
                assert (view.shape, view.strides, view.suboffsets) == ((size,), (1,), ())
                assert view.c_contiguous
                assert view.f_contiguous
                assert view.readonly is isinstance(mapping, Mmap)
                assert view.obj is mapping


def test_a_view_is_no_copy() -> None:
    mapping = writable(b"abcde")
    with memoryview(mapping) as view:
        view[1] = ord("x")
        assert mapping[:] == b"axcde"
        mapping[2:4] = b"yz"
        assert view.tobytes() == b"axyze"
    window = (ctypes.c_char * 5).from_buffer(mapping)
    assert ctypes.addressof(window) == mapping.start() == mapping.as_mut_ptr()


def test_slices_as_views() -> None:
    mapping = writable(b"abc")
    with mapping.as_slice() as view:
        assert type(view) is memoryview
        assert view.readonly
        assert bytes(view) == b"abc"
        with pytest.raises(TypeError):
            view[0] = 1
        with pytest.raises(BufferError):
            mapping.close()
    with mapping.as_mut_slice() as view:
        assert type(view) is memoryview
        assert not view.readonly
        view[:] = b"xyz"
        with pytest.raises(BufferError):
            mapping.close()
    assert mapping[:] == b"xyz"
    fixed = mapping.make_read_only()
    with fixed.as_slice() as view:
        assert view.readonly
        assert bytes(view) == b"xyz"


def test_read_only_memory_gives_no_writable_buffer() -> None:
    mapping: Any = writable(b"abcd").make_read_only()
    with pytest.raises(TypeError):
        (ctypes.c_char * 4).from_buffer(mapping)
    with pytest.raises((TypeError, BufferError)):
        struct.pack_into("<I", mapping, 0, 1)
    with pytest.raises((TypeError, BufferError)):
        io.BytesIO(b"wxyz").readinto(mapping)
    gc.collect()
    mapping.close()


def test_readers() -> None:
    data = bytes(range(64)) * 3
    for mapping in (writable(data), writable(data).make_read_only()):
        assert bytes(mapping) == data
        assert bytearray(mapping) == data
        assert b"".join([mapping, b"!"]) == data + b"!"
        assert hashlib.sha256(mapping).digest() == hashlib.sha256(data).digest()
        assert zlib.crc32(mapping) == zlib.crc32(data)
        assert int.from_bytes(mapping, "big") == int.from_bytes(data, "big")
        assert struct.unpack_from("<4I", mapping, 16) == struct.unpack_from("<4I", data, 16)
        assert array.array("B", bytes(mapping)).tobytes() == data
        assert io.BytesIO(mapping).getvalue() == data
        match = re.search(rb"\x05\x06", mapping)
        assert match is not None
        assert match.span() == (5, 7)
        del match
        gc.collect()
        mapping.close()


def test_writers(tmp_path: Path) -> None:
    mapping = MmapOptions(16).map_mut()
    struct.pack_into("<2I", mapping, 4, 1, 2)
    assert mapping[:] == struct.pack("<4xII4x", 1, 2)
    assert io.BytesIO(b"a" * 10).readinto(mapping) == 10
    assert mapping[:11] == b"a" * 10 + b"\0"
    with memoryview(mapping) as view:
        view[:] = bytes(range(16))
    path = tmp_path / "written"
    with path.open("wb") as file:
        assert file.write(mapping) == 16
    assert path.read_bytes() == bytes(range(16))
    with path.open("rb") as file:
        mapping.fill(0)
        assert file.readinto(mapping) == 16
    assert mapping[:] == bytes(range(16))
    mapping.close()


def test_arrays() -> None:
    with MmapOptions(16).map_mut() as mapping:
        numbers = array_over(mapping)
        assert numbers.ctypes.data == mapping.as_ptr()
        numbers[:] = range(16)
        assert mapping[:] == bytes(range(16))
        assert numbers.sum() == sum(range(16))
        del numbers
    with writable(b"abc").make_read_only() as frozen:
        assert not array_over(frozen).flags.writeable


def test_a_view_writes_through_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(100))
    options = MmapOptions.for_file(path).with_flags(MmapFlags.SHARED)
    with options.map_mut() as mapping:
        with memoryview(mapping) as view:
            view[3:6] = b"abc"
        mapping.flush()
        assert path.read_bytes()[:8] == b"\0\0\0abc\0\0"


Holder = Callable[[MmapMut], Any]


HOLDERS: dict[str, Holder] = {
    "memoryview": memoryview,
    "part of a view": lambda mapping: memoryview(mapping)[1:2],
    "cast view": lambda mapping: memoryview(mapping).cast("b"),
    "as_slice": lambda mapping: mapping.as_slice(),
    "as_mut_slice": lambda mapping: mapping.as_mut_slice(),
    "as_file": lambda mapping: mapping.as_file(),
    "numpy": array_over,
    "ctypes": lambda mapping: (ctypes.c_char * 4).from_buffer(mapping),
    "finditer": lambda mapping: re.finditer(b".", mapping),
}


def enter_and_leave(mapping: MmapMut) -> None:
    """Enter a `with` block and leave it."""
    with mapping:
        pass


ACTS: dict[str, Callable[[MmapMut, int], object]] = {
    "close": lambda mapping, _: mapping.close(),
    "with": lambda mapping, _: enter_and_leave(mapping),
    "make_none": lambda mapping, _: mapping.make_none(),
    "make_read_only": lambda mapping, _: mapping.make_read_only(),
    "make_exec": lambda mapping, _: mapping.make_exec(),
    "make_exec_no_flush": lambda mapping, _: mapping.make_exec_no_flush(),
    "make_mut": lambda mapping, _: mapping.make_mut(),
    "try_from": lambda mapping, _: Mmap.try_from(mapping),
    "split_off": lambda mapping, page: mapping.split_off(page),
    "split_to": lambda mapping, page: mapping.split_to(page),
}


@pytest.mark.parametrize("holder", HOLDERS.values(), ids=HOLDERS)
@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_held_buffer_forbids(
    holder: Holder, act: Callable[[MmapMut, int], object], page: int
) -> None:
    mapping = MmapOptions(3 * page).map_mut()
    mapping.fill(5)
    start = mapping.start()
    held = holder(mapping)
    for _ in range(3):
        with pytest.raises(BufferError):
            act(mapping, page)
        assert not mapping.closed
        assert (mapping.start(), mapping.size()) == (start, 3 * page)
        assert mapping[:] == b"\x05" * (3 * page)
    mapping.fill(6)
    del held
    gc.collect()
    act(mapping, page)


@pytest.mark.parametrize("holder", HOLDERS.values(), ids=HOLDERS)
@pytest.mark.parametrize("which", [0, 1])
def test_a_held_buffer_forbids_merge(holder: Holder, which: int, page: int) -> None:
    first: Any = MmapOptions(2 * page).map_mut()
    second: Any = first.split_off(page)
    held = holder((first, second)[which])
    with pytest.raises(BufferError):
        first.merge(second)
    assert not first.closed
    assert not second.closed
    assert (first.size(), second.size()) == (page, page)
    second[0] = 1
    del held
    gc.collect()
    first.merge(second)
    assert second.closed
    assert first[page] == 1


def test_make_exec_mut_is_forbidden_too(page: int) -> None:
    mapping = MmapOptions(page).map_mut()
    with memoryview(mapping):
        # Both reasons hold: the buffer, and the flag that is missing.
        with pytest.raises((BufferError, ValueError)):
            mapping.make_exec_mut()
        assert not mapping.closed


def test_what_a_held_buffer_allows(page: int) -> None:
    mapping = MmapOptions(2 * page).map_mut()
    with memoryview(mapping) as first, memoryview(mapping) as second:
        mapping[0] = 1
        mapping.fill(2, range(1, 3))
        mapping.copy_within(range(3), 3)
        assert mapping.find(b"\x02\x02") == 1
        mapping.flush()
        mapping.flush_async()
        mapping.flush_icache()
        mapping.advise(MmapFlags.SEQUENTIAL)
        mapping.lock()
        mapping.unlock()
        assert first == second
        assert repr(mapping)
        assert len(mapping) == 2 * page


def test_every_buffer_counts() -> None:
    mapping = writable(b"abc")
    views = [memoryview(mapping) for _ in range(50)]
    while views:
        with pytest.raises(BufferError):
            mapping.close()
        views.pop().release()
    mapping.close()


def test_a_collected_cycle_gives_its_buffer_back() -> None:
    mapping = writable(b"abc")
    cycle: list[Any] = [memoryview(mapping)]
    cycle.append(cycle)
    with pytest.raises(BufferError):
        mapping.close()
    del cycle
    gc.collect()
    mapping.close()


def test_a_view_keeps_its_memory() -> None:
    view = memoryview(writable(b"abc"))
    gc.collect()
    assert bytes(view) == b"abc"
    view[0] = 0
    assert view[0] == 0


def test_leaving_with_a_buffer_held() -> None:
    mapping = writable(b"abc")
    view = memoryview(mapping)
    with pytest.raises(BufferError), mapping:
        pass
    assert not mapping.closed
    with pytest.raises(BufferError) as caught, mapping:
        raise KeyError
    assert isinstance(caught.value.__context__, KeyError)
    view.release()
    with mapping:
        pass
    assert mapping.closed


def test_deferred_close() -> None:
    mapping = writable(b"abc")
    address = mapping.start()
    first, second = memoryview(mapping), mapping.as_slice()
    mapping.close(defer=True)
    assert mapping.closed
    with pytest.raises(ConsumedError):
        mapping.size()
    with pytest.raises(ConsumedError):
        memoryview(mapping)
    first[0] = ord("x")
    assert bytes(second) == b"xbc"
    first.release()
    assert bytes(second) == b"xbc"
    area = MemoryAreas.query(address)
    assert area is not None
    mapping.close()
    mapping.close(defer=True)
    second.release()


@pytest.mark.thread_unsafe(reason="another thread may map the addresses that it has given back")
def test_deferred_close_unmaps_with_the_last_buffer() -> None:
    size = 64 * 1024 * 1024
    mapping = MmapOptions(size).map_mut()
    address = mapping.start()
    view = memoryview(mapping)
    mapping.close(defer=True)
    assert any(address in area for area in MemoryAreas.query_range(range(address, address + size)))
    view.release()
    assert sum(1 for _ in MemoryAreas.query_range(range(address, address + 4096))) == 0


def test_deferred_close_without_buffers_is_a_close() -> None:
    mapping = writable(b"abc")
    mapping.close(defer=True)
    assert mapping.closed
    assert "closed" in repr(mapping)


def test_no_buffer_of_a_consumed_mapping() -> None:
    mapping = writable(b"abc")
    mapping.make_none().close()
    with pytest.raises(ConsumedError):
        memoryview(mapping)
    with pytest.raises(ConsumedError):
        mapping.as_slice()
    with pytest.raises(ConsumedError):
        mapping.as_mut_slice()


def test_types_without_bytes_have_no_buffer(page: int) -> None:
    options = MmapOptions(page)
    others: list[Any] = [options.map_none(), options.reserve(), options.reserve_mut()]
    for other in others:
        with pytest.raises(TypeError):
            memoryview(other)
    assert not hasattr(MmapNone, "as_slice")


def test_vectored_io(tmp_path: Path) -> None:
    if not hasattr(os, "preadv"):
        pytest.skip("this system has no preadv")
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    first, second = MmapOptions(4).map_mut(), MmapOptions(6).map_mut()
    descriptor = os.open(path, os.O_RDWR)
    try:
        assert os.preadv(descriptor, [first, second], 0) == 10
        assert (first[:], second[:]) == (b"0123", b"456789")
        assert os.pwritev(descriptor, [second, first], 0) == 10
    finally:
        os.close(descriptor)
    assert path.read_bytes() == b"4567890123"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.12 made __buffer__ callable")
def test_the_protocol_from_python() -> None:
    mapping: Any = writable(b"abc")
    read, write = 0, 1
    view = mapping.__buffer__(read)
    assert bytes(view) == b"abc"
    with pytest.raises(BufferError):
        mapping.close()
    mapping.__release_buffer__(view)
    mapping.close()
    fixed: Any = writable(b"abc").make_read_only()
    with pytest.raises(BufferError):
        fixed.__buffer__(write)
    fixed.close()
