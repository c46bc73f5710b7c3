"""Every `MmapFlags` member and every advice, read back from what the kernel keeps of the mapping."""

import ctypes
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmap_rs import (
    ConsumedError,
    InvalidOffsetError,
    InvalidOperationError,
    MmapFlags,
    MmapMut,
    MmapOptions,
    SystemCallError,
)
from tests.support.address_space import hole
from tests.support.child_process import check_child
from tests.support.os_features import kernel_version
from tests.support.procfs import KernelArea, mapped_bytes, smaps_at

if sys.platform != "linux":
    pytest.skip("reads the flags back from Linux's /proc/self/smaps", allow_module_level=True)

NONE = MmapFlags(0)
PAGES = 8
HAS_TRANSPARENT_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage").is_dir()


def overcommit_is_strict() -> bool:
    return Path("/proc/sys/vm/overcommit_memory").read_text().strip() == "2"


def with_flags(flags: MmapFlags, page: int) -> KernelArea:
    """Map some pages alone, with flags, and return what the kernel says of them."""
    size = PAGES * page
    options = MmapOptions(size).with_flags(flags)
    with hole(size) as address, options.with_address(address).map_mut() as mapping:
        assert mapping.start() == address
        area = smaps_at(address)
        assert (area.start, area.end) == (address, address + size)
        return area


# The letters that a flag adds to the VmFlags of smaps.
VM_FLAGS: dict[MmapFlags, set[str]] = {
    MmapFlags.SHARED: {"sh"},
    MmapFlags.NO_RESERVE: {"nr"},
    MmapFlags.NO_CORE_DUMP: {"dd"},
    MmapFlags.LOCKED: {"lo"},
    MmapFlags.TRANSPARENT_HUGE_PAGES: {"hg"},
    MmapFlags.SEQUENTIAL: {"sr"},
    MmapFlags.RANDOM_ACCESS: {"rr"},
    # Neither of these is a property of the area; see the tests of their own.
    MmapFlags.POPULATE: set(),
    MmapFlags.WILLNEED: set(),
    MmapFlags.DONTNEED: set(),
    # Linux keeps transparent huge pages out of stacks since 6.7, and before did nothing.
    MmapFlags.STACK: {"nh"} if kernel_version() >= (6, 7) and HAS_TRANSPARENT_HUGE_PAGES else set(),
}


def test_the_table_names_every_flag() -> None:
    # Huge pages need a pool of them: test_huge_pages.py.
    assert set(VM_FLAGS) | {MmapFlags.HUGE_PAGES} == set(MmapFlags)


@pytest.mark.parametrize("flag", VM_FLAGS, ids=[str(flag.name) for flag in VM_FLAGS])
def test_the_flag_of_the_area(flag: MmapFlags, page: int) -> None:
    if flag is MmapFlags.NO_RESERVE and overcommit_is_strict():
        pytest.skip("vm.overcommit_memory is 2: the kernel reserves in spite of the flag")
    if flag is MmapFlags.TRANSPARENT_HUGE_PAGES and not HAS_TRANSPARENT_HUGE_PAGES:
        pytest.skip("this kernel has no transparent huge pages")
    plain = with_flags(NONE, page).vm_flags
    flagged = with_flags(flag, page).vm_flags
    # A shared map has other letters of its own ("ms": may share); what counts is what is added.
    assert flagged - plain - {"ms"} == VM_FLAGS[flag]
    assert plain <= flagged | {"ac"}


def test_flags_together(page: int) -> None:
    flags = MmapFlags.NO_CORE_DUMP | MmapFlags.SEQUENTIAL | MmapFlags.LOCKED
    assert {"dd", "sr", "lo"} <= with_flags(flags, page).vm_flags


def test_without_flags_there_is_no_memory_yet(page: int) -> None:
    area = with_flags(NONE, page)
    assert area.sizes["Rss"] == 0
    assert area.sizes["Locked"] == 0
    assert area.sizes["KernelPageSize"] == page
    assert area.permissions == "rw-p"
    assert not area.vm_flags & {"sh", "nr", "dd", "lo", "hg", "sr", "rr"}


