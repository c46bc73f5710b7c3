"""The exceptions: their bases, fields, text, pickles; and which one each kind of refusal raises."""

from __future__ import annotations

import copy
import errno
import os
import pickle
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

import mmap_rs
from mmap_rs import (
    AttributeMismatchError,
    BackingMismatchError,
    ConsumedError,
    Error,
    FaultError,
    InvalidOffsetError,
    InvalidOperationError,
    InvalidSizeError,
    MemoryAreas,
    MmapFlags,
    MmapOptions,
    MustBeAdjacentError,
    ParseError,
    SystemCallError,
    UnsafeFlagNeededError,
    UnsafeMmapFlags,
)
from tests.support.child_process import check_child
from tests.support.os_features import memfd
from tests.support.procfs import meminfo

pytestmark = pytest.mark.parallel

PLAIN: dict[type[Error], str] = {
    InvalidSizeError: "InvalidSize",
    InvalidOffsetError: "InvalidOffset",
    InvalidOperationError: "InvalidOperation",
    MustBeAdjacentError: "MustBeAdjacent",
    AttributeMismatchError: "AttributeMismatch",
    BackingMismatchError: "BackingMismatch",
    ConsumedError: "Consumed",
}

# Every number the system has a name for, one it has not, and none at all.
ERRNOS = [*sorted(errno.errorcode), 9999, 0]

COPIES: list[Callable[[BaseException], BaseException]] = [
    copy.copy,
    copy.deepcopy,
    *(
        lambda error, protocol=protocol: pickle.loads(pickle.dumps(error, protocol))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    ),
]


class NamedError(SystemCallError):
    """A subclass that takes the base's arguments."""


