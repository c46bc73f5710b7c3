"""Flag classes whose members come from the extension module, and `ShareMode`.

The members are read from the Rust crate's own constants at import, so that neither a name nor a bit is
written down a second time. `_flags.pyi` lists the names for type checkers.
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
        # `enum` reads a negative number as the complement of its bits; to us all its high bits are unknown.
        if isinstance(value, int) and value < 0:
            msg = f"{value!r} is not a valid {cls.__qualname__}"
            raise ValueError(msg)
        return super()._missing_(value)


class MmapFlags(_Flags):
    """Flags of a new mapping; they can be combined with `|`.

    - `SHARED`: changes are seen by every process that maps the file and reach the file; without it the
      mapping is copy-on-write.
    - `POPULATE`: give every page its memory at once, so that no access faults later.
    - `NO_RESERVE`: reserve no swap space.
    - `HUGE_PAGES`: use huge pages; the size must be a multiple of the page.
    - `STACK`: the mapping grows downward like a stack, on systems that have this.
    - `NO_CORE_DUMP`: leave the pages out of core dumps.
    - `LOCKED`: keep the pages in physical memory.
    - `TRANSPARENT_HUGE_PAGES`: ask for transparent huge pages.
    - `SEQUENTIAL`: the pages will be read in order.
    - `RANDOM_ACCESS`: the pages will be read in no order.
    - `WILLNEED`: the pages will be needed soon.
    - `DONTNEED`: the pages will not be needed soon.

    A hint that the system does not know is ignored. Unknown bits are a `ValueError`.

    Examples:
        >>> flags = MmapFlags.SHARED | MmapFlags.POPULATE
        >>> MmapFlags.SHARED in flags
        True
    """

    __module__ = "mmap_rs"
    vars().update(flag_bits["MmapFlags"])


class UnsafeMmapFlags(_Flags):
    """Flags of a new mapping that can break memory safety; see the members before you use one.

    - `MAP_FIXED`: map at exactly the address given, replacing whatever is mapped there. Not on Windows.
    - `JIT`: allow memory that is writable and executable at once. Such memory is what an attacker looks
      for; rather write through `map_mut()` and then call `make_exec()`.

    Unknown bits are a `ValueError`.

    Examples:
        >>> UnsafeMmapFlags.JIT in UnsafeMmapFlags.MAP_FIXED | UnsafeMmapFlags.JIT
        True
    """

    __module__ = "mmap_rs"
    vars().update(flag_bits["UnsafeMmapFlags"])


class PageSizes(_Flags):
    """A set of page sizes: `_4K` (4 KiB) to `_16G` (16 GiB), each member's value its size in bytes.

    The sizes from 4 GiB on exist on 64-bit systems only. Unknown bits are a `ValueError`.

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
    """What may be done with the bytes of a memory area: `READ`, `WRITE`, `EXECUTE`, or none of them (0).

    Unknown bits are a `ValueError`.

    Examples:
        >>> Protection.WRITE in Protection.READ | Protection.WRITE
        True
    """

    __module__ = "mmap_rs"
    vars().update(flag_bits["Protection"])


class ShareMode(Enum):
    """How a memory area is shared.

    - `Private`: changes stay in this process (copy-on-write for a file).
    - `Shared`: changes are seen by every process that maps the same memory, and reach the file.

    Examples:
        >>> ShareMode.Private
        <ShareMode.Private: 0>
    """

    __module__ = "mmap_rs"

    Private = 0
    Shared = 1
