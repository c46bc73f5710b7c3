"""Sums over areas."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from mmap_rs._cli.rows import KINDS, Row


@dataclass(slots=True)
class Sum:
    """How many areas, how many bytes in them, and how many of those are in memory, as far as areas say it."""

    areas: int = 0
    size: int = 0
    numbers: dict[str, int] = field(default_factory=dict[str, int])

    def add(self, row: Row) -> None:
        """Count one area more."""
        self.areas += 1
        self.size += row.size
        for name, value in (row.usage or {}).items():
            if value is not None:
                self.numbers[name] = self.numbers.get(name, 0) + value

    @property
    def resident(self) -> int | None:
        """Return how many bytes are in memory; `None` if no area says it."""
        return self.numbers.get("resident")

    @property
    def proportional(self) -> int | None:
        """Return this process's share of them; `None` if no area says it."""
        return self.numbers.get("proportional")


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


@dataclass(frozen=True, slots=True)
class Group:
    """The areas of one path, or of one kind if they have none."""

    path: bytes | None
    kind: str
    sum: Sum

    @property
    def label(self) -> bytes:
        """Return the path, or what stands for it."""
        return f"({self.kind})".encode() if self.path is None else self.path


def by_file(rows: Iterable[Row]) -> list[Group]:
    """Sum per file: what has most in memory first, or where that is not known, what is largest."""
    groups: dict[tuple[bytes | None, str], Group] = {}
    for row in rows:
        key = (row.path, row.kind if row.path is None else "")
        groups.setdefault(key, Group(row.path, row.kind, Sum())).sum.add(row)

    def weight(group: Group) -> tuple[int, int]:
        return group.sum.resident or 0, group.sum.size

    return sorted(groups.values(), key=weight, reverse=True)
