"""Memory mappings: files, anonymous memory, huge pages, protection, executable code, and what is mapped.

A binding of the Rust crate mmap-rs with that crate's names. `MmapOptions` makes a mapping; `Mmap`,
`MmapMut` and `MmapNone` are mapped memory that can be read, read and written, or not touched at all;
`Reserved`, `ReservedMut` and `ReservedNone` are address space without memory; `MemoryAreas` lists what a
process has mapped.
"""

from mmap_rs._errors import (
    AttributeMismatchError,
    BackingMismatchError,
    ConsumedError,
    Error,
    FaultError,
    InvalidOffsetError,
    InvalidOperationError,
    InvalidSizeError,
    MustBeAdjacentError,
    ParseError,
    SystemCallError,
    UnsafeFlagNeededError,
)
from mmap_rs._flags import MmapFlags, PageSizes, Protection, ShareMode, UnsafeMmapFlags
from mmap_rs._mmap_rs import (
    Mapping,
    MemoryArea,
    MemoryAreas,
    Mmap,
    MmapMut,
    MmapNone,
    MmapOptions,
    PageSize,
    Reserved,
    ReservedMut,
    ReservedNone,
    __upstream_version__,
    __version__,
)

__all__ = [
    "AttributeMismatchError",
    "BackingMismatchError",
    "ConsumedError",
    "Error",
    "FaultError",
    "InvalidOffsetError",
    "InvalidOperationError",
    "InvalidSizeError",
    "Mapping",
    "MemoryArea",
    "MemoryAreas",
    "Mmap",
    "MmapFlags",
    "MmapMut",
    "MmapNone",
    "MmapOptions",
    "MustBeAdjacentError",
    "PageSize",
    "PageSizes",
    "ParseError",
    "Protection",
    "Reserved",
    "ReservedMut",
    "ReservedNone",
    "ShareMode",
    "SystemCallError",
    "UnsafeFlagNeededError",
    "UnsafeMmapFlags",
    "__upstream_version__",
    "__version__",
]
