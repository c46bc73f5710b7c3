"""Flag classes whose members come from the extension module, `ShareMode` and `Inherit`.

The members are read from the Rust crate's own constants at import, so that no name and no bit is
written down twice. `_flags.pyi` lists the names for type checkers.
"""

from __future__ import annotations

import operator
from enum import STRICT, Enum, IntFlag
from typing import Self, SupportsIndex

from mmap_rs._mmap_rs import flag_bits


class _Flags(IntFlag, boundary=STRICT):
    """Integer flags that refuse bits without a name."""

    @classmethod
    def _missing_(cls, value: object) -> object:
        # `enum` reads a negative number as the complement of its bits; here all its high bits are unknown.
        if isinstance(value, int) and value < 0:
            msg = f"{value!r} is not a valid {cls.__qualname__}"
            raise ValueError(msg)
        return super()._missing_(value)


# What `help()` shows of a base that is not public.
_Flags.__name__ = _Flags.__qualname__ = "Flags"
_Flags.__module__ = "mmap_rs"


class MmapFlags(_Flags):
    """Flags for a new mapping; combine them with `|`.

    - `SHARED`: changes reach the file, and every process that maps it sees them; without it the mapping is
      copy-on-write.
    - `POPULATE`: allocate memory for every page at once, so that no access faults later.
    - `NO_RESERVE`: reserve no swap space.
    - `HUGE_PAGES`: use huge pages; the size must be a multiple of the page size.
    - `STACK`: the mapping grows downward like a stack, on systems that support it.
    - `NO_CORE_DUMP`: omit the pages from core dumps.
    - `LOCKED`: keep the pages in physical memory.
    - `TRANSPARENT_HUGE_PAGES`: ask for transparent huge pages.
    - `SEQUENTIAL`: the pages will be read in order.
    - `RANDOM_ACCESS`: the pages will be read in random order.
    - `WILLNEED`: the pages will be needed soon.
    - `DONTNEED`: the pages will not be needed soon.

    A hint that the system does not know is ignored. Unknown bits raise `ValueError`.

    Examples:
        >>> flags = MmapFlags.SHARED | MmapFlags.POPULATE
        >>> MmapFlags.SHARED in flags
        True
    """

    __module__ = "mmap_rs"
    vars().update(flag_bits["MmapFlags"])


class UnsafeMmapFlags(_Flags):
    """Flags for a new mapping that can break memory safety; read about each one before you use it.

    - `MAP_FIXED`: map at exactly the given address, replacing whatever is mapped there. Not on Windows.
    - `JIT`: allow memory that is writable and executable at once. Such memory helps an attacker; prefer to
      write through `map_mut()` and then call `make_exec()`.

    Unknown bits raise `ValueError`.

    Examples:
        >>> UnsafeMmapFlags.JIT in UnsafeMmapFlags.MAP_FIXED | UnsafeMmapFlags.JIT
        True
    """

    __module__ = "mmap_rs"
    vars().update(flag_bits["UnsafeMmapFlags"])


class PageSizes(_Flags):
    """A set of page sizes: `_4K` (4 KiB) to `_16G` (16 GiB), each member's value its size in bytes.

    Sizes of 4 GiB and more exist on 64-bit systems only. Unknown bits raise `ValueError`.

    Examples:
        >>> sizes = PageSizes._4K | PageSizes._2M
        >>> [size.value for size in sizes]
        [4096, 2097152]
    """

    __module__ = "mmap_rs"
    vars().update(flag_bits["PageSizes"])

    @classmethod
    def from_bytes(cls, n: SupportsIndex) -> Self:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the member for a page of `n` bytes.

        Raises:
            ValueError: if there is no such page size.

        Examples:
            >>> PageSizes.from_bytes(4096) is PageSizes._4K
            True
        """
        size = operator.index(n)
        for page_size in cls:
            if page_size.value == size:
                return page_size
        sizes = ", ".join(str(page_size.value) for page_size in cls)
        msg = f"there is no page size of {size} bytes: the sizes are {sizes}"
        raise ValueError(msg)


class Protection(_Flags):
    """The access that a memory area allows; 0 is none.

    - `READ`: the bytes can be read.
    - `WRITE`: the bytes can be changed.
    - `EXECUTE`: the bytes can be run as code.

    Unknown bits raise `ValueError`.

    Examples:
        >>> Protection.WRITE in Protection.READ | Protection.WRITE
        True
    """

    __module__ = "mmap_rs"
    vars().update(flag_bits["Protection"])


class Seals(_Flags):
    """What is forbidden for a `MemoryFile` for good; combine them with `|`.

    - `SEAL`: forbids further seals.
    - `SHRINK`: forbids a smaller size.
    - `GROW`: forbids a larger size.
    - `WRITE`: forbids all writes; refused while a writable shared mapping exists.
    - `FUTURE_WRITE`: forbids writes, except those of mappings that exist.
    - `EXEC`: forbids changing whether the file can be executed.

    Source: fcntl(2), `F_ADD_SEALS`.

    Examples:
        >>> Seals.SHRINK | Seals.GROW
        <Seals.SHRINK|GROW: 6>
    """

    __module__ = "mmap_rs"
    vars().update(flag_bits["Seals"])


class ShareMode(Enum):
    """How a memory area is shared.

    - `Private`: changes stay in this process (copy-on-write for a file).
    - `Shared`: changes reach the file, and every process that maps the same memory sees them.

    Examples:
        >>> ShareMode.Private
        <ShareMode.Private: 0>
    """

    __module__ = "mmap_rs"

    Private = 0
    Shared = 1


class Inherit(Enum):
    """What a child of `fork` gets of a mapping.

    - `DEFAULT`: a copy-on-write copy of private memory; shared memory stays shared.
    - `NONE`: nothing; the mapping is closed in the child, and its addresses are free.
    - `ZERO`: zeros in place of the contents.

    Source: madvise(2), `MADV_DONTFORK` and `MADV_WIPEONFORK`; minherit(2) on FreeBSD, macOS and iOS.

    Examples:
        >>> m = MmapOptions(4096).map_mut()
        >>> m.set_inheritance(Inherit.NONE)
    """

    __module__ = "mmap_rs"

    DEFAULT = 0
    NONE = 1
    ZERO = 2
