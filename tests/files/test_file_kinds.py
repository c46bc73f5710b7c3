"""Which files `with_file` and `for_file` take, and what they refuse: kinds of files, sizes and offsets."""

import errno
import io
import os
import socket
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
    MmapFlags,
    MmapOptions,
    SystemCallError,
)
from tests.support.child_process import check_child
from tests.support.os_features import memfd
from tests.support.procfs import descriptors

pytestmark = pytest.mark.skipif(
    sys.platform != "linux",
    reason="counts descriptors in Linux's /proc; other systems' files differ",
)


@pytest.fixture
def file(tmp_path: Path, page: int) -> Path:
    """Give a file of three pages that begin with 1, 2 and 3, and 100 bytes more that begin with 4."""
    path = tmp_path / "file"
    path.write_bytes(
        b"".join(bytes([n]) + bytes(page - 1) for n in (1, 2, 3)) + b"\x04" + bytes(99)
    )
    return path


class WithFileno:
    """An object that is no file but has a descriptor."""

    def __init__(self, result: object) -> None:
        self.result = result

    def fileno(self) -> Any:
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


# --- what names a file

NAMES: dict[str, Callable[[Path], Any]] = {
    "pathlib.Path": lambda path: path,
    "str": str,
    "bytes": os.fsencode,
    "descriptor": lambda path: os.open(path, os.O_RDONLY),
    "buffered file": lambda path: path.open("rb"),
    "raw file": lambda path: path.open("rb", buffering=0),
    "text file": lambda path: path.open(),
    "object with fileno()": lambda path: WithFileno(os.open(path, os.O_RDONLY)),
}


def give_back(name: Any) -> None:
    """Close what a case of NAMES opened."""
    if isinstance(name, int):
        os.close(name)
    elif isinstance(name, WithFileno):
        os.close(name.fileno())
    elif isinstance(name, io.IOBase):
        name.close()


@pytest.mark.parametrize("make", NAMES.values(), ids=NAMES)
def test_a_file_may_be_named_in_many_ways(
    make: Callable[[Path], Any], file: Path, page: int
) -> None:
    name = make(file)
    try:
        with MmapOptions(2 * page).with_file(name, page).map() as mapping:
            assert (mapping[0], mapping[page]) == (2, 3)
        with MmapOptions.for_file(name, page).map() as mapping:
            assert mapping.size() == 2 * page + 100
            assert mapping[2 * page] == 4
    finally:
        give_back(name)


@pytest.mark.parametrize("make", NAMES.values(), ids=NAMES)
def test_the_caller_may_close_its_file_at_once(
    make: Callable[[Path], Any], file: Path, page: int
) -> None:
    before = descriptors()
    name = make(file)
    options = MmapOptions(page).with_file(name)
    give_back(name)
    with options.map() as mapping:
        assert mapping[0] == 1
    with options.map() as mapping:
        assert mapping[0] == 1
    del options, mapping
    assert descriptors() == before


def test_the_last_file_counts(file: Path, tmp_path: Path, page: int) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"o" * page)
    assert MmapOptions(page).with_file(file).with_file(other).map()[0] == ord("o")


def test_descriptors_are_not_inherited(file: Path) -> None:
    check_child(
        """
        import os, sys
        from mmap_rs import MmapOptions

        fd = os.open(sys.argv[1], os.O_RDONLY)
        before = set(os.listdir("/proc/self/fd"))
        options = MmapOptions(10).with_file(fd)
        mapping = options.map()
        made = set(os.listdir("/proc/self/fd")) - before
        made = [int(n) for n in made if os.path.exists(f"/proc/self/fd/{n}")]
        assert not [n for n in made if os.get_inheritable(n)], made
        """,
        arguments=(str(file),),
    )


WRONG_FILES: list[Any] = [None, 1.5, [], object(), WithFileno("3"), WithFileno(None), slice(3)]


@pytest.mark.parametrize("wrong", WRONG_FILES)
def test_what_is_no_file(wrong: Any) -> None:
    with pytest.raises(TypeError):
        MmapOptions(4096).with_file(wrong).map()
    with pytest.raises(TypeError):
        MmapOptions.for_file(wrong)


def test_an_error_in_fileno_is_not_hidden() -> None:
    with pytest.raises(LookupError, match="mine"):
        MmapOptions(4096).with_file(WithFileno(LookupError("mine")))
    with pytest.raises(io.UnsupportedOperation):
        MmapOptions(4096).with_file(io.BytesIO(b"x" * 4096))


