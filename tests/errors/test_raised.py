"""The exceptions that the module raises: which one each kind of refusal is."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from mmap_rs import (
    BackingMismatchError,
    ConsumedError,
    Error,
    InvalidOffsetError,
    InvalidOperationError,
    InvalidSizeError,
    MemoryAreas,
    MmapFlags,
    MmapOptions,
    MustBeAdjacentError,
    SystemCallError,
    UnsafeFlagNeededError,
    UnsafeMmapFlags,
)
from tests.support.child_process import check_child
from tests.support.os_features import memfd
from tests.support.procfs import meminfo

pytestmark = pytest.mark.parallel


def test_size_zero_is_invalid_size() -> None:
    with pytest.raises(InvalidSizeError) as info:
        MmapOptions(0)
    assert type(info.value) is InvalidSizeError
    assert str(info.value)


def test_offsets_are_invalid_offset(page: int) -> None:
    mapping = MmapOptions(2 * page).map_mut()
    with pytest.raises(InvalidOffsetError) as info:
        mapping.split_off(1)
    assert type(info.value) is InvalidOffsetError
    with pytest.raises(InvalidOffsetError):
        mapping.flush(range(2 * page + 1))


def test_function_of_data_is_invalid_operation(page: int) -> None:
    with pytest.raises(InvalidOperationError) as info:
        MmapOptions(page).map().function(None)
    assert type(info.value) is InvalidOperationError


def test_writable_and_executable_needs_a_flag(page: int) -> None:
    with pytest.raises(UnsafeFlagNeededError) as info:
        MmapOptions(page).map_exec_mut()
    assert info.value.flags is UnsafeMmapFlags.JIT
    assert "JIT" in str(info.value)


def test_merge_errors(page: int, tmp_path: Path) -> None:
    mapping = MmapOptions(3 * page).map_mut()
    last = mapping.split_off(2 * page)
    middle = mapping.split_off(page)
    with pytest.raises(MustBeAdjacentError):
        mapping.merge(last)
    mapping.merge(middle)
    mapping.merge(last)
    assert len(mapping) == 3 * page

    path = tmp_path / "file"
    path.write_bytes(bytes(page))
    # Two mappings of different kinds side by side; Windows lays them at this granularity.
    unit = MmapOptions.allocation_granularity()
    with MmapOptions(2 * unit).reserve_none() as spare:
        at = spare.start()
    fixed = UnsafeMmapFlags.MAP_FIXED
    anonymous = MmapOptions(unit).with_address(at).with_unsafe_flags(fixed).map_mut()
    filed = MmapOptions(page).with_file(path).with_address(at + unit).with_unsafe_flags(fixed)
    with filed.map_mut() as second, pytest.raises(BackingMismatchError):
        anonymous.merge(second)


def test_consumed_error_names_what_consumed(page: int) -> None:
    mapping = MmapOptions(page).map_mut()
    mapping.make_read_only()
    with pytest.raises(ConsumedError, match="make_read_only"):
        mapping.size()


def test_a_missing_file_is_file_not_found(tmp_path: Path, page: int) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(FileNotFoundError) as info:
        MmapOptions(page).with_file(missing).map()
    assert isinstance(info.value, SystemCallError)
    assert info.value.errno == errno.ENOENT
    if sys.platform == "win32":
        # Windows has a text of its own, and no C function knows it.
        assert info.value.winerror == 2
        assert info.value.strerror
    else:
        assert info.value.strerror == os.strerror(errno.ENOENT)
    with pytest.raises(FileNotFoundError) as info:
        MmapOptions.for_file(missing)
    assert isinstance(info.value, SystemCallError)


def test_too_large_a_mapping_is_out_of_memory(page: int) -> None:
    size = (sys.maxsize // 2 + 1) // page * page
    with pytest.raises(SystemCallError) as info:
        # A 32-bit system has room for one or two of them.
        _ = [MmapOptions(size).map_mut() for _ in range(8)]
    assert info.value.errno == errno.ENOMEM
    assert info.value.operation is not None
    assert str(size) in str(info.value)
    assert info.value.variant in ("Io", "Nix", "Windows")


def test_no_such_process() -> None:
    # Beyond the largest process number that Linux gives out.
    with pytest.raises(ProcessLookupError) as info:
        list(MemoryAreas.open(2**22 + 1))
    assert isinstance(info.value, SystemCallError)
    assert info.value.errno == errno.ESRCH


def test_exports_block_with_the_builtin_buffer_error(page: int) -> None:
    mapping = MmapOptions(page).map_mut()
    with memoryview(mapping), pytest.raises(BufferError) as info:
        mapping.close()
    assert not isinstance(info.value, Error)
    mapping.close()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux discards no page that is locked")
def test_a_refused_advice_is_a_system_call_error(page: int) -> None:
    options = MmapOptions(page).with_flags(MmapFlags.LOCKED | MmapFlags.DONTNEED)
    with pytest.raises(SystemCallError) as info:
        options.map_mut()
    assert info.value.errno == errno.EINVAL


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_MDWE is Linux's")
def test_forbidden_execution_names_the_policies() -> None:
    output = check_child(
        """
        import ctypes, os, tempfile
        from mmap_rs import MemoryFile, MmapFlags, MmapOptions, UnsafeMmapFlags

        PR_SET_MDWE, REFUSE_EXEC_GAIN = 65, 1
        page = MmapOptions.page_size()
        file = tempfile.TemporaryFile()
        file.truncate(page)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0):
            print("skip:", os.strerror(ctypes.get_errno()))
            raise SystemExit(0)

        def refused(act):
            try:
                act()
            except PermissionError as error:
                text = str(error)
                for policy in ("SELinux", "MemoryDenyWriteExecute", "PR_SET_MDWE"):
                    assert policy in text, text
                return text
            raise AssertionError("not refused")

        jit = UnsafeMmapFlags.JIT
        for act in (
            MmapOptions(page).with_unsafe_flags(jit).map_exec_mut,
            MmapOptions(page).with_flags(MmapFlags.SHARED).map().make_exec,
            MmapOptions(page).map_mut().make_exec,
            MmapOptions(page).with_unsafe_flags(jit).map_mut().make_exec_mut,
            MmapOptions(page).with_file(MemoryFile(page)).with_flags(MmapFlags.SHARED).map_mut().make_exec,
        ):
            text = refused(act)
            assert "map a MemoryFile twice" in text
            text = text.replace("a memory file", "")
            assert "file" not in text and "noexec" not in text and "opened" not in text, text
        text = refused(MmapOptions(page).with_file(file).map().make_exec)
        assert "noexec" in text and "opened" not in text, text
        # What the hint says.
        views = MmapOptions(page).with_file(MemoryFile(page)).with_flags(MmapFlags.SHARED)
        views.map_mut(), views.map_exec()
        """
    )
    if output.startswith("skip: "):
        pytest.skip(f"no such policy in this kernel: {output.removeprefix('skip: ').strip()}")


@pytest.mark.skipif(sys.platform != "linux", reason="a file of huge pages is Linux's")
def test_an_empty_pool_is_named_for_a_file_of_huge_pages() -> None:
    try:
        size = 2 * meminfo("Hugepagesize")
    except LookupError:
        pytest.skip("this kernel has no huge pages")
    number = memfd("huge", "MFD_CLOEXEC|MFD_HUGETLB")
    try:
        # More than the machine's memory, or all that a 32-bit system has addresses for: no pool has that.
        size *= min(meminfo("MemTotal"), sys.maxsize) // size
        with pytest.raises(SystemCallError, match=r"vm\.nr_hugepages") as caught:
            MmapOptions(size).with_file(number, past_end=True).map_mut()
        assert caught.value.errno == errno.ENOMEM
        assert "RLIMIT" not in str(caught.value)
    finally:
        os.close(number)


@pytest.mark.skipif(sys.platform != "linux", reason="counts on Linux's limit of descriptors")
def test_too_many_open_files_name_their_limit() -> None:
    check_child(
        """
        import os, resource, sys
        from mmap_rs import MmapOptions, SystemCallError

        options = MmapOptions(10).with_file(sys.executable)
        options.map().close()
        try:
            MmapOptions(1).with_file(987)
        except OSError:
            pass  # and now all that is imported when needed is imported
        taken = os.open(sys.executable, os.O_RDONLY)
        resource.setrlimit(resource.RLIMIT_NOFILE, (taken + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        for act in (options.map, lambda: MmapOptions(10).with_file(taken)):
            try:
                act()
            except SystemCallError as error:
                assert "RLIMIT_NOFILE" in str(error), error
            else:
                raise AssertionError("nothing was refused")
        """
    )
