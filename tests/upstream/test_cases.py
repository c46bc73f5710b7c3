"""The Rust crate's own test cases, one by one and under the same names, in Python."""

import os
from pathlib import Path

import pytest

from mmap_rs import (
    InvalidOffsetError,
    MemoryArea,
    MemoryAreas,
    Mmap,
    MmapFlags,
    MmapMut,
    MmapNone,
    MmapOptions,
    MustBeAdjacentError,
    Protection,
    ShareMode,
)


def area_of(address: int) -> MemoryArea:
    region = MemoryAreas.query(address)
    assert region is not None
    return region


def assert_region(
    region: MemoryArea, share_mode: ShareMode, *, read: bool = False, write: bool = False
) -> None:
    assert region.share_mode() is share_mode
    assert (Protection.READ in region.protection()) is read
    assert (Protection.WRITE in region.protection()) is write
    assert Protection.EXECUTE not in region.protection()


def make_file(path: Path, content: dict[int, int], size: int) -> Path:
    data = bytearray(size)
    for offset, value in content.items():
        data[offset] = value
    file = path / "file"
    file.write_bytes(data)
    return file


def test_reserve_none(page: int) -> None:
    reserved = MmapOptions(page).reserve_none()
    assert reserved.as_ptr() != 0

    mapping = MmapNone.try_from(reserved)
    assert mapping.as_ptr() != 0

    assert_region(area_of(mapping.as_ptr()), ShareMode.Private)


def test_reserve(page: int) -> None:
    # Upstream's case of this name maps; both ways to an `Mmap` are tried here.
    for reserved in (MmapOptions(page).map(), Mmap.try_from(MmapOptions(page).reserve())):
        assert reserved.as_ptr() != 0
        assert_region(area_of(reserved.as_ptr()), ShareMode.Private, read=True)


def test_reserve_mut(page: int) -> None:
    reserved = MmapOptions(page).reserve_mut()
    assert reserved.as_ptr() != 0

    mapping = MmapMut.try_from(reserved)
    mapping[0] = 0x42

    assert mapping.as_ptr() != 0
    assert mapping[0] == 0x42
    assert_region(area_of(mapping.as_ptr()), ShareMode.Private, read=True, write=True)


def test_map_none(page: int) -> None:
    mapping = MmapOptions(page).map_none()
    assert mapping.as_ptr() != 0
    assert_region(area_of(mapping.as_ptr()), ShareMode.Private)


def test_map(page: int) -> None:
    mapping = MmapOptions(page).map()
    assert mapping.as_ptr() != 0
    assert_region(area_of(mapping.as_ptr()), ShareMode.Private, read=True)


def test_map_mut(page: int) -> None:
    mapping = MmapOptions(page).map_mut()
    mapping[0] = 0x42

    assert mapping.as_ptr() != 0
    assert mapping[0] == 0x42
    assert_region(area_of(mapping.as_ptr()), ShareMode.Private, read=True, write=True)


def test_map_file(page: int, tmp_path: Path) -> None:
    file = make_file(tmp_path, {0: 0x42}, page)
    with file.open("rb") as opened:
        options = MmapOptions(page).with_flags(MmapFlags.SHARED).with_file(opened, 0)
        mapping = options.map()
        other_mapping = options.map()

    assert mapping.as_ptr() != 0
    assert other_mapping.as_ptr() != 0
    assert mapping[0] == 0x42
    assert other_mapping[0] == 0x42

    region = area_of(mapping.as_ptr())
    assert_region(region, ShareMode.Shared, read=True)
    assert region.path() == file


def test_map_file_mut(page: int, tmp_path: Path) -> None:
    file = make_file(tmp_path, {}, page)
    with file.open("r+b") as opened:
        options = MmapOptions(page).with_flags(MmapFlags.SHARED).with_file(opened, 0)
        mapping = options.map_mut()
        other_mapping = options.map()

        mapping[0] = 0x42
        assert other_mapping[0] == 0x42
        mapping.flush(range(page))
        os.fsync(opened.fileno())

        region = area_of(mapping.as_ptr())
        assert_region(region, ShareMode.Shared, read=True, write=True)
        assert region.path() == file

        opened.seek(0)
        assert opened.read(1) == b"\x42"


