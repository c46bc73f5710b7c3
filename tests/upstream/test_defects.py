"""Defects of the Rust crate that must not come through: one class for each, numbered as in the code.

Each test shows what is right; with the crate's own behaviour in its place it would fail.
"""

import errno
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from mmap_rs import (
    BackingMismatchError,
    InvalidOffsetError,
    InvalidSizeError,
    MemoryAreas,
    MmapFlags,
    MmapOptions,
    MustBeAdjacentError,
    PageSize,
    PageSizes,
    SystemCallError,
)
from tests.support.address_space import hole, malloc_reserve
from tests.support.child_process import check_child, describe, died_of, run_child
from tests.support.procfs import areas, huge_bytes, mapped_bytes, meminfo, smaps_at

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="shows the defects as Linux has them, and reads its /proc"
)

LAST = sys.maxsize * 2 + 1


class TestU1FlushDoesNotCheckItsRange:
    """`flush` and `flush_async` took a range as it came: past the end, backwards, unaligned."""

    @pytest.mark.parametrize("method", ["flush", "flush_async"])
    @pytest.mark.parametrize(
        "bad", [range(5, 4), range(8193), range(8193, 8194), range(LAST - 1, LAST), range(LAST, 0)]
    )
    @pytest.mark.parametrize("kind", ["map", "map_mut", "map_none"])
    def test_a_range_outside(self, method: str, bad: range, kind: str) -> None:
        mapping: Any = getattr(MmapOptions(8192), kind)()
        with pytest.raises(InvalidOffsetError):
            getattr(mapping, method)(bad)
        with pytest.raises(InvalidOffsetError):
            getattr(mapping, method)(slice(bad.start, bad.stop))

    @pytest.mark.parametrize("method", ["flush", "flush_async"])
    def test_an_unaligned_range_is_widened(self, method: str, tmp_path: Path, page: int) -> None:
        file = tmp_path / "file"
        file.write_bytes(bytes(3 * page))
        with MmapOptions.for_file(file).with_flags(MmapFlags.SHARED).map_mut() as mapping:
            mapping[page + 1] = 7
            flush = getattr(mapping, method)
            for good in (
                range(1, 2),
                range(page + 1, page + 2),
                range(page - 1, page + 2),
                range(1, 3 * page),
                range(3 * page - 1, 3 * page),
                range(3 * page, 3 * page),
                range(5, 5),
                None,
            ):
                flush(good)
        assert file.read_bytes()[page + 1] == 7


class TestU2PageSizesAreTakenForEachOther:
    """A `PageSize` made of a `PageSizes` held bits, not an exponent; an unknown one meant the default."""

    def test_the_conversion_gives_the_exponent(self) -> None:
        assert PageSize.try_from(PageSizes._2M) == PageSize._2M
        assert PageSize.try_from(PageSizes._4K).log2 == 12

    def test_an_unknown_size_is_no_default_huge_page(self) -> None:
        for page_size in (PageSize._8M, PageSize(22), PageSize(40), PageSize(13)):
            if PageSizes.from_bytes(8192) in MmapOptions.page_sizes():
                pytest.skip("this system's base page is 8 KiB")
            with pytest.raises(InvalidSizeError):
                MmapOptions(1 << 30).with_page_size(page_size).map_none()

    def test_the_base_page_asks_for_no_huge_page(self, page: int) -> None:
        with MmapOptions(page).with_page_size(PageSize.from_bytes(page)).map_mut() as mapping:
            details = smaps_at(mapping.start())
            assert details.sizes["KernelPageSize"] == page
            assert "ht" not in details.vm_flags