def test_a_closed_file_is_refused(file: Path) -> None:
    opened = file.open("rb")
    opened.close()
    with pytest.raises(ValueError, match="closed"):
        MmapOptions(4096).with_file(opened)


@pytest.mark.parametrize("number", [-1, 1 << 20, 987_654])
def test_a_descriptor_that_is_not_open(number: int) -> None:
    with pytest.raises((OSError, ValueError)) as caught:
        MmapOptions(4096).with_file(number)
    if isinstance(caught.value, OSError):
        assert caught.value.errno == errno.EBADF
        assert isinstance(caught.value, SystemCallError)


@pytest.mark.parametrize("number", [1 << 40, -(1 << 40), 1 << 100])
def test_a_number_that_no_descriptor_has(number: int) -> None:
    with pytest.raises((OSError, OverflowError, ValueError)):
        MmapOptions(4096).with_file(number)


@pytest.mark.parametrize("path", ["a\0b", b"a\0b"], ids=["str", "bytes"])
def test_a_path_with_a_null_character(path: Any) -> None:
    with pytest.raises((ValueError, OSError)):
        MmapOptions(4096).with_file(path).map()


# --- kinds of files


def test_a_missing_file(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(FileNotFoundError) as caught:
        MmapOptions(4096).with_file(missing).map()
    assert isinstance(caught.value, SystemCallError)
    assert isinstance(caught.value, mmap_rs.Error)
    with pytest.raises(FileNotFoundError):
        MmapOptions.for_file(missing)


@pytest.mark.parametrize("shared", [MmapFlags(0), MmapFlags.SHARED], ids=["private", "shared"])
def test_a_directory(tmp_path: Path, shared: MmapFlags) -> None:
    options = MmapOptions(16).with_file(tmp_path).with_flags(shared)
    for refused in (options.map, options.map_mut):
        with pytest.raises(SystemCallError) as caught:
            refused()
        assert caught.value.errno in {errno.ENODEV, errno.EISDIR, errno.EACCES}


def test_a_file_that_may_not_be_read() -> None:
    # As nobody, since root may read everything; in a child, since that can't be undone.
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        path = Path(directory, "secret")
        path.write_bytes(b"x" * 4096)
        path.chmod(0)
        check_child(
            """
            import os, sys
            import mmap_rs

            options = mmap_rs.MmapOptions(4096)
            options.with_file("/proc/self/exe").map()
            try:
                options.map_exec_mut()
            except mmap_rs.Error:
                pass  # and now all that is imported when needed is imported
            if os.geteuid() == 0:
                os.setuid(65534)
            for act in (
                lambda: options.with_file(sys.argv[1]).map(),
                lambda: mmap_rs.MmapOptions.for_file(sys.argv[1]),
            ):
                try:
                    act()
                except PermissionError as error:
                    assert isinstance(error, mmap_rs.SystemCallError)
                else:
                    raise AssertionError("read a file without the right to")
            """,
            arguments=(str(path),),
        )


def test_a_memfd(page: int) -> None:
    number = memfd("test")
    try:
        os.write(number, b"memfd" + bytes(page - 5))
        with MmapOptions.for_file(number).with_flags(MmapFlags.SHARED).map_mut() as mapping:
            assert mapping[:5] == b"memfd"
            mapping[:5] = b"MEMFD"
            assert os.pread(number, 5, 0) == b"MEMFD"
    finally:
        os.close(number)


def test_dev_zero(page: int) -> None:
    with MmapOptions(2 * page).with_file("/dev/zero").map_mut() as mapping:
        assert mapping[:] == bytes(2 * page)
        mapping.fill(1)
        assert mapping.count(1) == 2 * page
    with pytest.raises(InvalidSizeError):
        MmapOptions.for_file("/dev/zero")


def test_what_can_not_be_mapped() -> None:
    read_end, write_end = os.pipe()
    left, right = socket.socketpair()
    with left, right:
        for number in (read_end, left.fileno()):
            with pytest.raises((SystemCallError, InvalidSizeError)):
                MmapOptions(4096).with_file(number).map()
            with pytest.raises((SystemCallError, InvalidSizeError)):
                MmapOptions.for_file(number)
    os.close(read_end)
    os.close(write_end)


def test_a_descriptor_that_may_only_be_written(file: Path) -> None:
    number = os.open(file, os.O_WRONLY)
    try:
        with pytest.raises(PermissionError) as caught:
            MmapOptions(100).with_file(number).map()
        assert caught.value.errno == errno.EACCES
    finally:
        os.close(number)


def test_a_descriptor_that_may_only_be_read(file: Path) -> None:
    with file.open("rb") as opened:
        options = MmapOptions(100).with_file(opened)
    with pytest.raises(PermissionError):
        options.with_flags(MmapFlags.SHARED).map_mut()
    with options.map_mut() as private:
        private[0] = 9
    assert file.read_bytes()[0] == 1


# --- sizes and offsets


@pytest.mark.parametrize("offset", [1, 100, 4095])
def test_an_offset_that_is_not_a_multiple_of_the_granularity(offset: int, file: Path) -> None:
    assert offset % MmapOptions.allocation_granularity()
    with pytest.raises(InvalidOffsetError):
        MmapOptions(100).with_file(file, offset).map()
    with pytest.raises(InvalidOffsetError):
        MmapOptions(100).with_file(file, offset, past_end=True).map()
    with pytest.raises(InvalidOffsetError):
        MmapOptions.for_file(file, offset).map()


@pytest.mark.parametrize("offset", [-1, -4096, 1 << 64, 1 << 90])
def test_an_offset_out_of_range(offset: int, file: Path) -> None:
    with pytest.raises(OverflowError):
        MmapOptions(100).with_file(file, offset)
    with pytest.raises(OverflowError):
        MmapOptions.for_file(file, offset)


@pytest.mark.parametrize("offset", [1 << 62, 1 << 63, (1 << 64) - (1 << 16)])
def test_an_offset_that_no_file_reaches(offset: int, file: Path) -> None:
    with pytest.raises((InvalidSizeError, OverflowError)):
        MmapOptions(1 << 20).with_file(file, offset).map()
    if offset >= 1 << 63:
        # Not even past the end: the system's offsets have a sign.
        with pytest.raises((mmap_rs.Error, OverflowError)):
            MmapOptions(1 << 20).with_file(file, offset, past_end=True).map()


@pytest.mark.parametrize(
    ("pages", "extra", "offset_pages", "fits"),
    [
        (3, 100, 0, True),  # all of it
        (3, 101, 0, False),  # one byte more, though the last page would hold it
        (2, 100, 1, True),
        (2, 101, 1, False),
        (0, 100, 3, True),
        (0, 101, 3, False),
        (0, 1, 4, False),  # wholly outside
        (0, 1, 400, False),
    ],
)
def test_a_mapping_must_not_pass_the_end_of_its_file(
    pages: int, extra: int, offset_pages: int, fits: bool, file: Path, page: int
) -> None:
    size = pages * page + extra
    options = MmapOptions(size).with_file(file, offset_pages * page)
    if fits:
        assert options.map().size() == size
    else:
        with pytest.raises(InvalidSizeError):
            options.map()
    past = MmapOptions(size).with_file(file, offset_pages * page, past_end=True)
    assert past.map().size() == size


def test_the_end_is_looked_at_when_the_mapping_is_made(file: Path, page: int) -> None:
    options = MmapOptions(4 * page).with_file(file)
    with pytest.raises(InvalidSizeError):
        options.map()
    os.truncate(file, 4 * page)
    assert options.map().size() == 4 * page
    os.truncate(file, page)
    with pytest.raises(InvalidSizeError):
        options.map()


@pytest.mark.parametrize("offset_pages", [0, 1, 2, 3])
def test_for_file_takes_the_rest_of_the_file(offset_pages: int, file: Path, page: int) -> None:
    with MmapOptions.for_file(file, offset_pages * page).map() as mapping:
        assert mapping.size() == (3 - offset_pages) * page + 100
        assert mapping[:] == file.read_bytes()[offset_pages * page :]


@pytest.mark.parametrize("offset_pages", [5, 1000])
def test_for_file_beyond_the_end(offset_pages: int, file: Path, page: int) -> None:
    with pytest.raises(InvalidSizeError):
        MmapOptions.for_file(file, offset_pages * page)
    os.truncate(file, 4 * page)
    with pytest.raises(InvalidSizeError):
        MmapOptions.for_file(file, offset_pages * page)


def test_refused_files_leak_no_descriptor(file: Path, tmp_path: Path, page: int) -> None:
    before = descriptors()
    for _ in range(20):
        for refused in (
            lambda: MmapOptions(100 * page).with_file(file).map(),
            lambda: MmapOptions(100).with_file(file, 1).map(),
            lambda: MmapOptions(100).with_file(tmp_path).map(),
            lambda: MmapOptions(100).with_file(file).map_exec_mut(),
            lambda: MmapOptions.for_file(file, 5 * page),
            lambda: MmapOptions.for_file(tmp_path / "missing"),
        ):
            with pytest.raises(mmap_rs.Error):
                refused()
    assert descriptors() == before
