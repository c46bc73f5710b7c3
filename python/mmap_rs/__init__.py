"""Memory mappings: files, anonymous memory, huge pages, protection, executable code, and what is mapped.

A binding of the Rust crate mmap-rs that keeps the crate's names. `MmapOptions` makes a mapping; `Mmap`,
`MmapMut` and `MmapNone` are mapped memory that can be read, read and written, or not accessed at all;
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
from mmap_rs._mmap_rs import (
    Mapping,
    MemoryArea,
    MemoryAreas,
    MemoryFile,
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

# Type checkers know the name; importing `typing` would take as long as importing this whole package.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from mmap_rs._flags import (
        Inherit,
        MmapFlags,
        PageSizes,
        Protection,
        Seals,
        ShareMode,
        UnsafeMmapFlags,
    )

__all__ = [
    "AttributeMismatchError",
    "BackingMismatchError",
    "ConsumedError",
    "Error",
    "FaultError",
    "Inherit",
    "InvalidOffsetError",
    "InvalidOperationError",
    "InvalidSizeError",
    "Mapping",
    "MemoryArea",
    "MemoryAreas",
    "MemoryFile",
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
    "Seals",
    "ShareMode",
    "SystemCallError",
    "UnsafeFlagNeededError",
    "UnsafeMmapFlags",
    "__upstream_version__",
    "__version__",
]

# These need `enum`, which takes longer to import than all else here, so they are imported on first use.
_FLAGS = frozenset(
    {"Inherit", "MmapFlags", "PageSizes", "Protection", "Seals", "ShareMode", "UnsafeMmapFlags"}
)


def __getattr__(name: str) -> object:
    """Import a class of flags (PEP 562)."""
    if name not in _FLAGS:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from mmap_rs import _flags

    value: object = getattr(_flags, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List what is imported and what will be (PEP 562)."""
    return sorted({*globals(), *__all__})
