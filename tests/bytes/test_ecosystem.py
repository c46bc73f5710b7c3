"""Mappings in the hands of others: the standard library, NumPy, pandas, Arrow, shells that print objects."""

import array
import asyncio
import base64
import ctypes
import hashlib
import io
import json
import multiprocessing
import os
import pickle
import pprint
import re
import socket
import struct
import sys
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mmap_rs import Mmap, MmapFlags, MmapMut, MmapOptions
from tests.support.child_process import check_child
from tests.support.numpy_arrays import numpy

SIZE = 1 << 16


def optional(name: str) -> Any:
    """Import what `make ecosystem` installs."""
    return pytest.importorskip(name, reason=f"{name} is not installed: make ecosystem brings it")


@pytest.fixture
def m() -> Iterator[MmapMut]:
    """Give a writable mapping, and show that nothing still holds its bytes afterwards."""
    mapping = MmapOptions(SIZE).map_mut()
    mapping[:] = bytes(range(256)) * (SIZE // 256)
    yield mapping
    mapping.close()


def mapped(data: bytes) -> Mmap:
    """Give a read-only mapping of just these bytes."""
    writable = MmapOptions(len(data)).map_mut()
    writable.copy_from_slice(data)
    return writable.make_read_only()


# --- the standard library


def test_struct_and_array(m: MmapMut) -> None:
    struct.pack_into("<QI", m, 16, 1 << 40, 7)
    assert struct.unpack_from("<QI", m, 16) == (1 << 40, 7)
    assert next(iter(struct.iter_unpack("<H", m))) == (0x0100,)
    assert array.array("B", m[:4]).tolist() == [0, 1, 2, 3]
    with memoryview(m).cast("I") as words:
        words[0] = 0xDEADBEEF
    assert int.from_bytes(m[:4], sys.byteorder) == 0xDEADBEEF


def test_hashes_and_checksums(m: MmapMut) -> None:
    assert hashlib.sha256(m).digest() == hashlib.sha256(m[:]).digest()
    assert hashlib.blake2b(m).digest() == hashlib.blake2b(m[:]).digest()
    assert zlib.crc32(m) == zlib.crc32(m[:])
    with m.as_file() as file:
        assert hashlib.file_digest(file, "sha256").digest() == hashlib.sha256(m).digest()


def test_compression_and_base64(m: MmapMut) -> None:
    assert zlib.decompress(zlib.compress(m)) == m[:]
    assert base64.b64decode(base64.b64encode(m)) == m[:]


def test_re(m: MmapMut) -> None:
    m[100:110] = b"key=value\n"
    found = re.search(rb"(\w+)=(\w+)", m)
    assert found is not None
    assert found[2] == b"value"
    assert len(re.findall(rb"\x00\x01\x02", m)) == SIZE // 256


def test_bytes_and_kin(m: MmapMut) -> None:
    assert bytes(m) == bytearray(m) == m[:]
    assert b"".join([m, m]) == m[:] * 2
    assert int.from_bytes(memoryview(m)[:2], "big") == 1
    assert max(m) == 255
    assert sum(m[:256]) == sum(range(256))
    assert sorted(m[:5], reverse=True) == [4, 3, 2, 1, 0]
    assert io.BytesIO(m).read(3) == b"\x00\x01\x02"


def test_ctypes(m: MmapMut) -> None:
    block = (ctypes.c_uint32 * 4).from_buffer(m)
    block[0] = 1
    with pytest.raises(BufferError):
        m.close()
    assert m[:4] == (1).to_bytes(4, sys.byteorder)
    del block


def test_zip_and_tar() -> None:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "alpha" * 1000)
    with mapped(kept.getvalue()) as m, m.as_file() as file, zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert archive.read("a.txt") == b"alpha" * 1000

    kept = io.BytesIO()
    with tarfile.open(fileobj=kept, mode="w") as tar:
        info = tarfile.TarInfo("b.txt")
        info.size = 4
        tar.addfile(info, io.BytesIO(b"beta"))
    with mapped(kept.getvalue()) as m, m.as_file() as file, tarfile.open(fileobj=file) as tar:
        member = tar.extractfile("b.txt")
        assert member is not None
        assert member.read() == b"beta"


