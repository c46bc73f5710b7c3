"""The cases, one file for each family."""

import importlib
from typing import cast

from benchmarks.model import Family

TITLES = {
    "items": "Single bytes and small slices",
    "slices": "Slices of many bytes",
    "maps": "Making mappings and giving them back",
    "search": "Searches",
    "bulk": "Filling and copying 64 MiB",
    "system": "Methods that are a system call",
    "files": "Files that are opened and read once, by mapping or reading",
    "guard": "The fault guard, where nothing faults",
    "areas": "Memory areas",
    "startup": "Import, in processor time",
}
NAMES = tuple(TITLES)


def load(name: str) -> Family:
    """Return a family; what it compares with is imported then."""
    return cast("Family", importlib.import_module(f"benchmarks.families.{name}"))