@pytest.mark.parametrize(
    "flag", [MmapFlags.POPULATE, MmapFlags.LOCKED, MmapFlags.POPULATE | MmapFlags.SHARED]
)
def test_the_memory_is_there_at_once(flag: MmapFlags, page: int) -> None:
    assert with_flags(flag, page).sizes["Rss"] == PAGES * page


def test_locked_memory_is_counted_as_locked(page: int) -> None:
    assert with_flags(MmapFlags.LOCKED, page).sizes["Locked"] == PAGES * page


def test_dontneed_gives_the_memory_back(page: int) -> None:
    assert with_flags(MmapFlags.POPULATE | MmapFlags.DONTNEED, page).sizes["Rss"] == 0


def test_shared_memory_is_shared_with_a_child() -> None:
    check_child("""
        import os
        from mmap_rs import MmapFlags, MmapOptions

        for flags, seen in ((MmapFlags(0), 1), (MmapFlags.SHARED, 2)):
            m = MmapOptions(MmapOptions.page_size()).with_flags(flags).map_mut()
            m[0] = 1
            pid = os.fork()
            if not pid:
                m[0] = 2
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
            assert m[0] == seen, (flags, m[0])
    """)


# --- WILLNEED: the file's pages come into the page cache

libc = ctypes.CDLL(None, use_errno=True)


