"""`map_file`: a mapping of a file in one call, with the modes of `numpy.memmap`."""

from __future__ import annotations

import errno
import operator
import os
import stat
import sys
from typing import TYPE_CHECKING, overload

from mmap_rs._errors import InvalidSizeError, SystemCallError
from mmap_rs._flags import MmapFlags
from mmap_rs._mmap_rs import MemoryFile, MmapOptions

if TYPE_CHECKING:
    from typing import Any, Literal, SupportsIndex

    from _typeshed import FileDescriptorLike, StrOrBytesPath

    from mmap_rs._mmap_rs import Mmap, MmapMut

_MODES = ("r", "r+", "c", "w+")
# How much is written at a time where a file system can't allocate space otherwise.
_BLOCK = 1 << 20


@overload
def map_file(
    file: FileDescriptorLike | StrOrBytesPath | MemoryFile,
    mode: Literal["r"] = "r",
    *,
    size: SupportsIndex | None = None,
    offset: SupportsIndex = 0,
) -> Mmap: ...
@overload
def map_file(
    file: FileDescriptorLike | StrOrBytesPath | MemoryFile,
    mode: Literal["r+", "c", "w+"],
    *,
    size: SupportsIndex | None = None,
    offset: SupportsIndex = 0,
) -> MmapMut: ...
@overload
def map_file(
    file: FileDescriptorLike | StrOrBytesPath | MemoryFile,
    mode: str,
    *,
    size: SupportsIndex | None = None,
    offset: SupportsIndex = 0,
) -> Mmap | MmapMut: ...
def map_file(
    file: FileDescriptorLike | StrOrBytesPath | MemoryFile,
    mode: str = "r",
    *,
    size: SupportsIndex | None = None,
    offset: SupportsIndex = 0,
) -> Mmap | MmapMut:
    """Map a file, with the modes of `numpy.memmap`.

    - `"r"`: for reading. Returns an `Mmap`.
    - `"r+"`: for reading and writing; what is written reaches the file. Returns an `MmapMut`.
    - `"c"`: copy-on-write: what is written stays in this process, and the file never changes. Returns an
      `MmapMut`.
    - `"w+"`: makes the file, or cuts an existing one to nothing, then makes it `offset + size` bytes long and
      allocates their disk space, so that a full disk is an error here. Returns an `MmapMut` as for `"r+"`,
      full of zeros.

    All but `"c"` are `SHARED`: others that map the file see the same bytes.

    Args:
        file: a path, a descriptor, an object with `fileno()`, or a `MemoryFile`.
        mode: one of those above.
        size: how many bytes to map; by default the rest of the file. The mode `"w+"` needs it. The mapping
            of an empty rest is empty.
        offset: where in the file the mapping starts, in bytes, a multiple of
            `MmapOptions.allocation_granularity()`.

    Raises:
        ValueError: if `mode` is none of those above.
        InvalidSizeError: if the size is 0 or missing, the file is shorter, or has no size.
        InvalidOffsetError: if the offset is not such a multiple.
        IsADirectoryError: if it is a directory.
        SystemCallError: if the system refuses, as `FileNotFoundError` or `PermissionError` too.

    Nothing is made, cut or written if an argument is wrong.

    Upstream: none.

    Examples:
        >>> with map_file("squares.bin", "w+", size=8) as m:
        ...     m[:] = bytes(n * n for n in range(8))
        >>> with map_file("squares.bin") as m:
        ...     m[3], m.size()
        (9, 8)
    """
    if mode not in _MODES:
        msg = f"mode must be 'r', 'r+', 'c' or 'w+', not {mode!r}"
        raise ValueError(msg)
    try:
        options = _options(file, mode, size, offset)
        if mode == "r":
            return options.with_flags(MmapFlags.SHARED).map()
        if mode != "c":
            options = options.with_flags(MmapFlags.SHARED)
        return options.map_mut()
    except (OSError, InvalidSizeError) as error:
        # Each system has its own answer to who opens or maps one.
        if isinstance(error, IsADirectoryError) or not _is_directory(file):
            raise
        raise _refused(errno.EISDIR, file, "map") from None


# Where users import it from: what `help()` shows.
map_file.__module__ = "mmap_rs"


def _options(
    file: FileDescriptorLike | StrOrBytesPath | MemoryFile,
    mode: str,
    size: SupportsIndex | None,
    offset: SupportsIndex,
) -> MmapOptions:
    if mode != "w+":
        if size is None:
            return MmapOptions.for_file(file, offset)
        return MmapOptions(size).with_file(file, offset)
    if size is None:
        msg = "mode 'w+' makes the file, and needs its size: map_file(path, 'w+', size=n)"
        raise InvalidSizeError(msg)
    length, start = operator.index(size), operator.index(offset)
    # Refuses what is wrong of both, before the file is touched.
    options = MmapOptions(length).with_file(file, start)
    if start + length > sys.maxsize:
        msg = f"{length} bytes from offset {start} on are more than a file can hold"
        raise InvalidSizeError(msg)
    _make(file, start + length)
    return options


def _make(file: FileDescriptorLike | StrOrBytesPath | MemoryFile, length: int) -> None:
    """Make a file, or cut it to nothing, and give it so many bytes of disk space."""
    if isinstance(file, MemoryFile) and sys.platform == "win32":
        file.resize(length)  # says why not
        return
    number = file if isinstance(file, int) else _number(file)
    try:
        if number is not None:
            os.truncate(number, 0)
            _allocate(number, length)
            return
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0)
        flags |= getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)
        number = os.open(file, flags, 0o666)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        try:
            _allocate(number, length)
        finally:
            os.close(number)
    except OSError as error:
        raise _refused(error.errno or 0, file, f"make a file of {length} bytes", error) from None


def _number(file: Any) -> int | None:
    """Return the descriptor of an object that has one."""
    fileno = getattr(file, "fileno", None)
    return None if fileno is None else operator.index(fileno())


def _allocate(number: int, length: int) -> None:
    """Give an empty file so many bytes of zeros, with their space on the disk."""
    if sys.platform == "win32":
        # NTFS allocates what a file that is not sparse holds.
        os.truncate(number, length)
        return
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(number, 0, length)
        except OSError as error:
            # What file systems without such a call answer, by way of C libraries that don't write instead.
            if error.errno not in {errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS}:
                os.truncate(number, 0)
                raise
        else:
            return
    _write_zeros(number, length)


def _write_zeros(number: int, length: int) -> None:
    zeros = memoryview(bytes(min(length, _BLOCK)))
    written = 0
    try:
        while written < length:
            written += os.pwrite(number, zeros[: length - written], written)
    except OSError:
        os.truncate(number, 0)
        raise


def _is_directory(file: Any) -> bool:
    try:
        number = _number(file)
        return stat.S_ISDIR(os.stat(file if number is None else number).st_mode)
    except (OSError, TypeError, ValueError):
        return False


def _refused(
    number: int, file: Any, operation: str, error: OSError | None = None
) -> SystemCallError:
    named: object = None if _is_unnamed(file) else _path(file)
    text = os.strerror(number) if error is None or error.strerror is None else error.strerror
    winerror = getattr(error, "winerror", None)
    return SystemCallError(number, text, named, winerror, operation=operation)


def _is_unnamed(file: object) -> bool:
    return isinstance(file, int | MemoryFile) or hasattr(file, "fileno")


def _path(file: os.PathLike[str] | str) -> str:
    return os.fspath(file)
