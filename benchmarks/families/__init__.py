"""The cases, one file for each family."""

import importlib
from typing import cast

from benchmarks.model import Family

NAMES = (
    "items",
    "slices",
    "maps",
    "search",
    "bulk",
    "system",
    "guard",
    "areas",
    "startup",
)


def load(name: str) -> Family:
    """Return a family; what it compares with is imported then."""
    return cast("Family", importlib.import_module(f"benchmarks.families.{name}"))
