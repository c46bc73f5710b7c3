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
    """Changes reach the file, and every process that maps it sees them; without it the mapping is copy-on-write."""
    POPULATE = ...
    """Allocate memory for every page at once, so that no access faults later."""
    NO_RESERVE = ...
    """Reserve no swap space."""
    HUGE_PAGES = ...
    """Use huge pages; the size must be a multiple of the page size."""
    STACK = ...
    """The mapping grows downward like a stack, on systems that support it."""
    NO_CORE_DUMP = ...
    """Omit the pages from core dumps."""
    LOCKED = ...
    """Keep the pages in physical memory."""
    TRANSPARENT_HUGE_PAGES = ...
    """Ask for transparent huge pages."""
    SEQUENTIAL = ...
    """The pages will be read in order."""
    RANDOM_ACCESS = ...
    """The pages will be read in random order."""
    WILLNEED = ...
    """The pages will be needed soon."""
    DONTNEED = ...
    """The pages will not be needed soon."""

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
    """Map at exactly the given address, replacing whatever is mapped there. Not on Windows."""
    JIT = ...
    """Allow memory that is writable and executable at once. Such memory helps an attacker; prefer to write through `map_mut()` and then call `make_exec()`."""

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
    """The access that a memory area allows; 0 is none.

    - `READ`: the bytes can be read.
    - `WRITE`: the bytes can be changed.
    - `EXECUTE`: the bytes can be run as code.

    Unknown bits raise `ValueError`.

    Examples:
        >>> Protection.WRITE in Protection.READ | Protection.WRITE
        True
    """

    _value_: int
    READ = ...
    """The bytes can be read."""
    WRITE = ...
    """The bytes can be changed."""
    EXECUTE = ...
    """The bytes can be run as code."""

class Seals(IntFlag):
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

    _value_: int
    SEAL = ...
    """Forbids further seals."""
    SHRINK = ...
    """Forbids a smaller size."""
    GROW = ...
    """Forbids a larger size."""
    WRITE = ...
    """Forbids all writes; refused while a writable shared mapping exists."""
    FUTURE_WRITE = ...
    """Forbids writes, except those of mappings that exist."""
    EXEC = ...
    """Forbids changing whether the file can be executed."""

class ShareMode(Enum):
    """How a memory area is shared.

    - `Private`: changes stay in this process (copy-on-write for a file).
    - `Shared`: changes reach the file, and every process that maps the same memory sees them.

    Examples:
        >>> ShareMode.Private
        <ShareMode.Private: 0>
    """

    Private = 0
    """Changes stay in this process (copy-on-write for a file)."""
    Shared = 1
    """Changes reach the file, and every process that maps the same memory sees them."""

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
    """A copy-on-write copy of private memory; shared memory stays shared."""
    NONE = 1
    """Nothing; the mapping is closed in the child, and its addresses are free."""
    ZERO = 2
    """Zeros in place of the contents."""
