"""Memory mappings: files, anonymous memory, huge pages, protection, executable code, and what is mapped.

A binding of the Rust crate mmap-rs that keeps the crate's names. `map_file` maps a file,
`MmapOptions` makes any mapping; `Mmap`,
`MmapMut` and `MmapNone` are mapped memory that can be read, read and written, or not accessed at all;
`Reserved`, `ReservedMut` and `ReservedNone` are address space without memory; `MemoryAreas` lists what a
process has mapped.
"""

import sys as _sys

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

# What PyCapsule_Import finds.
from mmap_rs._mmap_rs import _C_API as _C_API
from mmap_rs._mmap_rs import (
    AreaUsage,
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
    from mmap_rs._get_include import get_include
    from mmap_rs._map_file import map_file

__all__ = [
    "AreaUsage",
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
    "get_include",
    "map_file",
]

# These need `enum`, which takes longer to import than all else here, so they are imported on first use.
_FLAGS = frozenset(
    {"Inherit", "MmapFlags", "PageSizes", "Protection", "Seals", "ShareMode", "UnsafeMmapFlags"}
)


def __getattr__(name: str) -> object:
    """Import `map_file`, `get_include`, or a class of flags (PEP 562)."""
    value: object
    if name in _FLAGS:
        from mmap_rs import _flags

        value = getattr(_flags, name)
    elif name == "map_file":
        from mmap_rs._map_file import map_file as value
    elif name == "get_include":
        from mmap_rs._get_include import get_include as value
    else:
        text = f"module 'mmap_rs' has no attribute {name!r}"
        try:
            from mmap_rs._replacements import of_module

            text += of_module(name)
        except Exception:  # noqa: BLE001 - no file can be opened, or Python is ending
            pass
        raise AttributeError(text, name=name, obj=_sys.modules.get(__name__))
    globals()[name] = value
    return value


def _missing(self: Mapping, name: str) -> object:
    """Say what to use in place of a name that other modules have."""
    kind = type(self)
    text = f"'{kind.__module__}.{kind.__qualname__}' object has no attribute {name!r}"
    try:
        from mmap_rs._replacements import of_mapping

        text += of_mapping(self, name)
    except Exception:  # noqa: BLE001 - no file can be opened, or Python is ending
        pass
    raise AttributeError(text, name=name, obj=self)


# In Python, not in the compiled module: from Python 3.12 on, the interpreter can still specialise calls of
# methods that are there.
Mapping.__getattr__ = _missing  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def __dir__() -> list[str]:
    """List what is imported and what will be (PEP 562)."""
    return sorted({*globals(), *__all__})