def test_map_file_private(page: int, tmp_path: Path) -> None:
    file = make_file(tmp_path, {}, page)
    with file.open("r+b") as opened:
        options = MmapOptions(page).with_file(opened, 0)
        mapping = options.map_mut()
        other_mapping = options.map()

        mapping[0] = 0x42
        assert other_mapping[0] != 0x42
        with pytest.warns(RuntimeWarning, match="private"):
            mapping.flush(range(page))
        os.fsync(opened.fileno())

        region = area_of(mapping.as_ptr())
        assert_region(region, ShareMode.Private, read=True, write=True)
        assert region.path() == file

        opened.seek(0)
        assert opened.read(1) != b"\x42"


def test_reserve_and_split(page: int) -> None:
    mapping = MmapOptions(2 * page).reserve_mut()
    reserved_rest = mapping.split_off(page)
    assert mapping.as_ptr() < reserved_rest.as_ptr()

    rest = MmapMut.try_from(reserved_rest)
    rest[0] = 0x42
    assert rest[0] == 0x42

    assert mapping.len() == page
    assert rest.len() == page
    assert mapping.as_ptr() < rest.as_ptr()


def test_split_off(page: int) -> None:
    mapping = MmapOptions(2 * page).map_mut()
    with pytest.raises(InvalidOffsetError):
        mapping.split_off(1)

    mapping[0] = 0x1
    mapping[page] = 0x2
    rest = mapping.split_off(page)

    assert mapping[0] == 0x1
    assert rest[0] == 0x2
    assert mapping.len() == page
    assert rest.len() == page
    assert mapping.as_ptr() < rest.as_ptr()


def test_split_to(page: int) -> None:
    mapping = MmapOptions(2 * page).map_mut()
    with pytest.raises(InvalidOffsetError):
        mapping.split_to(1)

    mapping[0] = 0x1
    mapping[page] = 0x2
    rest = mapping.split_to(page)

    assert mapping[0] == 0x2
    assert rest[0] == 0x1
    assert mapping.len() == page
    assert rest.len() == page
    assert mapping.as_ptr() > rest.as_ptr()


def test_split_file(page: int, tmp_path: Path) -> None:
    file = make_file(tmp_path, {0: 0x1, page: 0x2}, 2 * page)
    with file.open("rb") as opened:
        mapping = MmapOptions(2 * page).with_file(opened, 0).map()

    with pytest.raises(InvalidOffsetError):
        mapping.split_off(1)

    rest = mapping.split_off(page)
    assert mapping[0] == 0x1
    assert rest[0] == 0x2
    assert mapping.len() == page
    assert rest.len() == page
    assert mapping.as_ptr() < rest.as_ptr()


def test_split_and_merge(page: int) -> None:
    # Allocate three pages and split them into left, middle and right.
    left = MmapOptions(3 * page).map_mut()
    middle = left.split_off(page)
    right = middle.split_off(page)
    assert left.as_ptr() < middle.as_ptr() < right.as_ptr()

    # Left and right are not neighbours, in either order.
    with pytest.raises(MustBeAdjacentError):
        left.merge(right)
    with pytest.raises(MustBeAdjacentError):
        right.merge(left)

    # Left and middle are, in this order only.
    with pytest.raises(MustBeAdjacentError):
        middle.merge(left)
    left.merge(middle)

    # And so are now left and right.
    with pytest.raises(MustBeAdjacentError):
        right.merge(left)
    left.merge(right)

    assert left.size() == 3 * page

    region = area_of(left.as_ptr())
    assert_region(region, ShareMode.Private, read=True, write=True)

    # The kernel may join the area with a neighbour; it holds ours in any case.
    assert region.start() <= left.start()
    assert region.end() - left.start() >= 3 * page


def test_query_range(page: int) -> None:
    left = MmapOptions(3 * page).map_mut()
    middle = left.split_off(page)
    right = middle.split_off(page)
    assert left.as_ptr() < middle.as_ptr() < right.as_ptr()

    # Upstream drops the middle page: `del` would do it here, `close` does it for certain.
    middle.close()

    start = left.as_ptr()
    end = right.as_ptr() + right.len()
    areas = MemoryAreas.query_range(range(start, end))

    region = next(areas)
    assert region.end() == left.as_ptr() + page
    region = next(areas)
    if region.start() != right.as_ptr():
        region = next(areas)
    assert region.start() == right.as_ptr()
    assert next(areas, None) is None
