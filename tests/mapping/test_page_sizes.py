"""Page sizes that options ask for: the rules that need no free huge page."""

import errno
import os
import sys
from pathlib import Path

import pytest

from mmap_rs import (
    InvalidOperationError,
    InvalidSizeError,
    MmapFlags,
    MmapOptions,
    PageSize,
    PageSizes,
    SystemCallError,
)
from tests.support.child_process import check_child
from tests.support.os_features import memfd
from tests.support.procfs import meminfo, smaps_at

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="looks for huge pages where Linux keeps them"
)

HUGE = MmapFlags.HUGE_PAGES


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
        assert smaps_at(mapping.start()).sizes["KernelPageSize"] == page


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
            area = smaps_at(mapping.start())
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
            assert smaps_at(mapping.start()).sizes["KernelPageSize"] == 1 << 30
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
