"""`map_file`: a mapping of a file in one call, with the modes of `numpy.memmap`."""

from __future__ import annotations

import errno
import operator
import os
import stat
from typing import TYPE_CHECKING, SupportsIndex, overload

from mmap_rs._errors import InvalidSizeError, SystemCallError
from mmap_rs._flags import MmapFlags
from mmap_rs._make_file import map_made
from mmap_rs._mmap_rs import MemoryFile, MmapOptions

if TYPE_CHECKING:
    from typing import Any, Literal

    from _typeshed import FileDescriptorLike, StrOrBytesPath

    from mmap_rs._mmap_rs import Mmap, MmapMut

_MODES = ("r", "r+", "c", "w+")


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
        InvalidSizeError: if the size is 0 or missing, the file is shorter, or has no size;
            with "w+" also if it is not a regular file.
        InvalidOffsetError: if the offset is not such a multiple.
        IsADirectoryError: if it is a directory.
        SystemCallError: if the system refuses, as `FileNotFoundError` or `PermissionError` too.

    If it fails, a file that is there keeps its size, and a new one is removed. Its bytes are cut only once
    the file is known to be one that can be mapped, and its disk to have the space.

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
    file = _asked_once(file)
    try:
        if mode == "w+":
            return map_made(file, size, offset)
        if size is None:
            options = MmapOptions.for_file(file, offset)
        else:
            options = MmapOptions(size).with_file(file, offset)
        if mode == "c":
            return options.map_mut()
        options = options.with_flags(MmapFlags.SHARED)
        return options.map() if mode == "r" else options.map_mut()
    except (OSError, InvalidSizeError) as error:
        if mode == "r+" and isinstance(error, SystemCallError) and error.errno == errno.ENOENT:
            # The size is asked for first, of a file that is open for reading.
            error.operation = "open for reading and writing"
        # Each system has its own answer to who opens or maps one.
        if isinstance(error, IsADirectoryError) or not _is_directory(file):
            raise
        path = file if isinstance(file, str | bytes) else None
        raise SystemCallError(
            errno.EISDIR, os.strerror(errno.EISDIR), path, operation="map"
        ) from None


# Where users import it from: what `help()` shows.
map_file.__module__ = "mmap_rs"


class _OpenFile:
    """A file of the user's that has a descriptor."""

    def __init__(self, file: object, descriptor: int, name: object) -> None:
        # A file that nobody else keeps would close its descriptor before it is mapped.
        self._file = file
        self._descriptor = descriptor
        self.name = name

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor


def _asked_once(file: Any) -> Any:
    """Return the file in a form that runs no more code of the user's: the answers could differ."""
    if isinstance(file, MemoryFile | str | bytes):
        return file
    if isinstance(file, SupportsIndex):
        return operator.index(file)
    if hasattr(file, "fileno"):
        return _OpenFile(file, operator.index(file.fileno()), _name(file))
    return _path(file) if hasattr(file, "__fspath__") else file


def _path(file: os.PathLike[str]) -> str:
    return os.fspath(file)


def _name(file: Any) -> object:
    try:
        return getattr(file, "name", None)
    except Exception:  # noqa: BLE001 - a file that can't name itself is unnamed
        return None


def _is_directory(file: Any) -> bool:
    try:
        number = file.fileno() if hasattr(file, "fileno") else file
        return stat.S_ISDIR(os.stat(number).st_mode)
    except (OSError, TypeError, ValueError):
        return False
