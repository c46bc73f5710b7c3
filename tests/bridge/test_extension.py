"""An extension module in Rust: it uses mappings of Python's, gives its own, and takes them."""

from __future__ import annotations

import errno
import gc
import os
import subprocess
import threading
import time
from typing import Any

import pytest

import mmap_rs
from mmap_rs import ConsumedError, FaultError, MemoryAreas, MmapMut, MmapOptions
from tests.bridge import build
from tests.conftest import FileFactory
from tests.support.child_process import run_child
from tests.support.paths import ROOT

SIZE = 1 << 20


@pytest.fixture(scope="session", params=["newest", "oldest"])
def extension(request: pytest.FixtureRequest) -> Any:
    """The example, built with the newest and the oldest versions of PyO3 and mmap-rs."""
    return getattr(build, request.param)()


pytestmark = pytest.mark.timeout(900)


def test_a_view_in_threads(extension: Any, tmp_file: FileFactory) -> None:
    path = tmp_file(100_000, b"one line\n")
    with mmap_rs.map_file(path) as m:
        expected = path.read_bytes().count(b"\n")
        assert [extension.count_lines(m, threads) for threads in (1, 3, 8)] == [expected] * 3
        assert extension.find(m, ord("l")) == 4
        assert extension.find(m, 0) is None


def test_a_view_for_writing(extension: Any) -> None:
    with MmapOptions(SIZE).map_mut() as m:
        extension.write(m, SIZE - 3, b"end")
        assert m[-3:] == b"end"
        with pytest.raises(
            mmap_rs.InvalidOffsetError,
            match="4 bytes reach past the end of the mapping's 1048576 bytes, from offset 1048573",
        ):
            extension.write(m, SIZE - 3, b"ends")
        with pytest.raises(mmap_rs.InvalidOffsetError):
            extension.write(m, 2**63, b"x")
    with (
        MmapOptions(SIZE).map() as m,
        pytest.raises(mmap_rs.InvalidOperationError, match="the view is for reading only"),
    ):
        extension.write(m, 0, b"x")


def test_errors_are_those_of_python(extension: Any, page: int) -> None:
    with pytest.raises(TypeError, match="a mapping of mmap_rs is needed, not bytes"):
        extension.count_lines(b"", 1)
    none = MmapOptions(page).map_none()
    with pytest.raises(TypeError, match="MmapNone can't be read"):
        extension.count_lines(none, 1)
    m = MmapOptions(page).map()
    m.close()
    with pytest.raises(ConsumedError):
        extension.count_lines(m, 1)
    with pytest.raises(ConsumedError):
        extension.take_and_fill(m, 1)
    with pytest.raises(mmap_rs.InvalidSizeError, match="invalid size"):
        extension.make(0)
    with pytest.raises(mmap_rs.SystemCallError) as refused:
        extension.make(2**62)
    assert refused.value.errno == errno.ENOMEM


def test_a_fault_is_an_error(extension: Any, tmp_file: FileFactory, page: int) -> None:
    path = tmp_file(4 * page)
    try:
        m = MmapOptions.for_file(path).with_fault_guard().map()
    except mmap_rs.InvalidOperationError:
        pytest.skip("this system has no fault guard")
    with path.open("r+b") as file:
        file.truncate(page)
    with pytest.raises(FaultError, match="reads as zeros"):
        extension.count_lines(m, 1)
    with pytest.raises(FaultError):
        extension.count_lines(m, 1)
    m.close()


def test_a_mapping_of_rust(extension: Any, page: int) -> None:
    m = extension.make(16 * page)
    assert type(m) is MmapMut
    m[:5] = b"hello"
    frozen = m.make_read_only()
    assert frozen[:5] == b"hello"
    again = frozen.make_mut()
    tail = again.split_off(page)
    again.merge(tail)
    again.resize(32 * page)
    assert again[:5] == b"hello"
    again.close()


def test_a_mapping_that_rust_takes(extension: Any) -> None:
    m = MmapOptions(SIZE).map_mut()
    with memoryview(m), pytest.raises(BufferError):
        extension.take_and_fill(m, 3)
    with MmapOptions(SIZE).map() as other:
        with pytest.raises(TypeError, match=r"an mmap_rs\.MmapMut is needed, not Mmap"):
            extension.take_and_fill(other, 3)
        assert other[0] == 0
    assert extension.take_and_fill(m, 3) == SIZE
    assert m.closed
    assert repr(m) == "<mmap_rs.MmapMut taken by code in another language>"


def is_mapped(start: int) -> bool:
    area = MemoryAreas.query(start)
    return area is not None and area.start() == start


def test_a_thread_of_rust_keeps_a_view(extension: Any, page: int) -> None:
    # Between pages without access, so that it is an area of its own.
    m = MmapOptions(3 * page).map_none()
    rest = m.split_off(page)
    guard = rest.split_off(page)
    kept = rest.make_mut()
    extension.keep(kept, 2000)
    with pytest.raises(BufferError):
        kept.close()
    start = kept.start()
    del kept
    gc.collect()
    assert is_mapped(start)
    limit = time.monotonic() + 30
    while is_mapped(start) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not is_mapped(start)
    guard.close()
    m.close()


def test_what_was_taken_can_be_returned(extension: Any, page: int) -> None:
    m = MmapOptions(4 * page).map_mut()
    m[:5] = b"hello"
    start = m.start()
    frozen = extension.freeze(m)
    assert (type(frozen), frozen.start(), frozen[:5]) == (mmap_rs.Mmap, start, b"hello")
    again = frozen.make_mut()
    tail = again.split_off(page)
    tail.close()
    again.resize(8 * page)
    again.close()


def test_many_threads(extension: Any) -> None:
    m = MmapOptions(SIZE).map_mut()
    m.fill(ord("\n"))
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(extension.count_lines(m, 2))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [SIZE] * 8
    m.close()


def test_a_view_at_exit(extension: Any) -> None:
    """A thread of Rust that ends after Python has: nothing crashes."""
    done = run_child(
        f"""
        from pathlib import Path
        from tests.c_api.compiled import load
        import mmap_rs
        extension = load(Path({extension.__file__!r}))
        m = mmap_rs.MmapOptions(1 << 20).map_mut()
        extension.keep(m, 0)
        extension.keep(m, 1)
        extension.keep(m, 100000)
        print("end")
        """
    )
    assert (done.returncode, done.stdout.strip()) == (0, "end"), done.stderr


def test_both_versions_share_one_package() -> None:
    """Modules with different versions of PyO3 and mmap-rs hand each other's mappings on."""
    new, old = build.newest(), build.oldest()
    m = old.make(SIZE)
    m.fill(ord("\n"))
    assert new.count_lines(m, 2) == SIZE
    new.keep(m, 1000)
    with pytest.raises(BufferError):
        old.take_and_fill(m, 1)
    assert old.count_lines(m, 2) == SIZE
    again = old.make(SIZE)
    assert new.take_and_fill(again, 1) == SIZE


def test_embedding() -> None:
    """The program that embeds Python."""
    folder = ROOT / "examples" / "embedding-rust"
    target = build.TARGET / "embedding"
    build.cargo("build", "--quiet", "--locked", "--target-dir", str(target), folder=folder)
    done = subprocess.run(
        [str(target / "debug" / "embedding")],
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "python")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "hello*** and 1048568 more bytes\n"
