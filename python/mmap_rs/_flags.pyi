"""The members of the flag classes, for type checkers; `_flags.py` reads their bits from the Rust crate."""

from enum import Enum, IntFlag
from typing import Self, SupportsIndex

class MmapFlags(IntFlag):
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
    """Flags for a new mapping that can break memory safety; read about each one before you use it.

    - `MAP_FIXED`: map at exactly the given address, replacing whatever is mapped there. Not on Windows.
    - `JIT`: allow memory that is writable and executable at once. Such memory helps an attacker; prefer to
      write through `map_mut()` and then call `make_exec()`.

    Unknown bits raise `ValueError`.

    Examples:
        >>> UnsafeMmapFlags.JIT in UnsafeMmapFlags.MAP_FIXED | UnsafeMmapFlags.JIT
        True
    """

    _value_: int
    MAP_FIXED = ...
    JIT = ...

class PageSizes(IntFlag):
    """A set of page sizes: `_4K` (4 KiB) to `_16G` (16 GiB), each member's value its size in bytes.

    Sizes of 4 GiB and more exist on 64-bit systems only. Unknown bits raise `ValueError`.

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
    """The access that a memory area allows: `READ`, `WRITE`, `EXECUTE`, or none of them (0).

    Unknown bits raise `ValueError`.

    Examples:
        >>> Protection.WRITE in Protection.READ | Protection.WRITE
        True
    """

    _value_: int
    READ = ...
    WRITE = ...
    EXECUTE = ...

class Seals(IntFlag):
    """What is forbidden for a `MemoryFile` for good; combine them with `|`.

    - `SEAL`: more seals.
    - `SHRINK`, `GROW`: another size.
    - `WRITE`: all writes; refused while a writable shared mapping exists.
    - `FUTURE_WRITE`: writes, but for those of mappings that exist.
    - `EXEC`: a change of whether the file can be executed.

    Source: fcntl(2), `F_ADD_SEALS`.

    Examples:
        >>> Seals.SHRINK | Seals.GROW
        <Seals.SHRINK|GROW: 6>
    """

    _value_: int
    SEAL = ...
    SHRINK = ...
    GROW = ...
    WRITE = ...
    FUTURE_WRITE = ...
    EXEC = ...

class ShareMode(Enum):
    """How a memory area is shared.

    - `Private`: changes stay in this process (copy-on-write for a file).
    - `Shared`: changes reach the file, and every process that maps the same memory sees them.

    Examples:
        >>> ShareMode.Private
        <ShareMode.Private: 0>
    """

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

    DEFAULT = 0
    NONE = 1
    ZERO = 2
