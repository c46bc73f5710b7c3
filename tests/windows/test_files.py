"""Windows: what mappings of files do to their files, and to others who use them."""

from __future__ import annotations

import errno
import os
import sys

import pytest

if os.name != "nt":
    pytest.skip("asks Windows about files", allow_module_level=True)

from mmap_rs import (
    InvalidSizeError,
    MemoryAreas,
    MmapFlags,
    MmapOptions,
    ShareMode,
    SystemCallError,
    UnsafeMmapFlags,
)
from tests.conftest import FileFactory

# For the type checkers, which see the rest as Windows has it.
assert sys.platform == "win32"

from tests.windows.kernel32 import HUGE, SHARED, information, kinds  # noqa: E402


@pytest.mark.parametrize("made", ["map", "map_mut", "map_none", "map_exec"])
@pytest.mark.parametrize("flags", [MmapFlags(0), SHARED], ids=["private", "shared"])
def test_u20_no_file_gets_longer_by_itself(
    made: str, flags: MmapFlags, tmp_file: FileFactory, page: int
) -> None:
    path = tmp_file(page + 10)
    for size in (page + 11, 3 * page, HUGE):
        with pytest.raises(InvalidSizeError, match=f"{page + 10} bytes"):
            getattr(MmapOptions(size).with_file(path).with_flags(flags), made)()
        past = MmapOptions(size + page).with_file(path, past_end=True).with_flags(flags)
        if not (flags and made == "map_mut"):
            with pytest.raises(InvalidSizeError, match="Windows"):
                getattr(past, made)()
    assert path.stat().st_size == page + 10
    # The last page is there as a whole.
    past = MmapOptions(2 * page).with_file(path, past_end=True).with_flags(flags)
    with getattr(past, made)() as whole:
        assert whole.size() == 2 * page
        if made != "map_none":
            assert bytes(whole)[page + 10 :] == bytes(page - 10)
    assert path.stat().st_size == page + 10


def test_u20_a_file_gets_longer_where_that_was_asked_for(tmp_file: FileFactory, page: int) -> None:
    path = tmp_file(10)
    options = MmapOptions(3 * page).with_file(path, past_end=True).with_flags(SHARED)
    with MmapOptions(page).map() as taken:
        fixed = options.with_address(taken.start()).with_unsafe_flags(UnsafeMmapFlags.MAP_FIXED)
        with pytest.raises(SystemCallError):
            fixed.map_mut()
    assert path.stat().st_size == 10, "not by a map that failed"
    with options.map_mut() as m:
        m[-3:] = b"end"
        m.flush()
    assert path.stat().st_size == 3 * page
    assert path.read_bytes()[-3:] == b"end"


def test_u21_flush(tmp_file: FileFactory, page: int) -> None:
    path = tmp_file(3 * page)
    with MmapOptions(3 * page).with_file(path).with_flags(SHARED).map_mut() as mapping:
        mapping[page] = 255
        mapping.flush(range(page, page + 1))
        mapping.flush_async()
        reader = mapping.make_read_only()
        reader.flush()
        assert path.read_bytes()[page] == 255
    # Nothing to bring to a file: no error, as elsewhere.
    for options in kinds(path, page).values():
        with options.map() as mapping:
            mapping.flush()
            mapping.flush_async(range(1))


def test_others_may_rename_and_later_delete(tmp_file: FileFactory, page: int) -> None:
    path = tmp_file(page)
    with MmapOptions(page).with_file(path).with_flags(SHARED).map_mut() as mapping:
        other = path.with_name("renamed")
        path.rename(other)
        mapping[0] = 77
        mapping.flush()
        assert other.read_bytes()[0] == 77
        path.write_bytes(b"another")
    other.unlink()
    path.unlink()


def test_a_mapped_file_can_not_be_deleted(tmp_file: FileFactory, page: int) -> None:
    path = tmp_file(page)
    for flags in (MmapFlags(0), SHARED):
        with MmapOptions(page).with_file(path).with_flags(flags).map() as mapping:
            # Whatever its users allow each other.
            with pytest.raises(PermissionError):
                path.unlink()
            assert bytes(mapping) == path.read_bytes()
    path.unlink()


def test_options_keep_nobody_from_deleting(tmp_file: FileFactory, page: int) -> None:
    path = tmp_file(page)
    with path.open("r+b") as file:
        options = MmapOptions(page).with_file(file).with_flags(SHARED)
    other = path.with_name("renamed")
    path.rename(other)
    with options.map_mut() as mapping:
        mapping[0] = 77
    assert other.read_bytes()[0] == 77
    other.unlink()


def test_a_private_map_is_charged_for_when_it_is_made_writable(
    tmp_file: FileFactory, page: int
) -> None:
    path = tmp_file(page)
    content = path.read_bytes()
    for made in ("map", "map_exec", "map_none"):
        mapping = getattr(MmapOptions(page).with_file(path), made)()
        # Made for reading; one that is made to be copied is charged for its whole length.
        assert information(mapping.start()).allocation_protect in {0x02, 0x20}
        with mapping.make_mut() as mutable:
            mutable[0] = content[0] ^ 0xFF
            assert bytes(mutable) == bytes([content[0] ^ 0xFF]) + content[1:]
        assert path.read_bytes() == content
    with MmapOptions(page).with_file(path).map_mut() as copied:
        assert information(copied.start()).allocation_protect in {0x08, 0x80}


def test_private_maps_are_listed_as_private(tmp_file: FileFactory, page: int) -> None:
    path = tmp_file(page)
    for made in ("map", "map_exec", "map_none", "map_mut"):
        with getattr(MmapOptions(page).with_file(path), made)() as mapping:
            area = MemoryAreas.query(mapping.start())
            assert area is not None
            assert area.share_mode() is ShareMode.Private
    with MmapOptions(page).with_file(path).with_flags(SHARED).map() as mapping:
        area = MemoryAreas.query(mapping.start())
        assert area is not None
        assert area.share_mode() is ShareMode.Shared


def test_a_descriptor_for_reading_never_writes(tmp_file: FileFactory, page: int) -> None:
    path = tmp_file(page)
    with path.open("rb") as reader:
        shared = MmapOptions(page).with_file(reader).with_flags(SHARED)
        with pytest.raises(PermissionError, match="opened for") as refused:
            shared.map_mut()
        assert refused.value.winerror == 5
        with shared.map() as mapping, pytest.raises(PermissionError):
            mapping.make_mut()
        with MmapOptions(page).with_file(reader).map_mut() as private:
            private[0] = 99
    assert path.read_bytes()[0] != 99


def test_a_mapped_file_can_not_get_shorter(tmp_file: FileFactory, page: int) -> None:
    path = tmp_file(2 * page)
    with MmapOptions(2 * page).with_file(path).map() as mapping:
        with path.open("r+b") as file, pytest.raises(PermissionError) as refused:
            file.truncate(page)
        # C's library tells ERROR_USER_MAPPED_FILE so.
        assert refused.value.errno == errno.EACCES
        assert path.stat().st_size == len(bytes(mapping)) == 2 * page
    with path.open("r+b") as file:
        file.truncate(page)
    assert path.stat().st_size == page