class PathError(SystemCallError):
    """A subclass with arguments of its own."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.ENOENT, "not there", path, operation="open", hint="make it")
        self.path = path


@pytest.mark.parametrize("kind", PLAIN)
def test_plain_errors(kind: type[Error]) -> None:
    error = kind("what is wrong")
    assert isinstance(error, Error)
    assert isinstance(error, ValueError)
    assert not isinstance(error, OSError)
    assert str(error) == "what is wrong"
    assert error.args == ("what is wrong",)
    assert error.variant == kind.variant == PLAIN[kind]


def test_base() -> None:
    assert Error.__bases__ == (Exception,)
    assert Error.variant == ""


def test_all_errors_derive_from_the_base_and_name_the_package() -> None:
    kinds = [getattr(mmap_rs, name) for name in mmap_rs.__all__ if name.endswith("Error")]
    assert len(kinds) == 12
    for kind in kinds:
        assert issubclass(kind, Error)
        assert kind.__module__ == "mmap_rs"
        assert kind.__doc__


def test_unsafe_flag_needed() -> None:
    error = UnsafeFlagNeededError("JIT must be set", UnsafeMmapFlags.JIT)
    assert isinstance(error, Error)
    assert isinstance(error, ValueError)
    assert error.variant == "UnsafeFlagNeeded"
    assert error.flags is UnsafeMmapFlags.JIT
    assert str(error) == "JIT must be set"


def test_parse_error() -> None:
    assert issubclass(ParseError, ValueError)
    assert ParseError("bad number").variant == "ParseInt"
    assert ParseError("too large", variant="TryFromInt").variant == "TryFromInt"
    error = ParseError("no text", variant="Utf8")
    assert error.variant == "Utf8"
    assert str(error) == "no text"


def test_fault_error() -> None:
    error = FaultError("the file has shrunk")
    assert isinstance(error, Error)
    assert isinstance(error, OSError)
    assert not isinstance(error, (ValueError, SystemCallError))
    assert error.variant == "Fault"
    assert str(error) == "the file has shrunk"


@pytest.mark.parametrize("number", ERRNOS)
def test_system_call_error_is_the_builtin_class_of_its_errno(number: int) -> None:
    builtin = type(OSError(number, ""))
    error = SystemCallError(number, os.strerror(number))
    assert isinstance(error, SystemCallError)
    assert isinstance(error, builtin)
    assert isinstance(error, Error)
    # And of no other number.
    assert type(error).__mro__.count(builtin) == 1
    others = {type(OSError(other, "")) for other in ERRNOS} - set(builtin.__mro__)
    assert not isinstance(error, tuple(others))
    assert (error.errno, error.strerror) == (number, os.strerror(number))
    assert error.args == (number, os.strerror(number))
    assert error.filename is None
    assert error.variant == "Io"
    assert str(error) == str(OSError(number, os.strerror(number)))
    assert type(error) is type(SystemCallError(number, "another text"))


def test_errnos_cover_the_builtin_classes() -> None:
    builtins = {type(OSError(number, "")) for number in ERRNOS} - {OSError}
    assert len(builtins) >= 14
    assert {PermissionError, FileNotFoundError, ProcessLookupError, BlockingIOError} <= builtins


@pytest.mark.parametrize("caught", [PermissionError, SystemCallError, Error, OSError, Exception])
def test_raised_by_hand_and_caught(caught: type[Exception]) -> None:
    with pytest.raises(caught) as info:
        raise SystemCallError(errno.EACCES, "Permission denied")
    assert isinstance(info.value, SystemCallError)
    text = "".join(traceback.format_exception_only(info.value))
    assert text == "mmap_rs.SystemCallError: [Errno 13] Permission denied\n"


def test_an_unmatched_builtin_does_not_catch() -> None:
    with pytest.raises(SystemCallError):
        try:
            raise SystemCallError(errno.EACCES, "Permission denied")
        except FileNotFoundError:
            pytest.fail("EACCES is no FileNotFoundError")


def test_system_call_error_text() -> None:
    def text(*, operation: str | None = None, hint: str | None = None) -> str:
        reason = "Cannot allocate memory"
        return str(SystemCallError(12, reason, operation=operation, hint=hint))

    assert text() == "[Errno 12] Cannot allocate memory"
    assert text(operation="mlock of 8192 bytes") == (
        "mlock of 8192 bytes failed: [Errno 12] Cannot allocate memory"
    )
    assert text(hint="close some") == "[Errno 12] Cannot allocate memory; close some"
    assert text(
        operation="mlock of 8192 bytes", hint="raise the limit RLIMIT_MEMLOCK (ulimit -l)"
    ) == (
        "mlock of 8192 bytes failed: [Errno 12] Cannot allocate memory; "
        "raise the limit RLIMIT_MEMLOCK (ulimit -l)"
    )


def test_system_call_error_fields() -> None:
    error = SystemCallError(
        errno.ENOENT, "gone", "a", None, "b", operation="open", hint="look", variant="Nix"
    )
    assert isinstance(error, FileNotFoundError)
    assert (error.filename, error.filename2) == ("a", "b")
    assert (error.operation, error.hint, error.variant) == ("open", "look", "Nix")
    assert error.args == (errno.ENOENT, "gone")
    assert str(error) == "open failed: [Errno 2] gone: 'a' -> 'b'; look"
    assert repr(error) == f"SystemCallError({errno.ENOENT}, 'gone')"


def test_winerror_is_for_windows() -> None:
    error = SystemCallError(errno.EACCES, "no", winerror=5)
    assert isinstance(error, PermissionError)
    assert getattr(error, "winerror", None) == (5 if os.name == "nt" else None)
    assert not hasattr(SystemCallError(1, "no"), "winerror") or os.name == "nt"


def test_system_call_error_arguments() -> None:
    with pytest.raises(TypeError):
        SystemCallError()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    with pytest.raises(TypeError):
        SystemCallError(1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    with pytest.raises(TypeError):
        SystemCallError(1, "a", reason="b")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def test_subclass_stays_what_it_is() -> None:
    error = NamedError(errno.EACCES, "no", operation="map")
    assert type(error) is NamedError
    assert (error.errno, error.strerror, error.operation) == (errno.EACCES, "no", "map")
    assert str(error) == "map failed: [Errno 13] no"


def test_subclass_with_other_arguments() -> None:
    error = PathError("/nowhere")
    assert type(error) is PathError
    assert (error.errno, error.strerror, error.filename) == (errno.ENOENT, "not there", "/nowhere")
    assert str(error) == "open failed: [Errno 2] not there: '/nowhere'; make it"


@pytest.mark.parametrize("duplicate", COPIES)
@pytest.mark.parametrize(
    "error",
    [
        Error("e"),
        *(kind("text") for kind in PLAIN),
        UnsafeFlagNeededError("text", UnsafeMmapFlags.JIT | UnsafeMmapFlags.MAP_FIXED),
        ParseError("text", variant="Utf8"),
        FaultError("text"),
        FaultError(errno.EFAULT, "text"),
        SystemCallError(errno.ENOMEM, "text", operation="map", hint="less", variant="Nix"),
        SystemCallError(errno.EPERM, "text", "file", operation="map", hint="less", variant="Mach"),
        SystemCallError(errno.EAGAIN, "text", "one", None, "two"),
        NamedError(errno.EPERM, "text", "file", operation="map"),
        PathError("/nowhere"),
    ],
    ids=repr,
)
def test_pickles_and_copies(error: Error, duplicate: Callable[[Error], Error]) -> None:
    error.extra = ["kept"]  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    other = duplicate(error)
    assert other is not error
    assert type(other) is type(error)
    assert str(other) == str(error)
    assert other.args == error.args
    assert vars(other) == vars(error)
    assert other.variant == error.variant
    for name in ("errno", "strerror", "filename", "filename2"):
        assert getattr(other, name, "absent") == getattr(error, name, "absent")


def test_combined_classes_are_made_once() -> None:
    # The number is one that no other test uses, so that the threads meet at its making.
    start = Barrier(8)

    def make(_: int) -> type[object]:
        start.wait(timeout=30)
        return type(SystemCallError(errno.ECONNRESET, "text"))

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(make, range(8)))) == 1


# What the module raises


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
