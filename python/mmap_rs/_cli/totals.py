"""Sums over areas."""

from collections.abc import Iterable
from dataclasses import dataclass

from mmap_rs._cli.rows import KINDS, Row


@dataclass(slots=True)
class Sum:
    """How many areas, and how many bytes in them."""

    areas: int = 0
    size: int = 0

    def add(self, row: Row) -> None:
        """Count one area more."""
        self.areas += 1
        self.size += row.size


def by_kind(rows: Iterable[Row]) -> dict[str, Sum]:
    """Sum per kind, for the kinds that there are, in the order of `KINDS`, and `total` at the end."""
    sums = {kind: Sum() for kind in KINDS}
    total = Sum()
    for row in rows:
        sums[row.kind].add(row)
        total.add(row)
    return {kind: each for kind, each in sums.items() if each.areas} | {"total": total}


def by_protection(rows: Iterable[Row]) -> dict[str, Sum]:
    """Sum per protection (`rw-` and so on), as met."""
    sums: dict[str, Sum] = {}
    for row in rows:
        sums.setdefault(row.protection, Sum()).add(row)
    return sums
