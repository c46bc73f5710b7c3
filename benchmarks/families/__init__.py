"""The cases, one file for each family."""

import importlib
from typing import cast

from benchmarks.model import Family

TITLES = {
    "items": "Single bytes and small slices",
    "slices": "Slices of many bytes",
    "maps": "Making and unmapping",
    "search": "Searches",
    "lines": "Lines of a file",
    "bulk": "Filling and copying 64 MiB",
    "system": "Methods that make one system call",
    "files": "Files that are opened and read once, mapped or read",
    "guard": "The fault guard, where nothing faults",
    "areas": "Memory areas",
    "sending": "Sharing memory with another process",
    "views": "Views, by an extension module in Rust",
    "startup": "Import, in CPU time",
}
NAMES = tuple(TITLES)


def load(name: str) -> Family:
    """Return a family; what it compares with is imported then."""
    return cast("Family", importlib.import_module(f"benchmarks.families.{name}"))
