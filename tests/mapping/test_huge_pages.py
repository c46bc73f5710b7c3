"""Huge pages: real ones where the test may reserve some, the rules of sizes and offsets everywhere."""

import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmap_rs import (
    AttributeMismatchError,
    InvalidOffsetError,
    InvalidOperationError,
    InvalidSizeError,
    Mapping,
    MmapFlags,
    MmapMut,
    MmapOptions,
    MustBeAdjacentError,
    PageSize,
    PageSizes,
    SystemCallError,
)
from tests.support.child_process import check_child
from tests.support.os_features import memfd
from tests.support.procfs import KernelArea, huge_bytes, meminfo, smaps_at

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="looks for huge pages where Linux keeps them"
)

POOL = Path("/proc/sys/vm/nr_hugepages")
NEEDED = 8  # huge pages
HUGE = MmapFlags.HUGE_PAGES


@pytest.fixture(scope="module")
def huge_size() -> int:
    """Give the size of the system's default huge page, in bytes."""
    try:
        return meminfo("Hugepagesize")
    except LookupError:
        pytest.skip("this kernel has no huge pages")


@pytest.fixture(scope="module")
def pool(huge_size: int) -> Iterator[int]:
    """Reserve some huge pages for the tests of this file, and give back what was reserved."""
    before = int(POOL.read_text())
    try:
        if meminfo("HugePages_Free") < NEEDED:
            try:
                POOL.write_text(str(before + NEEDED))
            except OSError as error:
                pytest.skip(f"no free huge pages, and none may be reserved: {error}")
            if meminfo("HugePages_Free") < NEEDED:
                pytest.skip(f"the kernel finds no memory for {NEEDED} huge pages")
        yield huge_size
    finally:
        if int(POOL.read_text()) != before:
            POOL.write_text(str(before))


def free_pages() -> int:
    return meminfo("HugePages_Free") - meminfo("HugePages_Rsvd")


@pytest.fixture
def all_given_back(pool: int) -> Iterator[None]:
    """Fail when a test kept a huge page, the promise of one, or the addresses of one."""
    assert pool
    before = free_pages(), huge_bytes()
    yield
    assert (free_pages(), huge_bytes()) == before


def details(mapping: Mapping) -> KernelArea:
    area = smaps_at(mapping.start())
    assert area.sizes["KernelPageSize"] == area.sizes["MMUPageSize"]
    return area


def huge_map(size: int) -> MmapMut:
    return MmapOptions(size).with_flags(HUGE).map_mut()