class TestU3HugePagesThatAreNeverGivenBack:
    """A huge map of an odd size could never be unmapped; nor could the parts of an odd split."""

    @pytest.mark.parametrize("halves", [1, 3, 5])
    def test_an_odd_size(self, halves: int) -> None:
        huge = meminfo("Hugepagesize")
        options = MmapOptions(halves * huge // 2)
        for refused in (
            options.with_flags(MmapFlags.HUGE_PAGES),
            options.with_page_size(PageSize.from_bytes(huge)),
        ):
            for make in (refused.map, refused.map_mut, refused.map_none, refused.reserve):
                with pytest.raises(InvalidSizeError):
                    make()
        assert huge_bytes() == 0

    # The odd split needs real huge pages: tests/mapping/test_huge_pages.py.


class TestU4MergeOfWhatDoesNotBelongTogether:
    """`merge` looked at the protection only: anonymous memory and a file became one."""

    def test_anonymous_memory_and_a_file(self, tmp_path: Path, page: int) -> None:
        file = tmp_path / "file"
        file.write_bytes(bytes(page))
        with hole(2 * page) as address:
            left = MmapOptions(page).with_address(address).map()
            right = MmapOptions(page).with_file(file).with_address(address + page).map()
            assert left.end() == right.start()
            with pytest.raises(BackingMismatchError):
                left.merge(right)

    def test_a_length_that_is_no_multiple_of_the_page(self, page: int) -> None:
        with hole(2 * page) as address:
            left = MmapOptions(page - 1).with_address(address).map()
            right = MmapOptions(page).with_address(address + page).map()
            with pytest.raises(MustBeAdjacentError):
                left.merge(right)


class TestU5SplitAtZero:
    """`split_off(0)` and `split_to(0)` made an empty mapping, which nothing can unmap."""

    @pytest.mark.parametrize("method", ["split_off", "split_to"])
    @pytest.mark.parametrize(
        "kind", ["map", "map_mut", "map_none", "reserve", "reserve_mut", "reserve_none"]
    )
    def test_it_is_refused(self, method: str, kind: str, page: int) -> None:
        mapping: Any = getattr(MmapOptions(2 * page), kind)()
        with pytest.raises(InvalidOffsetError):
            getattr(mapping, method)(0)
        assert mapping.size() == 2 * page


class TestU6AFileThatEndsTooEarly:
    """A map past the end of its file was made without a word; touching it kills the process."""

    def test_it_is_refused(self, tmp_path: Path, page: int) -> None:
        file = tmp_path / "file"
        file.write_bytes(b"x")
        for size in (2, page, page + 1, 100 * page):
            with pytest.raises(InvalidSizeError):
                MmapOptions(size).with_file(file).map()

    def test_it_is_there_for_who_asks(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.write_bytes(b"x")
        result = run_child(
            """
            import ctypes, sys
            from mmap_rs import MmapOptions

            page = MmapOptions.page_size()
            m = MmapOptions(2 * page).with_file(sys.argv[1], past_end=True).map()
            assert m[:2] == b"x\\0"
            print("alive", flush=True)
            ctypes.string_at(m.start() + page, 1)
            """,
            arguments=(str(file),),
        )
        assert result.stdout == "alive\n"
        assert died_of(result, signal.SIGBUS), describe(result)


class TestU7AnAdviceThatFailsLeavesTheMemoryMapped:
    """LOCKED with DONTNEED is refused by the kernel after the map was made: 2 MiB were lost each time."""

    def test_nothing_is_lost(self) -> None:
        size = 2 << 20
        options = MmapOptions(size).with_flags(MmapFlags.LOCKED | MmapFlags.DONTNEED)
        with hole(size) as address:
            for _ in range(100):
                with pytest.raises(SystemCallError) as caught:
                    options.with_address(address).map_mut()
                assert caught.value.errno == errno.EINVAL
                assert mapped_bytes(address, address + size) == 0
        before = sum(area.size for area in areas())
        for _ in range(100):
            with pytest.raises(SystemCallError):
                options.map_mut()
        assert sum(area.size for area in areas()) - before < 50 * size


class TestU8TheLastAddress:
    """`query(usize::MAX)` added one to it: a panic, or a wrong answer."""

    def test_it_can_be_asked_for(self) -> None:
        wanted = [area for area in areas() if area.end > LAST]
        assert wanted == []
        assert MemoryAreas.query(LAST) is None
        assert MemoryAreas.query_process(os.getpid(), LAST) is None
        assert list(MemoryAreas.query_range(range(LAST, LAST))) == []


class TestU9AdviceOnlyWhenMapping:
    """Advice could be given when a mapping was made, and never again."""

    def test_it_can_be_given_and_changed_later(self, page: int) -> None:
        with MmapOptions(2 * page).map_mut() as mapping:
            assert not {"sr", "rr"} & smaps_at(mapping.start()).vm_flags
            mapping.advise(MmapFlags.SEQUENTIAL)
            assert "sr" in smaps_at(mapping.start()).vm_flags
            mapping.advise(MmapFlags.RANDOM_ACCESS, range(page, 2 * page))
            assert "sr" in smaps_at(mapping.start()).vm_flags
            assert "rr" in smaps_at(mapping.start() + page).vm_flags
            assert "sr" not in smaps_at(mapping.start() + page).vm_flags

    def test_memory_that_can_not_be_accessed_takes_it_too(self, page: int) -> None:
        with MmapOptions(page).map_none() as mapping:
            mapping.advise(MmapFlags.NO_CORE_DUMP)
            assert "dd" in smaps_at(mapping.start()).vm_flags


class TestU10AreasThatEndTooEarly:
    """A device minor above 0xff, or any odd line, ended the list without an error; and `merge` failed."""

    # Such devices need a mount namespace: tests/areas/test_odd_files.py.

    def test_the_list_reaches_the_last_area(self) -> None:
        with malloc_reserve():
            before = areas()
            for _ in range(20):
                ours = [(area.start(), area.end()) for area in MemoryAreas.open()]
                again = areas()
                if before == again:
                    break
                before = again
            else:
                pytest.fail("the list of areas never stood still")
        assert ours == [(area.start, area.end) for area in before]

    def test_merge_does_not_read_the_areas(self) -> None:
        # With no descriptor left, nothing in /proc can be opened.
        check_child("""
            import os, resource
            from mmap_rs import MmapOptions

            page = MmapOptions.page_size()
            left = MmapOptions(2 * page).map_mut()
            right = left.split_off(page)
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
            try:
                os.open("/proc/self/maps", os.O_RDONLY)
            except OSError:
                pass
            else:
                raise AssertionError("a descriptor was left")
            left.merge(right)
            assert left.size() == 2 * page
        """)


class TestU11PathsOfAreas:
    """A path that is not UTF-8 was an error; a newline stayed as the kernel writes it."""

    @pytest.mark.parametrize(
        "name", [b"caf\xe9", b"a\nb", b"  spaces  ", b"x (deleted)", b" \n\xff"]
    )
    def test_they_are_those_of_the_files(self, name: bytes, tmp_path: Path, page: int) -> None:
        path = os.path.join(os.fsencode(tmp_path), name)
        Path(os.fsdecode(path)).write_bytes(bytes(page))
        with MmapOptions(page).with_file(path).map() as mapping:
            area = MemoryAreas.query(mapping.start())
            assert area is not None
            assert os.fsencode(area.path() or "") == path
            assert area.path() == Path(os.fsdecode(path))
