"""`map_file` with the mode `"w+"` where it fails: a file keeps its bytes, and a new one is removed."""

import errno
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmap_rs import (
    InvalidSizeError,
    MemoryFile,
    MmapFlags,
    MmapOptions,
    Seals,
    SystemCallError,
    map_file,
)
from tests.support.child_process import check_child

LINUX = sys.platform in {"linux", "android"}
OLD = b"old content"

needs_allocation = pytest.mark.skipif(
    not hasattr(os, "posix_fallocate"), reason="needs posix_fallocate, whose answer is the system's"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    return path


def answer(number: int) -> Callable[..., None]:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


def check_kept(
    file: Path, error: type[BaseException], text: str | None, size: int = 3 << 20
) -> None:
    """Check that both a file that is there and a new one are as before."""
    with pytest.raises(error, match=text):
        map_file(file, "w+", size=size)
    assert file.read_bytes() == OLD
    with pytest.raises(error, match=text):
        map_file(file.with_name("new"), "w+", size=size)
    assert os.listdir(file.parent) == [file.name]


@needs_allocation
def test_a_full_disk(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "posix_fallocate", answer(errno.ENOSPC))
    check_kept(
        file, SystemCallError, rf"making a file of 3145728 bytes failed: \[Errno {errno.ENOSPC}\]"
    )


@needs_allocation
@pytest.mark.parametrize("written", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), 0])
def test_a_write_of_zeros_that_stops_halfway(
    written: BaseException | int, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    pwrite = os.pwrite

    def stop(number: int, data: bytes, at: int) -> int:
        calls.append(at)
        if len(calls) % 2 == 1:
            return pwrite(number, data, at)
        if isinstance(written, int):
            return written
        raise written

    monkeypatch.setattr(os, "posix_fallocate", answer(errno.EOPNOTSUPP))
    monkeypatch.setattr(os, "pwrite", stop)
    error = KeyboardInterrupt if isinstance(written, KeyboardInterrupt) else SystemCallError
    text = "full" if isinstance(written, OSError) else "wrote nothing" if written == 0 else None
    check_kept(file, error, text)


@pytest.mark.skipif(
    sys.maxsize < 1 << 32, reason="32-bit systems may have room for all that a file can hold"
)
@pytest.mark.parametrize("size", [1 << 60, sys.maxsize])
def test_a_size_that_cannot_be_mapped(size: int, file: Path) -> None:
    check_kept(file, SystemCallError, "not enough address space" if LINUX else None, size)


@pytest.mark.skipif(not LINUX, reason="other systems don't limit address space")
def test_address_space_that_is_used_up(file: Path) -> None:
    check_child(
        """
import os, resource, sys
from mmap_rs import map_file
new = sys.argv[1] + "-new"
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
for path in (sys.argv[1], new):
    try:
        map_file(path, "w+", size=3 << 29)
    except MemoryError:
        raise
    except OSError as error:
        assert "RLIMIT_AS" in str(error), error
    else:
        raise AssertionError("mapped beyond the limit")
assert open(sys.argv[1], "rb").read() == b"old content"
assert not os.path.exists(new)
""",
        arguments=(str(file),),
    )


def test_a_hook_that_refuses(file: Path) -> None:
    check_child(
        """
import os, sys
from mmap_rs import map_file
events = []

def hook(event, arguments):
    if event == "mmap_rs.map":
        events.append((event, *arguments[:2]))
        if refuses:
            raise PermissionError("not here")

refuses = True
sys.addaudithook(hook)
new = sys.argv[1] + "-new"
for path in (sys.argv[1], new):
    try:
        map_file(path, "w+", size=100)
    except PermissionError as error:
        assert str(error) == "not here"
    else:
        raise AssertionError("the hook's refusal was not heard")
assert open(sys.argv[1], "rb").read() == b"old content"
assert not os.path.exists(new)
refuses = False
events.clear()
map_file(new, "w+", size=100)
assert events == [("mmap_rs.map", "MmapMut", 100)], events
""",
        arguments=(str(file),),
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other modes")
@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ("O_RDONLY", "opened for reading only"),
        ("O_WRONLY", "opened for writing only"),
        ("O_PATH", "opened with O_PATH"),
    ],
)
def test_a_descriptor_of_another_mode(mode: str, text: str, file: Path) -> None:
    if not hasattr(os, mode):
        pytest.skip(f"this system has no {mode}")
    number = os.open(file, getattr(os, mode))
    try:
        with pytest.raises(SystemCallError, match=text):
            map_file(number, "w+", size=100)
    finally:
        os.close(number)
    assert file.read_bytes() == OLD


@pytest.mark.skipif(not LINUX, reason="seals differ elsewhere")
@pytest.mark.parametrize(
    ("seal", "text"),
    [
        ("GROW", "sealed against another size"),
        ("SHRINK", "sealed against another size"),
        ("WRITE", "sealed against writing"),
        ("FUTURE_WRITE", "sealed against writing"),
    ],
)
def test_a_sealed_memory_file(seal: str, text: str) -> None:
    with MemoryFile(4096) as memory:
        with MmapOptions(4096).with_file(memory).with_flags(MmapFlags.SHARED).map_mut() as m:
            m[:4] = b"data"
        memory.seal(Seals[seal])
        with pytest.raises(SystemCallError, match=text):
            map_file(memory, "w+", size=8192)
        with map_file(memory) as m:
            assert (memory.size(), m[:4]) == (4096, b"data")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("kind", ["/dev/zero", "/dev/null", "pipe", "descriptor of a pipe"])
def test_what_is_not_a_regular_file(kind: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    if kind == "descriptor of a pipe":
        number: Any = os.open(pipe, os.O_RDWR)
    else:
        number = None
    path = number if number is not None else pipe if kind == "pipe" else kind
    try:
        with pytest.raises(InvalidSizeError, match="makes regular files"):
            map_file(path, "w+", size=100)
    finally:
        if number is not None:
            os.close(number)


@pytest.mark.skipif(sys.platform == "win32", reason="sends itself a signal")
@needs_allocation
def test_a_failure_leaves_no_descriptor(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(os, "posix_fallocate", interrupt)
    free = os.dup(0)
    os.close(free)
    with pytest.raises(KeyboardInterrupt):
        map_file(file, "w+", size=100)
    again = os.dup(0)
    os.close(again)
    assert again == free
