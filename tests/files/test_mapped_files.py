"""Mapped files: what reaches the file and what does not, flushing, how paths are opened, descriptors."""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmap_rs import (
    Mmap,
    MmapFlags,
    MmapMut,
    MmapOptions,
    SystemCallError,
)
from tests.support.child_process import check_child
from tests.support.os_features import memfd
from tests.support.procfs import area_at, descriptors

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="counts descriptors and areas in Linux's /proc"
)

SHARED = MmapFlags.SHARED


@pytest.fixture
def file(tmp_path: Path, page: int) -> Path:
    """Give a file of four pages of dots."""
    path = tmp_path / "file"
    path.write_bytes(b"." * (4 * page))
    return path


def shared(file: Path, page: int) -> MmapMut:
    return MmapOptions(4 * page).with_file(file).with_flags(SHARED).map_mut()


# --- shared and copy-on-write

FLUSHES: dict[str, Callable[[MmapMut, int], None]] = {
    "everything": lambda mapping, _: mapping.flush(),
    "a range": lambda mapping, page: mapping.flush(range(page, page + 5)),
    "a slice": lambda mapping, page: mapping.flush(slice(page, None)),
    "an unaligned range": lambda mapping, page: mapping.flush(range(page + 1, 2 * page + 1)),
    "nothing": lambda mapping, _: mapping.flush(range(0)),
    "later": lambda mapping, _: mapping.flush_async(),
    "a range later": lambda mapping, page: mapping.flush_async(range(page + 1, page + 2)),
}


@pytest.mark.parametrize("flush", FLUSHES.values(), ids=FLUSHES)
def test_a_shared_write_is_seen_in_the_file(
    flush: Callable[[MmapMut, int], None], file: Path, page: int
) -> None:
    with shared(file, page) as mapping:
        mapping[page : page + 5] = b"bytes"
        flush(mapping, page)
        assert file.read_bytes() == b"." * page + b"bytes" + b"." * (3 * page - 5)
    assert file.read_bytes()[page : page + 5] == b"bytes"


@pytest.mark.parametrize("flush", FLUSHES.values(), ids=FLUSHES)
def test_a_private_write_is_not_seen_in_the_file(
    flush: Callable[[MmapMut, int], None], file: Path, page: int
) -> None:
    with MmapOptions(4 * page).with_file(file).map_mut() as mapping:
        mapping[page : page + 5] = b"bytes"
        with pytest.warns(RuntimeWarning, match="nothing is written to the file"):
            flush(mapping, page)
        assert mapping[page : page + 5] == b"bytes"
        assert file.read_bytes() == b"." * (4 * page)
    assert file.read_bytes() == b"." * (4 * page)


def test_a_write_to_the_file_is_seen_in_a_shared_mapping(file: Path, page: int) -> None:
    with MmapOptions(4 * page).with_file(file).with_flags(SHARED).map() as mapping:
        with file.open("r+b") as opened:
            opened.seek(2 * page)
            opened.write(b"written")
        assert mapping[2 * page : 2 * page + 7] == b"written"


def test_another_process_sees_a_shared_write(file: Path, page: int) -> None:
    with shared(file, page) as mapping:
        mapping[:6] = b"parent"
        check_child(
            """
            import sys
            from mmap_rs import MmapFlags, MmapOptions

            m = MmapOptions.for_file(sys.argv[1]).with_flags(MmapFlags.SHARED).map_mut()
            assert m[:6] == b"parent"
            m[:6] = b"child."
            """,
            arguments=(str(file),),
        )
        assert mapping[:6] == b"child."


@pytest.mark.parametrize("offset", range(4))
def test_a_write_at_an_offset(offset: int, file: Path, page: int) -> None:
    options = MmapOptions(page).with_file(file, offset * page).with_flags(SHARED)
    with options.map_mut() as mapping:
        mapping[1] = ord("!")
    expected = bytearray(b"." * (4 * page))
    expected[offset * page + 1] = ord("!")
    assert file.read_bytes() == expected
    with MmapOptions.for_file(file, offset * page).map() as mapping_of_rest:
        assert mapping_of_rest[:2] == b".!"


def test_a_file_that_ends_inside_a_page(tmp_path: Path, page: int) -> None:
    file = tmp_path / "short"
    file.write_bytes(b"12345")
    with MmapOptions.for_file(file).with_flags(SHARED).map_mut() as mapping:
        assert mapping.size() == 5
        mapping[:] = b"abcde"
        with pytest.raises(IndexError):
            mapping[5]
    assert file.read_bytes() == b"abcde"
    # The rest of the page reads as zeros and reaches no file.
    with MmapOptions(page).with_file(file, past_end=True).with_flags(SHARED).map_mut() as mapping:
        assert mapping[:] == b"abcde" + bytes(page - 5)
        mapping[5] = 1
        mapping.flush()
    assert file.read_bytes() == b"abcde"


def test_a_deleted_file_stays_mapped(file: Path, page: int) -> None:
    with shared(file, page) as mapping:
        file.unlink()
        mapping[0] = 7
        mapping.flush()
        assert mapping[0] == 7