def test_text_and_json() -> None:
    with mapped(b'{"answer": 42}\n') as m:
        with m.as_file() as file, io.TextIOWrapper(file, encoding="utf-8") as text:
            assert json.load(text) == {"answer": 42}
        assert json.loads(m[:]) == {"answer": 42}


def test_pickle_out_of_band(m: MmapMut) -> None:
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(pickle.PickleBuffer(m), protocol=5, buffer_callback=buffers.append)
    assert len(data) < 100
    (buffer,) = buffers
    loaded = pickle.loads(data, buffers=[buffer])
    with memoryview(loaded) as view:
        view[0] = 99
    assert m[0] == 99  # the same memory: nothing was copied
    del loaded
    buffer.release()
    buffers.clear()

    # In band it is a copy.
    loaded = pickle.loads(pickle.dumps(pickle.PickleBuffer(m), protocol=5))
    assert loaded == m[:]


def test_pickle_of_an_array_over_a_mapping(m: MmapMut) -> None:
    np = numpy()
    numbers = np.frombuffer(memoryview(m), dtype=np.uint16)
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(numbers, protocol=5, buffer_callback=buffers.append)
    again = pickle.loads(data, buffers=buffers)
    assert np.shares_memory(again, numbers)
    del again, numbers
    for buffer in buffers:
        buffer.release()


def test_sockets(m: MmapMut) -> None:
    left, right = socket.socketpair()
    with left, right, memoryview(m) as view:
        sender = threading.Thread(target=left.sendall, args=(view[:4096],))
        sender.start()
        got = 0
        while got < 4096:
            got += right.recv_into(view[8192 + got : 8192 + 4096])
        sender.join()
    assert m[8192 : 8192 + 4096] == m[:4096]


def test_files(m: MmapMut, tmp_path: Path) -> None:
    path = tmp_path / "copy"
    with path.open("wb") as file:
        assert file.write(m) == SIZE
    m.fill(0)
    with path.open("rb", buffering=0) as raw:
        assert raw.readinto(m) == SIZE
    assert m[:] == path.read_bytes()


