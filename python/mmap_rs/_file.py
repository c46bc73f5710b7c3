"""A binary file object over a mapping."""

from __future__ import annotations

import errno
import io
import operator
import os
import sys
from typing import TYPE_CHECKING, NoReturn, Protocol, SupportsIndex

from mmap_rs._mmap_rs import Mapping, MmapMut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from mmap_rs._mmap_rs import Mmap

    class _Export(Protocol):
        """The compiled module's export of a mapping, which ends with the object."""

        def __len__(self) -> int: ...
        def close(self) -> None: ...
        def tell(self) -> int: ...
        def seek(self, position: int) -> None: ...
        def read(self, size: SupportsIndex | None = None, /) -> bytes: ...
        def readline(self, size: SupportsIndex | None = None, /) -> bytes: ...
        def __iter__(self) -> Iterator[bytes]: ...
        def __next__(self) -> bytes: ...
        def write(self, source: Buffer, /) -> int: ...


class MappingFile(io.BufferedIOBase):
    """A seekable binary file over the bytes of a mapping; writable over an `MmapMut`.

    Its size is that of the mapping and never changes: a write that would go past the end raises
    `InvalidSizeError` and writes nothing. It is unbuffered: a write reaches the mapping at once.

    While the file is open, the mapping can't be closed or changed. After `close(defer=True)` of the
    mapping, the file keeps working.
    """

    _mapping: Mmap | MmapMut | None = None
    _export: _Export | None = None

    def __init__(self, mapping: Mmap | MmapMut, export: _Export) -> None:
        self._export = export
        self._mapping = mapping
        if type(self) is MappingFile:
            # The compiled methods themselves, as lines are many. Subclasses may have their own.
            vars(self).update(read=export.read, readline=export.readline)

    @property
    def mapping(self) -> Mmap | MmapMut:
        """The mapping under this file; `ValueError` once the file is closed."""
        return self._opened()[0]

    @property
    def name(self) -> Mmap | MmapMut:
        """The mapping too, since there is no path: wrappers of files show their `name`."""
        return self.mapping

    def __repr__(self) -> str:
        mapping, export = self._mapping, self._export
        if mapping is None or export is None:
            return f"<{type(self).__name__} closed>"
        return f"<{type(self).__name__} position={export.tell()} over {mapping!r}>"

    def __reduce__(self) -> NoReturn:
        msg = f"a {type(self).__name__} can't be pickled or copied: its mapping has one owner"
        raise TypeError(msg)

    # The state

    def close(self) -> None:
        """Close the file and release the mapping; a second call does nothing."""
        # No lock: a fork, or the end of the interpreter, could have stopped the thread that holds it.
        super().close()
        export, self._export, self._mapping = self._export, None, None
        if export is not None:
            export.close()

    def __del__(self) -> None:
        # A bound `readline`, and an iterator over the lines, use the export after the file itself is gone.
        # It ends with the last of them.
        if type(self) is not MappingFile:
            super().__del__()

    def readable(self) -> bool:
        """Return `True`."""
        self._opened()
        return True

    def writable(self) -> bool:
        """Return whether the mapping is an `MmapMut`."""
        return isinstance(self.mapping, MmapMut)

    def seekable(self) -> bool:
        """Return `True`."""
        self._opened()
        return True

    def tell(self) -> int:
        """Return the position, in bytes from the start."""
        return self._opened()[1].tell()

    def seek(self, offset: SupportsIndex, whence: int = os.SEEK_SET, /) -> int:
        """Move to `offset` bytes from the start (0), the position (1) or the end (2); return the position.

        The position may be past the end, where a read returns nothing. A position before the start
        raises `ValueError` if `whence` is 0, otherwise `OSError`.
        """
        distance, origin = operator.index(offset), operator.index(whence)
        _, export = self._opened()
        if origin == os.SEEK_SET:
            if distance < 0:
                msg = f"negative seek position {distance}"
                raise ValueError(msg)
            position = distance
        elif origin == os.SEEK_CUR:
            position = export.tell() + distance
        elif origin == os.SEEK_END:
            position = len(export) + distance
        else:
            msg = f"whence must be 0, 1 or 2, not {origin}"
            raise ValueError(msg)
        if position < 0:
            # As for a regular file; zipfile relies on it.
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if position > sys.maxsize:
            msg = f"seek position {position} is too large: at most {sys.maxsize}"
            raise OverflowError(msg)
        export.seek(position)
        return position

    def truncate(self, size: SupportsIndex | None = None, /) -> int:
        """Return `size` (default: the position) if it is the mapping's size, which can't be changed.

        Any other size raises `io.UnsupportedOperation`.
        """
        wanted = None if size is None else operator.index(size)
        _, export = self._opened()
        wanted = export.tell() if wanted is None else wanted
        if wanted == len(export):
            return wanted
        msg = f"truncate to {wanted} bytes: a mapping keeps its size, {len(export)} bytes"
        raise io.UnsupportedOperation(msg)

    # Reading

    def read(self, size: int | None = -1, /) -> bytes:
        """Return up to `size` bytes from the position on, or all if `size` is negative or `None`."""
        return self._opened()[1].read(size)

    def read1(self, size: int = -1, /) -> bytes:
        """Do the same as `read`."""
        return self.read(size)

    def readinto(self, buffer: Buffer, /) -> int:
        """Read into `buffer` from the position on; return the number of bytes, 0 at the end."""
        if isinstance(buffer, MmapMut):
            # Not by a view, which knows nothing of missing pages: see the fault guard.
            data = self._opened()[1].read(len(buffer))
            buffer[: len(data)] = data
            return len(data)
        with memoryview(buffer) as target, _as_bytes(target) as octets:
            if target.readonly:
                msg = "readinto() needs a writable buffer"
                raise TypeError(msg)
            data = self._opened()[1].read(len(octets))
            octets[: len(data)] = data
            return len(data)

    def readinto1(self, buffer: Buffer, /) -> int:
        """Do the same as `readinto`."""
        return self.readinto(buffer)

    def readline(self, size: int | None = -1, /) -> bytes:
        r"""Return the bytes up to and including the next `\n`, at most `size` unless it is negative."""
        return self._opened()[1].readline(size)

    def __iter__(self) -> Iterator[bytes]:
        """Return an iterator over the lines from the position on, which moves the position."""
        export = self._opened()[1]
        return iter(export) if type(self) is MappingFile else super().__iter__()

    # Writing

    def write(self, buffer: Buffer, /) -> int:
        """Write all of `buffer` at the position and return its number of bytes.

        Raises `InvalidSizeError`, and writes nothing, if it would go past the end, and
        `io.UnsupportedOperation` if the mapping is not an `MmapMut`.
        """
        if not self.writable():
            msg = "write: the mapping is read-only; make_mut() makes it writable"
            raise io.UnsupportedOperation(msg)
        if isinstance(buffer, Mapping):
            # Not by a view, which knows nothing of missing pages: see the fault guard.
            return self._opened()[1].write(buffer)
        with memoryview(buffer) as source, _as_bytes(source) as octets:
            return self._opened()[1].write(octets)

    def _opened(self) -> tuple[Mmap | MmapMut, _Export]:
        mapping, export = self._mapping, self._export
        if mapping is None or export is None:
            msg = "I/O operation on closed file"
            raise ValueError(msg)
        return mapping, export


def _as_bytes(buffer: memoryview) -> memoryview:
    """Return the bytes of a contiguous buffer of any format and shape."""
    if not buffer.c_contiguous:
        msg = "the buffer must be C-contiguous: copy it with bytes() first"
        raise BufferError(msg)
    # cast() refuses a shape of several dimensions with a zero in it.
    return buffer.cast("B") if buffer.nbytes else memoryview(bytearray())
