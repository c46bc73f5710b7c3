"""A binary file object over a mapping."""

from __future__ import annotations

import errno
import io
import operator
import os
import sys
import threading
from typing import TYPE_CHECKING, NoReturn, SupportsIndex, cast

from mmap_rs._errors import ConsumedError, InvalidSizeError
from mmap_rs._mmap_rs import MmapMut

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from mmap_rs._mmap_rs import Mmap

# How far readline() looks at a time where the mapping itself cannot search.
_LINE_CHUNK = 8 * 1024


class MappingFile(io.BufferedIOBase):
    """A seekable binary file over the bytes of a mapping; writable over an `MmapMut`.

    Its size is that of the mapping and never changes: a write that would pass the end raises
    `InvalidSizeError` and writes nothing. There is no buffer: a write is in the mapping at once.

    Until it is closed it holds a buffer over the mapping, which can therefore not be closed or changed.
    After `close(defer=True)` of the mapping the file goes on working.
    """

    _mapping: Mmap | MmapMut | None = None
    _view: memoryview | None = None

    def __init__(self, mapping: Mmap | MmapMut) -> None:
        self._lock = threading.RLock()
        self._position = 0
        self._view = memoryview(mapping)
        self._mapping = mapping

    @property
    def mapping(self) -> Mmap | MmapMut:
        """The mapping under this file; `ValueError` once the file is closed."""
        return self._opened()[0]

    @property
    def name(self) -> Mmap | MmapMut:
        """The mapping too: what wraps a file shows its `name`; no string, since there is no path."""
        return self.mapping

    def __repr__(self) -> str:
        if self._mapping is None:
            return f"<{type(self).__name__} closed>"
        return f"<{type(self).__name__} position={self._position} over {self._mapping!r}>"

    def __reduce__(self) -> NoReturn:
        msg = f"a {type(self).__name__} can't be pickled or copied: its mapping has one owner"
        raise TypeError(msg)

    # The state

    def close(self) -> None:
        """Close the file and give up its buffer over the mapping; a second call does nothing."""
        if self._view is None:
            # Also the case of an object whose __init__ failed, which has no lock.
            super().close()
            return
        with self._lock:
            super().close()
            view, self._view, self._mapping = self._view, None, None
            # Another thread may have closed it before this one got the lock.
            if view is not None:  # pragma: no branch
                view.release()

    def readable(self) -> bool:
        """Return `True`."""
        self._opened()
        return True

    def writable(self) -> bool:
        """Tell whether the mapping is an `MmapMut`."""
        return isinstance(self.mapping, MmapMut)

    def seekable(self) -> bool:
        """Return `True`."""
        self._opened()
        return True

    def tell(self) -> int:
        """Return the position, in bytes from the start."""
        self._opened()
        return self._position

    def seek(self, offset: SupportsIndex, whence: int = os.SEEK_SET, /) -> int:
        """Move to `offset` bytes from the start (0), the position (1) or the end (2); return the position.

        It may lie past the end; a read from there gives nothing. Before the start: `ValueError` if
        `whence` is 0, else `OSError`.
        """
        distance, origin = operator.index(offset), operator.index(whence)
        with self._lock:
            _, view = self._opened()
            if origin == os.SEEK_SET:
                if distance < 0:
                    msg = f"negative seek position {distance}"
                    raise ValueError(msg)
                position = distance
            elif origin == os.SEEK_CUR:
                position = self._position + distance
            elif origin == os.SEEK_END:
                position = len(view) + distance
            else:
                msg = f"whence must be 0, 1 or 2, not {origin}"
                raise ValueError(msg)
            if position < 0:
                # As a file of the system does; zipfile relies on it.
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            if position > sys.maxsize:
                msg = f"seek position {position} is too large: at most {sys.maxsize}"
                raise OverflowError(msg)
            self._position = position
            return position

    def truncate(self, size: int | None = None, /) -> NoReturn:  # noqa: ARG002
        """Raise `io.UnsupportedOperation`: a mapping keeps its size."""
        _, view = self._opened()
        msg = f"truncate: a mapping keeps its size, {len(view)} bytes"
        raise io.UnsupportedOperation(msg)

    # Reading

    def read(self, size: int | None = -1, /) -> bytes:
        """Return up to `size` bytes from the position on; all to the end if it is negative or `None`."""
        limit = _limit(size)
        with self._lock:
            data = self._load(*self._span(limit))
            self._position += len(data)
            return data

    def read1(self, size: int = -1, /) -> bytes:
        """Do the same as `read`."""
        return self.read(size)

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill `buffer` from the position on; return the number of bytes, 0 at the end."""
        with memoryview(buffer) as target, _as_bytes(target) as octets, self._lock:
            data = self._load(*self._span(len(octets)))
            octets[: len(data)] = data
            self._position += len(data)
            return len(data)

    def readinto1(self, buffer: Buffer, /) -> int:
        """Do the same as `readinto`."""
        return self.readinto(buffer)

    def readline(self, size: int | None = -1, /) -> bytes:
        r"""Return the bytes up to and with the next `\n`, but no more than `size` unless it is negative."""
        limit = _limit(size)
        with self._lock:
            start, stop = self._span(limit)
            newline = self._find_newline(start, stop)
            if newline >= 0:
                stop = newline + 1
            line = self._load(start, stop)
            self._position += len(line)
            return line

    # Writing

    def write(self, buffer: Buffer, /) -> int:
        """Write all of `buffer` at the position and return its number of bytes.

        Raises `InvalidSizeError`, and writes nothing, if it would pass the end; `io.UnsupportedOperation`
        if the mapping is not an `MmapMut`.
        """
        if not self.writable():
            msg = "write: the mapping is read-only; make_mut() makes it writable"
            raise io.UnsupportedOperation(msg)
        with memoryview(buffer) as source, _as_bytes(source) as octets, self._lock:
            _, view = self._opened()
            count, start = len(octets), self._position
            if count == 0:
                return 0
            if count > len(view) - start:
                msg = f"{count} bytes at {start} would pass the end of the mapping's {len(view)} bytes"
                raise InvalidSizeError(msg)
            self._store(start, octets)
            self._position += count
            return count

    # Helpers; all but _opened are called with the lock held

    def _opened(self) -> tuple[Mmap | MmapMut, memoryview]:
        mapping, view = self._mapping, self._view
        if mapping is None or view is None:
            msg = "I/O operation on closed file"
            raise ValueError(msg)
        return mapping, view

    def _span(self, limit: int | None) -> tuple[int, int]:
        """Return the range of at most `limit` bytes from the position on; empty past the end."""
        _, view = self._opened()
        start = min(self._position, len(view))
        return start, len(view) if limit is None else min(start + limit, len(view))

    # Bytes go through the mapping's own methods, which let other threads run during a long copy and tell
    # of a fault. After close(defer=True) the mapping answers no more, but the buffer keeps its memory.

    def _load(self, start: int, stop: int) -> bytes:
        mapping, view = self._opened()
        try:
            return mapping[start:stop]
        except ConsumedError:
            return bytes(view[start:stop])

    def _store(self, start: int, octets: memoryview) -> None:
        mapping, view = self._opened()
        stop = start + len(octets)
        try:
            cast("MmapMut", mapping)[start:stop] = octets
        except ConsumedError:
            view[start:stop] = octets

    def _find_newline(self, start: int, stop: int) -> int:
        mapping, view = self._opened()
        try:
            return mapping.find(b"\n", start, stop)
        except ConsumedError:
            for at in range(start, stop, _LINE_CHUNK):
                found = bytes(view[at : min(at + _LINE_CHUNK, stop)]).find(b"\n")
                if found >= 0:
                    return at + found
            return -1


def _limit(size: int | None) -> int | None:
    """Return `size` as a limit: `None` if there is none."""
    if size is None:
        return None
    limit = operator.index(size)
    return None if limit < 0 else limit


def _as_bytes(buffer: memoryview) -> memoryview:
    """Return the bytes of a contiguous buffer of any format and shape."""
    if not buffer.c_contiguous:
        msg = "the buffer must be C-contiguous: copy it with bytes() first"
        raise BufferError(msg)
    # cast() refuses a shape of several dimensions with a zero in it.
    return buffer.cast("B") if buffer.nbytes else memoryview(bytearray())
