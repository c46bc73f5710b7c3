"""The mode `"w+"` of `map_file`: a file that is made, or made anew, and mapped."""

from __future__ import annotations

import contextlib
import errno
import operator
import os
import stat
import sys
from typing import TYPE_CHECKING

from mmap_rs._errors import InvalidSizeError, SystemCallError
from mmap_rs._flags import MmapFlags
from mmap_rs._mmap_rs import MemoryFile, MmapOptions, _map_made

if TYPE_CHECKING:
    from typing import Any, SupportsIndex

    from mmap_rs._mmap_rs import MmapMut

# How much is written at a time where a file system can't allocate space otherwise.
_BLOCK = 1 << 20


def map_made(file: Any, size: SupportsIndex | None, offset: SupportsIndex) -> MmapMut:
    """Make a file of zeros, or make one anew, and map it."""
    if size is None:
        msg = "mode 'w+' makes the file, and needs its size: map_file(path, 'w+', size=n)"
        raise InvalidSizeError(msg)
    length, start = operator.index(size), operator.index(offset)
    options = MmapOptions(length).with_file(file, start).with_flags(MmapFlags.SHARED)
    if start + length > sys.maxsize:
        msg = f"{length} bytes from offset {start} on are more than a file can hold"
        raise InvalidSizeError(msg)
    if sys.platform == "win32" and isinstance(file, MemoryFile):
        file.resize(start + length)  # says why not
    number, is_new = _opened(file, start + length)
    try:
        try:
            return _made(options, number, file, start + length)
        finally:
            os.close(number)
    except BaseException:
        if is_new:
            with contextlib.suppress(OSError):
                os.unlink(file)
        raise


def _opened(file: Any, length: int) -> tuple[int, bool]:
    """Return a descriptor of our own, and whether the file is a new one."""
    if not isinstance(file, str | bytes):
        number = file if isinstance(file, int) else file.fileno()
        return os.dup(number), False
    flags = os.O_RDWR | os.O_CREAT
    # As the mapping opens it: a pipe is not waited for, and a terminal does not become the process's own.
    for name in ("O_CLOEXEC", "O_NONBLOCK", "O_NOCTTY", "O_BINARY", "O_NOINHERIT"):
        flags |= getattr(os, name, 0)
    try:
        with contextlib.suppress(FileExistsError):
            return os.open(file, flags | os.O_EXCL, 0o666), True
        return os.open(file, flags, 0o666), False
    except OSError as error:
        raise _refused(error, file, length) from None


def _made(options: MmapOptions, number: int, file: Any, length: int) -> MmapMut:
    """Give the file its zeros and map it; give it its old size again where that fails."""
    before = os.fstat(number)
    # macOS does not call a file in memory a regular one.
    if not stat.S_ISREG(before.st_mode) and not isinstance(file, MemoryFile):
        name = repr(file) if isinstance(file, str | bytes) else "the descriptor's file"
        msg = f"mode 'w+' makes regular files, and {name} is not one"
        raise InvalidSizeError(msg)

    def make() -> None:
        try:
            _fill(number, before.st_size, length)
        except OSError as error:
            raise _refused(error, file, length, _hint(error, number, file)) from None

    try:
        return _map_made(options, make)
    except BaseException:
        with contextlib.suppress(OSError):
            if os.fstat(number).st_size != before.st_size:
                os.truncate(number, before.st_size)
        raise


def _fill(number: int, size: int, length: int) -> None:
    """Replace the bytes of a file by zeros, with their space on the disk."""
    if size > 0 and _seals(number) & getattr(_fcntl(), "F_SEAL_SHRINK", 0):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))
    # Whether there is space is known before a byte is lost.
    _allocate(number, size, length)
    if size > 0:
        os.truncate(number, 0)
        _allocate(number, 0, length)


def _allocate(number: int, size: int, length: int) -> None:
    """Make a file of so many bytes at least as long as that, with the space on the disk."""
    if sys.platform == "win32":
        # NTFS allocates what a file that is not sparse holds.
        if size < length:
            os.truncate(number, length)
        return
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(number, 0, length)
        except OSError as error:
            # What file systems without such a call answer, by way of C libraries that don't write instead.
            if error.errno not in {errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS}:
                raise
        else:
            return
    _write_zeros(number, size, length)


def _write_zeros(number: int, start: int, stop: int) -> None:
    zeros = memoryview(bytes(min(max(stop - start, 0), _BLOCK)))
    while start < stop:
        written = os.pwrite(number, zeros[: stop - start], start)
        if written == 0:
            raise OSError(errno.EIO, "the file system wrote nothing, and gave no error")
        start += written


def _fcntl() -> Any:
    """Return the module `fcntl`; `None` on Windows."""
    try:
        import fcntl
    except ImportError:
        return None
    return fcntl


def _seals(number: int) -> int:
    """Return what is forbidden of a file in memory; 0 of others."""
    fcntl = _fcntl()
    try:
        return int(fcntl.fcntl(number, fcntl.F_GET_SEALS))
    except (AttributeError, OSError):
        return 0


def _hint(error: OSError, number: int, file: Any) -> str | None:
    if error.errno == errno.EPERM and _seals(number):
        return "the file is sealed against another size"
    if error.errno == errno.ENOSPC and isinstance(file, MemoryFile):
        return "not enough memory, or free huge pages of this size"
    return None


def _refused(error: OSError, file: Any, length: int, hint: str | None = None) -> SystemCallError:
    number, text = error.errno or 0, error.strerror or str(error)
    path = file if isinstance(file, str | bytes) else None
    winerror = getattr(error, "winerror", None)
    operation = f"making a file of {length} bytes"
    return SystemCallError(number, text, path, winerror, operation=operation, hint=hint)
