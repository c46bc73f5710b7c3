"""The members of the flag classes, for type checkers; `_flags.py` reads their bits from the Rust crate."""

from enum import Enum, IntFlag
from typing import Self, SupportsIndex

class MmapFlags(IntFlag):
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

    _value_: int
    SHARED = ...
    POPULATE = ...
    NO_RESERVE = ...
    HUGE_PAGES = ...
    STACK = ...
    NO_CORE_DUMP = ...
    LOCKED = ...
    TRANSPARENT_HUGE_PAGES = ...
    SEQUENTIAL = ...
    RANDOM_ACCESS = ...
    WILLNEED = ...
    DONTNEED = ...

class UnsafeMmapFlags(IntFlag):
    """Flags of a new mapping that can break memory safety; see the members before you use one.

    - `MAP_FIXED`: map at exactly the address given, replacing whatever is mapped there. Not on Windows.
    - `JIT`: allow memory that is writable and executable at once. Such memory is what an attacker looks
      for; rather write through `map_mut()` and then call `make_exec()`.

    Unknown bits are a `ValueError`.

    Examples:
        >>> UnsafeMmapFlags.JIT in UnsafeMmapFlags.MAP_FIXED | UnsafeMmapFlags.JIT
        True
    """

    _value_: int
    MAP_FIXED = ...
    JIT = ...

class PageSizes(IntFlag):
    """A set of page sizes: `_4K` (4 KiB) to `_16G` (16 GiB), each member's value its size in bytes.

    The sizes from 4 GiB on exist on 64-bit systems only. Unknown bits are a `ValueError`.

    Examples:
        >>> sizes = PageSizes._4K | PageSizes._2M
        >>> [size.value for size in sizes]
        [4096, 2097152]
    """

    _value_: int
    _4K = ...
    _8K = ...
    _16K = ...
    _32K = ...
    _64K = ...
    _128K = ...
    _256K = ...
    _512K = ...
    _1M = ...
    _2M = ...
    _4M = ...
    _8M = ...
    _16M = ...
    _32M = ...
    _64M = ...
    _128M = ...
    _256M = ...
    _512M = ...
    _1G = ...
    _2G = ...
    _4G = ...
    _8G = ...
    _16G = ...
    @classmethod
    def from_bytes(cls, n: SupportsIndex) -> Self:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the member for a page of `n` bytes.

        Raises:
            ValueError: if there is no such page size.

        Examples:
            >>> PageSizes.from_bytes(4096) is PageSizes._4K
            True
        """

class Protection(IntFlag):
    """What may be done with the bytes of a memory area: `READ`, `WRITE`, `EXECUTE`, or none of them (0).

    Unknown bits are a `ValueError`.

    Examples:
        >>> Protection.WRITE in Protection.READ | Protection.WRITE
        True
    """

    _value_: int
    READ = ...
    WRITE = ...
    EXECUTE = ...

class ShareMode(Enum):
    """How a memory area is shared.

    - `Private`: changes stay in this process (copy-on-write for a file).
    - `Shared`: changes are seen by every process that maps the same memory, and reach the file.

    Examples:
        >>> ShareMode.Private
        <ShareMode.Private: 0>
    """

    Private = 0
    Shared = 1