def resident(address: int, size: int, page: int) -> int:
    """Count the pages of a range that are in memory, by mincore(2)."""
    vector = (ctypes.c_ubyte * -(-size // page))()
    result = libc.mincore(ctypes.c_void_p(address), ctypes.c_size_t(size), vector)
    assert result == 0, os.strerror(ctypes.get_errno())
    return sum(entry & 1 for entry in vector)


def cold_file(path: Path, size: int) -> None:
    """Write a file and drop it from the page cache; skip where its file system is the cache."""
    with path.open("wb") as file:
        file.write(b"cold" * (size // 4))
        file.flush()
        os.fsync(file.fileno())
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@pytest.mark.parametrize("when", ["made", "advised"])
def test_willneed_reads_ahead(when: str, tmp_path: Path, page: int) -> None:
    path = tmp_path / "cold"
    size = 64 * page
    cold_file(path, size)
    options = MmapOptions(size).with_file(path)
    with options.with_flags(MmapFlags.RANDOM_ACCESS).map() as mapping:
        if resident(mapping.start(), size, page):
            pytest.skip(f"the file system of {tmp_path} does not let go of its pages")
    if when == "made":
        mapping = options.with_flags(MmapFlags.WILLNEED).map()
    else:
        mapping = options.map()
        mapping.advise(MmapFlags.WILLNEED)
    # The reading is done behind our back.
    deadline = time.monotonic() + 20
    while not resident(mapping.start(), size, page):
        assert time.monotonic() < deadline, "nothing was read ahead"
        time.sleep(0.01)
    mapping.close()


# --- advise()

ADVICE = {
    MmapFlags.NO_CORE_DUMP: "dd",
    MmapFlags.TRANSPARENT_HUGE_PAGES: "hg",
    MmapFlags.SEQUENTIAL: "sr",
    MmapFlags.RANDOM_ACCESS: "rr",
}


def flags_of(mapping: MmapMut, page: int) -> list[frozenset[str]]:
    """Return the kernel's flags of each page of a mapping."""
    return [smaps_at(address).vm_flags for address in range(mapping.start(), mapping.end(), page)]


@pytest.mark.parametrize("flag", ADVICE, ids=[str(flag.name) for flag in ADVICE])
def test_an_advice_for_the_whole_mapping(flag: MmapFlags, page: int) -> None:
    if flag is MmapFlags.TRANSPARENT_HUGE_PAGES and not HAS_TRANSPARENT_HUGE_PAGES:
        pytest.skip("this kernel has no transparent huge pages")
    letters = ADVICE[flag]
    with MmapOptions(4 * page).map_mut() as mapping:
        assert not any(letters in flags for flags in flags_of(mapping, page))
        mapping.advise(flag)
        assert all(letters in flags for flags in flags_of(mapping, page))


RANGES: list[tuple[Callable[[int], Any], list[int]]] = [
    (lambda page: range(page, 2 * page), [1]),
    (lambda page: range(page, page + 1), [1]),  # widened to the page
    (lambda page: range(2 * page - 1, 2 * page + 1), [1, 2]),
    (lambda page: range(page + 5, 4 * page), [1, 2, 3]),
    (lambda page: slice(page, 3 * page), [1, 2]),
    (lambda page: slice(None, page), [0]),
    (lambda page: slice(3 * page, None), [3]),
    (lambda _: slice(None), [0, 1, 2, 3]),
    (lambda page: range(page, page), []),
    (lambda page: range(4 * page, 4 * page), []),
    (lambda _: None, [0, 1, 2, 3]),
]


@pytest.mark.parametrize(("make", "advised"), RANGES)
def test_an_advice_for_a_range(make: Callable[[int], Any], advised: list[int], page: int) -> None:
    with MmapOptions(4 * page).map_mut() as mapping:
        mapping.advise(MmapFlags.NO_CORE_DUMP, make(page))
        flagged = [index for index, flags in enumerate(flags_of(mapping, page)) if "dd" in flags]
        assert flagged == advised


BAD_RANGES: list[tuple[Any, type[Exception]]] = [
    (range(4097 * 4096), InvalidOffsetError),
    (range(sys.maxsize // 2, sys.maxsize), InvalidOffsetError),
    (range(5, 4), InvalidOffsetError),
    (slice(5, 4), InvalidOffsetError),
    (range(0, 100, 2), ValueError),
    (range(100, 0, -1), ValueError),
    (slice(0, 100, 2), ValueError),
    (range(-1, 5), OverflowError),
    (slice(-1, None), OverflowError),
    (range(1 << 64), OverflowError),
    ("0:5", TypeError),
    (5, TypeError),
    ((0, 5), TypeError),
]


@pytest.mark.parametrize(("bad", "error"), BAD_RANGES, ids=[repr(bad) for bad, _ in BAD_RANGES])
def test_a_bad_range_is_refused(bad: Any, error: type[Exception], page: int) -> None:
    with MmapOptions(4 * page).map_mut() as mapping:
        with pytest.raises(error):
            mapping.advise(MmapFlags.NO_CORE_DUMP, bad)
        with pytest.raises(error):
            mapping.flush(bad)
        with pytest.raises(error):
            mapping.flush_async(bad)
        assert not any("dd" in flags for flags in flags_of(mapping, page))


@pytest.mark.parametrize(
    "flag",
    [
        MmapFlags.SHARED,
        MmapFlags.POPULATE,
        MmapFlags.NO_RESERVE,
        MmapFlags.HUGE_PAGES,
        MmapFlags.STACK,
        MmapFlags.LOCKED,
        MmapFlags.SHARED | MmapFlags.SEQUENTIAL,
    ],
    ids=str,
)
def test_what_is_no_advice_is_refused(flag: MmapFlags, page: int) -> None:
    with MmapOptions(page).map_mut() as mapping:
        before = flags_of(mapping, page)
        with pytest.raises(InvalidOperationError):
            mapping.advise(flag)
        assert flags_of(mapping, page) == before


def test_no_advice_is_nothing(page: int) -> None:
    with MmapOptions(page).map_mut() as mapping:
        before = flags_of(mapping, page)
        mapping.advise(NONE)
        assert flags_of(mapping, page) == before


def test_advices_together(page: int) -> None:
    with MmapOptions(page).map_mut() as mapping:
        mapping.advise(MmapFlags.NO_CORE_DUMP | MmapFlags.SEQUENTIAL)
        assert {"dd", "sr"} <= flags_of(mapping, page)[0]


def test_dontneed_empties_private_memory(page: int) -> None:
    with MmapOptions(4 * page).map_mut() as mapping:
        mapping.fill(7)
        mapping.advise(MmapFlags.DONTNEED, range(page, 3 * page))
        assert mapping[:] == b"\7" * page + bytes(2 * page) + b"\7" * page


def test_a_consumed_mapping_takes_no_advice(page: int) -> None:
    mapping = MmapOptions(page).map_mut()
    mapping.close()
    with pytest.raises(ConsumedError):
        mapping.advise(MmapFlags.SEQUENTIAL)


def test_advice_before_the_refused_one_is_given(page: int) -> None:
    with hole(page) as address, MmapOptions(page).with_address(address).map_mut() as mapping:
        mapping.lock()  # locked pages can't be given back
        with pytest.raises(SystemCallError, match="DONTNEED"):
            mapping.advise(MmapFlags.DONTNEED | MmapFlags.NO_CORE_DUMP)
        assert "dd" in smaps_at(address).vm_flags


# --- lock() and unlock()


def test_lock_and_unlock(page: int) -> None:
    options = MmapOptions(PAGES * page)
    with hole(PAGES * page) as address, options.with_address(address).map_mut() as mapping:
        mapping.lock()
        assert smaps_at(address).sizes["Locked"] == PAGES * page
        assert "lo" in smaps_at(address).vm_flags
        mapping.unlock()
        assert smaps_at(address).sizes["Locked"] == 0
        assert "lo" not in smaps_at(address).vm_flags
        mapping.unlock()


def test_lock_of_inaccessible_memory_fails_and_says_so(page: int) -> None:
    with MmapOptions(page).map_none() as mapping:
        # mlock(2) fails to bring the pages in.
        with pytest.raises(SystemCallError, match="lock"):
            mapping.lock()
        assert not mapping.closed
        assert mapping.size() == page


@pytest.mark.parametrize("first", [0, 1])
def test_a_refused_lock_leaves_what_was_not_locked(first: int, page: int) -> None:
    with hole(4 * page) as address:
        low = MmapOptions(4 * page).with_address(address).map_mut()
        parts = [low, low.split_off(2 * page)]
        parts[first].lock()
        low.merge(parts[1])
        tail = low.split_off(3 * page)
        low.merge(tail)
        # The system marks all of it, and then fails to bring the pages in.
        mapping = low.make_none()
        with pytest.raises(SystemCallError, match="mlock"):
            mapping.lock()
        marked = ["lo" in smaps_at(address + at * page).vm_flags for at in range(4)]
        assert marked == [first == 0, first == 0, first == 1, first == 1]
        mapping.unlock()
        assert "lo" not in smaps_at(address).vm_flags
        with pytest.raises(SystemCallError, match="mlock"):
            mapping.lock()
        assert "lo" not in smaps_at(address).vm_flags
        mapping.close()


def test_the_limit_of_locked_memory_is_named() -> None:
    check_child("""
        import os, resource
        from mmap_rs import InvalidSizeError, MmapFlags, MmapOptions, SystemCallError

        try:
            MmapOptions(0)  # brings in all that nobody may not import
        except InvalidSizeError:
            pass
        size = 64 * MmapOptions.page_size()
        m = MmapOptions(size).map_mut()
        options = MmapOptions(size).with_flags(MmapFlags.LOCKED)
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (size // 2, size // 2))
        if os.geteuid() == 0:
            os.setuid(65534)
        for act in (m.lock, options.map_mut):
            try:
                act()
            except SystemCallError as error:
                assert isinstance(error, OSError) and error.errno, error
                assert "RLIMIT_MEMLOCK" in str(error), error
            else:
                raise AssertionError("locked more than the limit")
        m[0] = 1
    """)


def test_a_refused_advice_leaves_nothing_mapped(page: int) -> None:
    size = PAGES * page
    options = MmapOptions(size).with_flags(MmapFlags.LOCKED | MmapFlags.DONTNEED)
    with hole(size) as address:
        for _ in range(5):
            with pytest.raises(SystemCallError):
                options.with_address(address).map_mut()
        assert mapped_bytes(address, address + size) == 0
