"""The names of CPython's stable ABI, from a package that follows CPython's own list."""

from __future__ import annotations

from abi3info import DATAS, FUNCTIONS  # type: ignore[import-untyped] # pyright: ignore[reportMissingTypeStubs]


def names() -> dict[str, tuple[int, int]]:
    """Return each name with the Python that it came with."""
    return {
        str(symbol.name): (item.added.major, item.added.minor)
        for symbol, item in [*FUNCTIONS.items(), *DATAS.items()]
    }
