"""Numbers of more than 31 bits: far file offsets, and lengths that a 32-bit system can't count."""

import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

import mmap_rs
from mmap_rs import InvalidSizeError, MmapFlags, MmapOptions, PageSize

GIB = 1 << 30
NARROW = sys.maxsize < 1 << 32
narrow = pytest.mark.skipif(not NARROW, reason="64-bit systems have no such limits")


@pytest.fixture
def sparse(tmp_path: Path) -> Generator[Path]:
    """Give a file that holds next to nothing, up to beyond 32 bits of offset."""
    if sys.platform == "win32":
        pytest.skip("a file has to be told to be sparse there, or it fills the disk")
    path = tmp_path / "sparse"
    with path.open("xb") as file:
        file.truncate(9 * GIB)
    yield path
    path.unlink()


@pytest.mark.parametrize("offset", [GIB, 2 * GIB, 3 * GIB, 4 * GIB, 8 * GIB])
def test_bytes_far_into_a_file(offset: int, sparse: Path, page: int) -> None:
    with sparse.open("r+b") as file:
        file.seek(offset + page)
        file.write(b"far away")
    with MmapOptions(2 * page).with_file(sparse, offset).map() as m:
        assert m[page : page + 8] == b"far away"
        assert m[:page] == bytes(page)
    with MmapOptions(page).with_file(sparse, offset + page).map() as m:
        assert m[:8] == b"far away"


@pytest.mark.parametrize("offset", [2 * GIB, 4 * GIB])
def test_bytes_written_far_into_a_file(offset: int, sparse: Path, page: int) -> None:
    options = MmapOptions(2 * page).with_file(sparse, offset).with_flags(MmapFlags.SHARED)
    with options.map_mut() as m:
        m[page - 3 : page + 3] = b"abcdef"
        m.flush()
    with sparse.open("rb") as file:
        file.seek(offset + page - 3)
        assert file.read(6) == b"abcdef"
        file.seek(page - 3)
        assert file.read(6) == bytes(6)
    private = MmapOptions(page).with_file(sparse, offset).map_mut()
    private[:3] = b"xyz"
    private.close()
    with sparse.open("rb") as file:
        file.seek(offset)
        assert file.read(3) == bytes(3)


# FreeBSD's stacks are of no file.
FAR = [MmapFlags.POPULATE, MmapFlags.NO_RESERVE, MmapFlags.NO_CORE_DUMP]
if not sys.platform.startswith("freebsd"):
    FAR.append(MmapFlags.STACK)


@pytest.mark.parametrize("flags", FAR)
def test_flags_far_into_a_file(flags: MmapFlags, sparse: Path, page: int) -> None:
    with sparse.open("r+b") as file:
        file.seek(5 * GIB)
        file.write(b"flags")
    with MmapOptions(page).with_file(sparse, 5 * GIB).with_flags(flags).map() as m:
        assert m[:5] == b"flags"


def test_parts_of_a_far_mapping(sparse: Path, page: int) -> None:
    with sparse.open("r+b") as file:
        file.seek(5 * GIB)
        file.write(b"first".ljust(page, b".") + b"second")
    first = MmapOptions(2 * page).with_file(sparse, 5 * GIB).map()
    second = first.split_off(page)
    assert (first[:5], second[:6]) == (b"first", b"second")
    assert f"offset={5 * GIB + page}" in repr(second)
    first.merge(second)
    with first.make_mut() as m:
        assert m[page : page + 6] == b"second"


def test_the_rest_of_a_large_file(sparse: Path, page: int) -> None:
    with MmapOptions.for_file(sparse, 9 * GIB - 3 * page).map() as m:
        assert len(m) == 3 * page
    with pytest.raises(InvalidSizeError, match=f"holds {9 * GIB} bytes"):
        MmapOptions(2 * page).with_file(sparse, 9 * GIB - page).map()


def test_a_far_mapping_that_is_refused_leaves_nothing_mapped(sparse: Path, page: int) -> None:
    if sys.platform != "linux":
        pytest.skip("asks Linux what is mapped")
    with sparse.open("rb") as file:
        options = MmapOptions(page).with_file(file, 5 * GIB).with_flags(MmapFlags.SHARED)
        for _ in range(3):
            with pytest.raises(mmap_rs.SystemCallError):
                options.map_mut()
    # By its whole path: pandas has a library of that name, too.
    assert str(sparse.resolve()) not in Path("/proc/self/maps").read_text(errors="replace")


@narrow
def test_a_file_that_is_larger_than_the_address_space(sparse: Path) -> None:
    with pytest.raises(InvalidSizeError, match=f"{9 * GIB} bytes do not fit"):
        MmapOptions.for_file(sparse)
    with pytest.raises(OverflowError):
        MmapOptions(9 * GIB)


@narrow
@pytest.mark.parametrize("size", [sys.maxsize + 1, 2 * sys.maxsize + 1])
def test_more_bytes_than_python_counts(size: int) -> None:
    options = MmapOptions(size).with_flags(MmapFlags.NO_RESERVE)
    for make in (options.map_none, options.map_mut, options.reserve):
        with pytest.raises(
            InvalidSizeError, match=f"can't have {size} bytes: at most {sys.maxsize}"
        ):
            make()


@narrow
def test_the_most_that_python_counts(page: int) -> None:
    size = sys.maxsize + 1 - page
    try:
        m = MmapOptions(size).with_flags(MmapFlags.NO_RESERVE).reserve_none()
    except mmap_rs.SystemCallError as error:
        pytest.skip(f"no room for that in this process: {error}")
    before = MmapOptions(page).with_address(m.start() - page).with_flags(MmapFlags.NO_RESERVE)
    with m, before.reserve_none() as first:
        assert m.size() == len(m) == size
        if first.end() != m.start():
            pytest.skip("something else lies before it")
        with pytest.raises(InvalidSizeError, match=f"can't have {size + page} bytes"):
            first.merge(m)
        assert len(m) == size
        assert len(first) == page


@narrow
def test_page_sizes_that_need_more_bits() -> None:
    assert all(int(size) < 1 << 32 for size in mmap_rs.MmapOptions.page_sizes())
    assert PageSize._16G.bytes == 16 * GIB
    with pytest.raises(InvalidSizeError):
        MmapOptions(GIB).with_page_size(PageSize._16G).map_none()
    with pytest.raises(InvalidSizeError):
        MmapOptions(GIB).with_page_size(PageSize.from_bytes(1 << 32)).map_none()


def test_the_test_file_is_sparse(sparse: Path) -> None:
    assert os.stat(sparse).st_blocks * 512 < GIB