# --- with real huge pages


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_the_last_free_pages_take_the_place_of_a_reservation(pool: int) -> None:
    size = free_pages() * pool
    reserved = MmapOptions(size).with_flags(HUGE).reserve_mut()
    assert free_pages() == 0
    with MmapOptions(size).with_flags(HUGE).with_reservation(reserved).map_mut() as mapping:
        mapping[::pool] = bytes([1]) * (size // pool)
        assert "ht" in details(mapping).vm_flags


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_the_flag_gives_huge_pages(pool: int) -> None:
    with huge_map(2 * pool) as mapping:
        area = details(mapping)
        assert area.sizes["KernelPageSize"] == pool
        assert "ht" in area.vm_flags
        mapping[0] = 1
        mapping[-1] = 2
        assert (mapping[0], mapping[1], mapping[-1]) == (1, 0, 2)


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_the_page_size_gives_pages_of_that_size(pool: int) -> None:
    options = MmapOptions(pool).with_page_size(PageSize.from_bytes(pool))
    for mapping in (options.map_mut(), options.with_flags(HUGE).map_mut()):
        with mapping:
            assert details(mapping).sizes["KernelPageSize"] == pool
            mapping.fill(3)
            assert mapping.count(3) == pool


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_they_are_given_back_each_time(pool: int) -> None:
    for _ in range(5 * NEEDED):
        with huge_map(2 * pool) as mapping:
            mapping[0] = mapping[pool] = 1
            assert huge_bytes() == 2 * pool
        assert huge_bytes() == 0
    for _ in range(5 * NEEDED):
        huge_map(pool)[0] = 1  # and when the last reference goes


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_split_and_merge_of_huge_pages(pool: int, page: int) -> None:
    mapping = huge_map(3 * pool)
    for index in range(3):
        mapping[index * pool] = index + 1
    start = mapping.start()
    for at in (0, page, pool // 2, pool - page, pool + page, 3 * pool, 3 * pool + page):
        with pytest.raises(InvalidOffsetError):
            mapping.split_off(at)
        with pytest.raises(InvalidOffsetError):
            mapping.split_to(at)
    assert mapping.size() == 3 * pool

    rest = mapping.split_off(pool)
    first = rest.split_to(pool)
    assert [part[0] for part in (mapping, first, rest)] == [1, 2, 3]
    with pytest.raises(MustBeAdjacentError):
        mapping.merge(rest)
    mapping.merge(first)
    with pytest.raises(InvalidOffsetError):
        mapping.split_off(page)
    mapping.merge(rest)
    assert (mapping.start(), mapping.size()) == (start, 3 * pool)
    read_only = mapping.make_read_only()
    assert [read_only[index * pool] for index in range(3)] == [1, 2, 3]
    read_only.close()


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_parts_of_huge_pages_are_given_back_one_by_one(pool: int) -> None:
    before = free_pages()
    mapping = huge_map(4 * pool)
    mapping.fill(1)
    parts = [mapping.split_to(pool) for _ in range(3)]
    for count, part in enumerate([*parts, mapping], start=1):
        part.close()
        assert free_pages() == before - 4 + count


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_a_huge_and_an_ordinary_mapping_do_not_merge(pool: int) -> None:
    spare = MmapOptions(3 * pool).reserve_none()
    address = -(-spare.start() // pool) * pool
    spare.close()
    ordinary = MmapOptions(pool).with_address(address).map_mut()
    huge = MmapOptions(pool).with_flags(HUGE).with_address(address + pool).map_mut()
    assert (ordinary.start(), huge.start()) == (address, address + pool)
    with pytest.raises(AttributeMismatchError):
        ordinary.merge(huge)
    assert not huge.closed
    huge.close()
    ordinary.close()


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_protection_flush_and_lock_of_huge_pages(pool: int) -> None:
    mapping = huge_map(pool)
    mapping[:5] = b"bytes"
    mapping.flush(range(1, 2))
    mapping.lock()
    mapping.unlock()
    hidden = mapping.make_none()
    assert details(hidden).permissions == "---p"
    shown = hidden.make_read_only()
    assert details(shown).permissions == "r--p"
    assert shown[:5] == b"bytes"
    shown.close()


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_an_advice_is_widened_to_huge_pages(pool: int) -> None:
    with huge_map(2 * pool) as mapping:
        mapping.fill(1)
        mapping.advise(MmapFlags.DONTNEED, range(pool - 1))
        assert mapping.count(1) == pool
        assert mapping[:pool] == bytes(pool)


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_shared_huge_pages(pool: int) -> None:
    options = MmapOptions(pool).with_flags(HUGE | MmapFlags.SHARED)
    with options.map_mut() as mapping:
        mapping[0] = 1
        area = details(mapping)
        assert {"ht", "sh"} <= area.vm_flags
        assert area.permissions == "rw-s"


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_a_file_of_huge_pages(pool: int, page: int) -> None:
    number = memfd("huge", "MFD_CLOEXEC|MFD_HUGETLB")
    try:
        os.truncate(number, 2 * pool)
        with MmapOptions.for_file(number).with_flags(MmapFlags.SHARED).map_mut() as mapping:
            assert details(mapping).sizes["KernelPageSize"] == pool
            mapping[pool] = 5
            # Its pages are huge though no flag says so: no split inside of one, and no odd sizes.
            with pytest.raises(InvalidOffsetError):
                mapping.split_off(page)
            assert mapping[pool] == 5
        assert huge_bytes() == 0
        with pytest.raises(InvalidSizeError):
            MmapOptions(pool + page).with_file(number).map()
    finally:
        os.close(number)


@pytest.mark.hugepages
@pytest.mark.usefixtures("all_given_back")
def test_a_file_of_huge_pages_and_its_own_page_size(pool: int) -> None:
    number = memfd("huge", "MFD_CLOEXEC|MFD_HUGETLB")
    try:
        os.truncate(number, pool)
        options = MmapOptions(pool).with_file(number).with_flags(MmapFlags.SHARED)
        own = options.with_page_size(PageSize.from_bytes(pool))
        for same in (own, own.with_flags(HUGE), options.with_flags(HUGE)):
            with same.map_mut() as mapping:
                assert details(mapping).sizes["KernelPageSize"] == pool
    finally:
        os.close(number)


# --- rules that need no huge page


def test_a_file_of_huge_pages_takes_no_other_page_size(huge_size: int, page: int) -> None:
    number = memfd("huge", "MFD_CLOEXEC|MFD_HUGETLB")
    try:
        os.truncate(number, 2 * huge_size)
        options = MmapOptions(1 << 30).with_file(number, past_end=True)
        for other in {PageSize._1G, PageSize._64K, PageSize.from_bytes(page)}:
            assert other.bytes != huge_size
            with pytest.raises(InvalidSizeError, match=f"pages of {huge_size} bytes"):
                options.with_page_size(other).map()
    finally:
        os.close(number)


def test_an_ordinary_file_has_no_huge_pages(huge_size: int, page: int, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    os.truncate(path, 2 * huge_size)
    options = MmapOptions(huge_size).with_file(path)
    with pytest.raises(InvalidSizeError, match=f"pages of {page} bytes"):
        options.with_page_size(PageSize.from_bytes(huge_size)).map()
    with pytest.raises(InvalidOperationError, match="HUGE_PAGES need"):
        options.with_flags(HUGE).map()
    with options.with_page_size(PageSize.from_bytes(page)).map() as mapping:
        assert details(mapping).sizes["KernelPageSize"] == page


def test_a_fork_while_another_thread_looks_for_their_size(tmp_path: Path) -> None:
    # The kernel's file is replaced by a FIFO, so that the thread stays inside until the child has ended.
    output = check_child(
        """
        import ctypes, os, signal, sys, threading, time, warnings
        from mmap_rs import MmapFlags, MmapOptions, SystemCallError

        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads: that is the test
        libc, fifo, target = ctypes.CDLL(None, use_errno=True), sys.argv[1].encode(), b"/proc/meminfo"
        CLONE_NEWNS, MS_REC, MS_PRIVATE, MS_BIND, MNT_DETACH = 0x20000, 0x4000, 1 << 18, 0x1000, 2
        os.mkfifo(fifo)
        if (
            libc.unshare(CLONE_NEWNS)
            or libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None)
            or libc.mount(fifo, target, None, MS_BIND, None)
        ):
            print("skip:", os.strerror(ctypes.get_errno()))
            raise SystemExit(0)

        def first_huge_page():
            try:
                MmapOptions(1 << 30).with_flags(MmapFlags.HUGE_PAGES).map().close()
            except SystemCallError:
                pass  # none is free

        threading.Thread(target=first_huge_page, daemon=True).start()
        time.sleep(0.5)
        pid = os.fork()
        if pid == 0:
            assert libc.umount2(target, MNT_DETACH) == 0
            first_huge_page()
            os._exit(0)
        end = time.monotonic() + 20
        while (ended := os.waitpid(pid, os.WNOHANG)) == (0, 0) and time.monotonic() < end:
            time.sleep(0.01)
        if ended == (0, 0):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            print("the child hangs")
            os._exit(1)
        os._exit(os.waitstatus_to_exitcode(ended[1]))
        """,
        arguments=(str(tmp_path / "fifo"),),
    )
    if output.startswith("skip: "):
        pytest.skip(f"needs a mount namespace of its own: {output.removeprefix('skip: ').strip()}")


@pytest.mark.parametrize(
    "method", ["map", "map_mut", "map_none", "map_exec", "reserve", "reserve_none"]
)
@pytest.mark.parametrize("wrong", [-1, +1, "page", "half"])
def test_a_size_must_be_a_multiple_of_the_huge_page(
    method: str, wrong: int | str, huge_size: int, page: int
) -> None:
    size = {"page": page, "half": huge_size + huge_size // 2}.get(str(wrong)) or huge_size + int(
        wrong
    )
    options = MmapOptions(size)
    for refused in (
        options.with_flags(HUGE),
        options.with_flags(HUGE | MmapFlags.NO_RESERVE),
        options.with_page_size(PageSize.from_bytes(huge_size)),
    ):
        with pytest.raises(InvalidSizeError):
            getattr(refused, method)()


def test_a_page_size_that_the_system_has_not() -> None:
    offered = MmapOptions.page_sizes()
    missing = [size for size in PageSizes if size not in offered]
    assert missing
    for member in missing:
        page_size = PageSize.try_from(member)
        with pytest.raises(InvalidSizeError):
            MmapOptions(page_size.bytes).with_page_size(page_size).map()
        with pytest.raises(InvalidSizeError):
            MmapOptions(page_size.bytes).with_page_size(page_size).with_flags(HUGE).map_none()


@pytest.mark.parametrize("log2", [0, 1, 11, 35, 47, 62, 63])
def test_a_page_size_without_a_name(log2: int) -> None:
    page_size = PageSize(log2)
    with pytest.raises(InvalidSizeError):
        MmapOptions(1 << min(log2, 30)).with_page_size(page_size).map()


def test_the_base_page_is_an_ordinary_mapping(page: int) -> None:
    base = PageSize.from_bytes(page)
    for size in (page, 5, 3 * page + 1):
        with MmapOptions(size).with_page_size(base).map_mut() as mapping:
            area = details(mapping)
            assert area.sizes["KernelPageSize"] == page
            assert "ht" not in area.vm_flags
            assert mapping.size() == size


def test_the_base_page_and_huge_pages_contradict_each_other(page: int) -> None:
    options = MmapOptions(page).with_page_size(PageSize.from_bytes(page)).with_flags(HUGE)
    with pytest.raises(InvalidSizeError):
        options.map()


def test_an_empty_pool_is_an_error_that_helps(huge_size: int) -> None:
    # More than the machine's memory, or all that a 32-bit system has addresses for: no pool has that.
    size = (min(meminfo("MemTotal") // huge_size + 64, sys.maxsize // huge_size)) * huge_size
    options = MmapOptions(size)
    for refused in (
        options.with_flags(HUGE),
        options.with_page_size(PageSize.from_bytes(huge_size)),
    ):
        with pytest.raises(SystemCallError, match=r"(?i)huge") as caught:
            refused.map()
        assert caught.value.errno == errno.ENOMEM
        assert isinstance(caught.value, OSError)


def test_pages_of_one_gibibyte() -> None:
    options = MmapOptions(1 << 30).with_page_size(PageSize._1G)
    pool = Path("/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages")
    if not pool.exists() or hasattr(sys, "getandroidapilevel"):
        # On Android the crate can ask for the default size only, and would take it in place of any other.
        with pytest.raises(InvalidSizeError, match=r"no pages of 2\*\*30|pages of 1G"):
            options.map()
        return
    if int(pool.read_text()):
        with options.map() as mapping:
            assert details(mapping).sizes["KernelPageSize"] == 1 << 30
        return
    with pytest.raises(SystemCallError, match=r"(?i)huge pages") as caught:
        options.map()
    assert caught.value.errno == errno.ENOMEM
    # A smaller huge page is never taken in its place.
    with pytest.raises(InvalidSizeError):
        MmapOptions(1 << 29).with_page_size(PageSize._1G).map()


def test_page_sizes_are_those_of_the_system(page: int) -> None:
    offered = MmapOptions.page_sizes()
    directory = Path("/sys/kernel/mm/hugepages")
    names = [entry.name for entry in directory.iterdir()] if directory.is_dir() else []
    sizes = {page} | {
        int(name.removeprefix("hugepages-").removesuffix("kB")) * 1024 for name in names
    }
    assert {int(member) for member in offered} == {size for size in sizes if size <= 1 << 34}
