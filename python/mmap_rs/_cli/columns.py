"""The columns of the tables, and the areas and their sums as cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mmap_rs._cli.rows import Row
from mmap_rs._cli.text import human, printable
from mmap_rs._cli.totals import by_kind

# What is between two columns.
GAP = "  "

Cells = Sequence[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading and the side that its cells keep to."""

    title: str
    side: Literal["left", "right"]


AREAS = (
    Column("address", "right"),
    Column("size", "right"),
    Column("prot", "left"),
    Column("share", "left"),
    Column("offset", "right"),
    Column("path", "left"),
)
SUMS = (Column("kind", "left"), Column("areas", "right"), Column("size", "right"))


def area_cells(row: Row) -> tuple[str, ...]:
    """Return the cells of one area."""
    return (
        row.addresses,
        human(row.size),
        row.protection,
        row.share_mode,
        "" if row.offset is None else f"{row.offset:#x}",
        "" if row.path is None else printable(row.path),
    )


def sum_cells(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Return the cells of the sums, the total last."""
    return [(kind, f"{each.areas:,}", human(each.size)) for kind, each in by_kind(rows).items()]
