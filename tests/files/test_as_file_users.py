"""`as_file()` in the hands of what wants a file, and of several threads."""

import csv
import gzip
import io
import os
import pickle
import shutil
import subprocess
import sys
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from mmap_rs._file import MappingFile
from tests.files.file_contents import DATA
from tests.support.bytes_helpers import Make, both_kinds, read_only, writable
from tests.support.child_process import check_child


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


@both_kinds
def test_zipfile_reads(make: Make) -> None:
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
    with read_only(data).as_file() as file:
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
    mapping = read_only(text.encode())
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
    with io.BufferedReader(read_only(DATA).as_file()) as reader:
        assert reader.peek(3)[:3] == DATA[:3]
        assert reader.read() == DATA


def test_csv() -> None:
    mapping = read_only(b'name,size\none,1\n"two, or so",2\n')
    with io.TextIOWrapper(mapping.as_file(), encoding="utf-8", newline="") as wrapper:
        assert list(csv.reader(wrapper)) == [["name", "size"], ["one", "1"], ["two, or so", "2"]]


def test_gzip() -> None:
    with read_only(gzip.compress(DATA)).as_file() as file, gzip.open(file) as unpacked:
        assert unpacked.read() == DATA


def test_copyfileobj() -> None:
    target = writable(bytes(len(DATA)))
    with read_only(DATA).as_file() as source, target.as_file() as sink:
        shutil.copyfileobj(source, sink, 7)
    assert target[:] == DATA


# Threads


def test_threads_share_one_position() -> None:
    lines = [b"%06d\n" % number for number in range(20_000)]

    def read_all(file: MappingFile) -> list[bytes]:
        return list(file)

    with read_only(b"".join(lines)).as_file() as file, ThreadPoolExecutor(4) as pool:
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


# A file whose position another thread never stops moving.
MOVED = """
import contextlib, signal, sys, threading
import mmap_rs

SIZE = 64 << 20

@contextlib.contextmanager
def moved_file(line):
    mapping = mmap_rs.MmapOptions(SIZE).map_mut()
    mapping.fill(ord("x"))
    for at in range(line - 1, SIZE, line):
        mapping[at] = 10
    file = mapping.as_file()
    stop = threading.Event()

    def move():
        position = 0
        while not stop.is_set():
            position = (position + 4096) % (SIZE // 2)
            file.seek(position)

    sys.setswitchinterval(1e-4)
    mover = threading.Thread(target=move)
    mover.start()
    try:
        yield file
    finally:
        stop.set()
        mover.join()
"""


@pytest.mark.parametrize(
    ("read", "line"), [("read", "SIZE"), ("read1", "SIZE"), ("readline", "80")]
)
def test_reads_while_another_thread_moves_the_position(read: str, line: str) -> None:
    check_child(
        f"""{MOVED}
with moved_file({line}) as file:
    for _ in range(20):
        assert file.{read}()
"""
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows has no interval timer")
def test_a_signal_ends_a_long_line_whose_start_moves() -> None:
    check_child(
        f"""{MOVED}
def interrupt(*_):
    raise InterruptedError

signal.signal(signal.SIGALRM, interrupt)
with moved_file(SIZE) as file, contextlib.suppress(InterruptedError):
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    while True:
        file.readline()
"""
    )


def test_closing_while_others_read() -> None:
    def drain(file: MappingFile) -> int:
        reads = 0
        with pytest.raises(ValueError, match="closed"):
            while True:
                file.seek(0)
                file.read(1000)
                reads += 1
        return reads

    mapping = read_only(bytes(100_000))
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