def test_the_kernel_knows_file_offset_and_mode(file: Path, page: int) -> None:
    status = file.stat()
    for flags, letter in ((MmapFlags(0), "p"), (SHARED, "s")):
        options = MmapOptions(2 * page).with_file(file, page).with_flags(flags)
        with options.map_mut() as mapping:
            area = area_at(mapping.start())
            assert area is not None
            assert (area.start, area.size) == (mapping.start(), 2 * page)
            assert (area.offset, area.inode) == (page, status.st_ino)
            assert area.permissions == f"rw-{letter}"
            assert area.path == os.fsencode(file)


def test_sealed_against_writing() -> None:
    import fcntl

    number = memfd("sealed", "MFD_CLOEXEC|MFD_ALLOW_SEALING")
    try:
        os.write(number, b"sealed")
        fcntl.fcntl(number, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
        options = MmapOptions.for_file(number)
        with pytest.raises(PermissionError) as caught:
            options.with_flags(SHARED).map_mut()
        assert isinstance(caught.value, SystemCallError)
        with options.map_mut() as private:
            private[:] = b"broken"
        assert os.pread(number, 6, 0) == b"sealed"
    finally:
        os.close(number)


# --- how a path is opened: a program that runs can not be opened for writing, not even by root

PROGRAM = Path("/proc/self/exe").resolve() if sys.platform == "linux" else Path(sys.executable)

READING: dict[str, Callable[[MmapOptions], Any]] = {
    "map": lambda options: options.map(),
    "map_exec": lambda options: options.map_exec(),
    "map_none": lambda options: options.map_none(),
    "shared map": lambda options: options.with_flags(SHARED).map(),
    "shared map_none": lambda options: options.with_flags(SHARED).map_none(),
    "reserve": lambda options: options.reserve(),
    "copy-on-write": lambda options: options.map_mut(),
    "reserved copy-on-write": lambda options: options.reserve_mut(),
}


@pytest.mark.parametrize("use", READING.values(), ids=READING)
def test_a_path_is_opened_read_only_for_reading(use: Callable[[MmapOptions], Any]) -> None:
    options = MmapOptions(100).with_file(PROGRAM)
    use(options).close()


def test_a_path_is_opened_for_writing_when_it_is_written() -> None:
    options = MmapOptions(100).with_file(PROGRAM).with_flags(SHARED)
    for refused in (options.map_mut, options.reserve_mut):
        with pytest.raises(OSError) as caught:
            refused()
        assert caught.value.errno in {errno.ETXTBSY, errno.EACCES}
        assert "mode 'c'" in str(caught.value)
        assert isinstance(caught.value, SystemCallError)
    assert options.map()[:4] == b"\x7fELF"


def test_what_was_opened_read_only_can_not_be_made_writable(file: Path, page: int) -> None:
    mapping = MmapOptions(4 * page).with_file(file).with_flags(SHARED).map()
    with pytest.raises(PermissionError):
        mapping.make_mut()
    assert not mapping.closed
    assert type(mapping) is Mmap
    assert mapping[:3] == b"..."
    area = area_at(mapping.start())
    assert area is not None
    assert area.permissions == "r--s"


def test_a_private_map_can_be_made_writable(file: Path, page: int) -> None:
    mapping = MmapOptions(4 * page).with_file(file).map().make_mut()
    mapping[0] = 1
    assert file.read_bytes()[0] == ord(".")


def test_a_path_is_looked_up_when_the_mapping_is_made(tmp_path: Path) -> None:
    path = tmp_path / "later"
    options = MmapOptions(5).with_file(path)
    with pytest.raises(FileNotFoundError):
        options.map()
    path.write_bytes(b"first")
    assert options.map()[:] == b"first"
    path.unlink()
    path.write_bytes(b"other")
    assert options.map()[:] == b"other"


# --- descriptors


@pytest.mark.parametrize("way", ["path", "descriptor", "for_file"])
def test_no_descriptor_is_kept_for_long(way: str, file: Path, page: int) -> None:
    before = descriptors()
    number = os.open(file, os.O_RDWR)

    def once() -> None:
        match way:
            case "path":
                options = MmapOptions(2 * page).with_file(file)
            case "descriptor":
                options = MmapOptions(2 * page).with_file(number)
            case _:
                options = MmapOptions.for_file(file)
        mapping = options.with_flags(SHARED).map_mut()
        mapping[0] = 1
        mapping.split_off(page).close()
        mapping.make_read_only().make_none().make_exec().close()

    for _ in range(200):
        once()
    os.close(number)
    assert descriptors() == before


def test_many_mappings_of_one_file_need_no_descriptor_each(file: Path, page: int) -> None:
    options = MmapOptions(page).with_file(file)
    before = len(descriptors())
    mappings = [options.map() for _ in range(300)]
    assert len(descriptors()) - before <= 1
    assert {mapping[0] for mapping in mappings} == {ord(".")}


def test_a_descriptor_reused_for_another_file_changes_nothing(
    file: Path, tmp_path: Path, page: int
) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"o" * (4 * page))
    number = os.open(file, os.O_RDONLY)
    options = MmapOptions(page).with_file(number)
    replacement = os.open(other, os.O_RDONLY)
    os.dup2(replacement, number)
    assert options.map()[0] == ord(".")
    os.close(replacement)
    os.close(number)
