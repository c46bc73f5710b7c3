"""The exceptions: their bases, fields, text, pickles."""

from __future__ import annotations

import copy
import errno
import os
import pickle
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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
    MustBeAdjacentError,
    ParseError,
    SystemCallError,
    UnsafeFlagNeededError,
    UnsafeMmapFlags,
)

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