def test_asyncio_to_thread(m: MmapMut) -> None:
    async def work() -> list[int]:
        return await asyncio.gather(
            *(asyncio.to_thread(m.count, bytes([number])) for number in range(8))
        )

    assert asyncio.run(work()) == [SIZE // 256] * 8


def test_thread_pool(m: MmapMut) -> None:
    with ThreadPoolExecutor(4) as pool:
        needles = [bytes([number, number + 1]) for number in range(200)]
        found = list(pool.map(m.find, needles))
    assert found == list(range(200))


def add_one(path: str, place: int) -> None:
    """Run in another process."""
    with MmapOptions.for_file(path).with_flags(MmapFlags.SHARED).map_mut() as m:
        m[place] = m[place] + 1


def test_multiprocessing(tmp_path: Path) -> None:
    if os.name != "nt":
        pytest.importorskip("_posixshmem", reason="the system has no shared memory of POSIX's kind")
    path = tmp_path / "board"
    path.write_bytes(bytes(16))
    context = multiprocessing.get_context("spawn")
    with MmapOptions.for_file(path).with_flags(MmapFlags.SHARED).map_mut() as m:
        workers = [context.Process(target=add_one, args=(str(path), n)) for n in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
            assert worker.exitcode == 0
        assert m[:3] == b"\x01\x01\x00"
        with pytest.raises(TypeError, match="only through multiprocessing"):
            pickle.dumps(m)


# --- NumPy, pandas, Arrow


def test_numpy(m: MmapMut) -> None:
    np = numpy()
    numbers = np.frombuffer(memoryview(m), dtype="<u4").reshape(128, -1)
    assert np.shares_memory(numbers, np.asarray(m))
    numbers[:, 0] = 5
    assert m[:4] == b"\x05\x00\x00\x00"
    frozen = np.frombuffer(m.as_slice(), dtype=np.uint8)
    assert not frozen.flags.writeable
    with pytest.raises(BufferError):
        m.make_read_only()
    del numbers, frozen


def test_numpy_files(m: MmapMut) -> None:
    np = numpy()
    with m.as_file() as file:
        np.save(file, np.arange(100))
        file.seek(0)
        assert np.load(file).sum() == 4950


def test_pandas() -> None:
    pandas = optional("pandas")
    with mapped(b"a,b\n1,2\n3,4\n") as m, m.as_file() as file:
        frame = pandas.read_csv(file)
        assert frame["b"].tolist() == [2, 4]
    m2 = MmapOptions(8000).map_mut()
    np = numpy()
    series = pandas.Series(np.frombuffer(memoryview(m2), dtype=np.float64), copy=False)
    m2[:8] = struct.pack("d", 2.5)
    assert series.iloc[0] == 2.5
    del series, frame
    m2.close(defer=True)


def test_arrow(m: MmapMut) -> None:
    arrow = optional("pyarrow")
    buffer = arrow.py_buffer(m)
    assert (buffer.address, buffer.size) == (m.start(), SIZE)
    numbers = arrow.Array.from_buffers(arrow.uint8(), SIZE, [None, buffer])
    m[0] = 77
    assert numbers[0].as_py() == 77
    with pytest.raises(BufferError):
        m.close()
    del buffer, numbers

    table = arrow.table({"x": [1, 2, 3]})
    sink = arrow.BufferOutputStream()
    with arrow.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    with mapped(sink.getvalue().to_pybytes()) as file:
        read = arrow.ipc.open_file(arrow.py_buffer(file)).read_all()
        assert read["x"].to_pylist() == [1, 2, 3]
        del read


# --- where objects are shown


def shown() -> list[object]:
    """Give one of everything, live and ended."""
    live = MmapOptions(8192).map_mut()
    ended = MmapOptions(8192).map_mut()
    ended.close()
    consumed = MmapOptions(8192).map_mut()
    consumed.make_read_only()
    reserved = MmapOptions(8192).reserve_none()
    options = MmapOptions(8192).with_flags(MmapFlags.SHARED)
    return [live, ended, consumed, reserved, options, MmapFlags.SHARED, MmapMut, live.fill]


def test_reprs_are_one_line() -> None:
    for thing in shown():
        assert "\n" not in repr(thing)
        assert pprint.pformat(thing) == repr(thing)


def test_in_a_prompt() -> None:
    printed = check_child(
        """
        import code, sys

        typed = ["from mmap_rs import *", "m = MmapOptions(4096).map_mut()", "m", "m[0:4]"]
        lines = iter([*typed, "m.close()", "m", "m[0]"])

        def read(prompt):
            for line in lines:
                return line
            raise EOFError

        sys.stderr = sys.stdout
        console = code.InteractiveConsole({})
        console.raw_input = read
        console.interact("", "")
        """
    )
    assert re.search(r"<mmap_rs.MmapMut 0x\w+-0x\w+ size=4096 private anonymous>", printed)
    assert "b'\\x00\\x00\\x00\\x00'" in printed
    assert "<mmap_rs.MmapMut closed>" in printed
    assert "ConsumedError: this MmapMut was closed" in printed


def test_in_ipython() -> None:
    formatter = optional("IPython.core.formatters").DisplayFormatter()
    for thing in shown():
        bundle, _ = formatter.format(thing)
        assert bundle["text/plain"]


def test_completion() -> None:
    import rlcompleter

    completer = rlcompleter.Completer({"m": MmapOptions(4096).map_mut()})
    assert completer.complete("m.make_re", 0) in {"m.make_read_only()", "m.make_read_only("}
