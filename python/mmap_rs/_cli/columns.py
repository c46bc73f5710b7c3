"""The columns of the tables, and the areas, their groups and their sums as cells."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from mmap_rs._cli.rows import Row
from mmap_rs._cli.text import human, printable
from mmap_rs._cli.totals import Group, Sum, by_kind

# What is between two columns.
GAP = "  "

Cells = Sequence[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading and the side that its cells keep to."""

    title: str
    side: Literal["left", "right"]


ADDRESS = Column("address", "right")
# In its place where there is no room for the end too, which follows from the size.
START = Column("start", "right")
SIZE = Column("size", "right")
RESIDENT = Column("resident", "right")
PROPORTIONAL = Column("proportional", "right")
PROTECTION = Column("prot", "left")
SHARE = Column("share", "left")
OFFSET = Column("offset", "right")
PATH = Column("path", "left")
KIND = Column("kind", "left")
AREAS = Column("areas", "right")

_USAGE = (RESIDENT, PROPORTIONAL)

Columns = tuple[Column, ...]


def measure(size: int | None) -> str:
    """Return a size in words; nothing of one that is not known."""
    return "" if size is None else human(size)


_CELLS: dict[Column, Callable[[Row], str]] = {
    ADDRESS: lambda row: row.addresses,
    START: lambda row: f"{row.start:#x}",
    SIZE: lambda row: human(row.size),
    RESIDENT: lambda row: measure(row.resident),
    PROPORTIONAL: lambda row: measure(row.proportional),
    PROTECTION: lambda row: row.protection,
    SHARE: lambda row: row.share_mode,
    OFFSET: lambda row: "" if row.offset is None else f"{row.offset:#x}",
    PATH: lambda row: "" if row.path is None else printable(row.path),
}


def area_layouts(*, usage: bool) -> list[Columns]:
    """Return which columns a table of areas may have, from all of them down to the fewest."""
    layouts: list[Columns] = [
        (ADDRESS, SIZE, *(_USAGE if usage else ()), PROTECTION, SHARE, OFFSET, PATH)
    ]
    layouts.append(_without(layouts[-1], OFFSET))
    layouts.append((START, *layouts[-1][1:]))
    layouts.append(_without(layouts[-1], SHARE))
    layouts.extend(_without(layouts[-1], column) for column in (PROPORTIONAL,) if usage)
    return layouts


def _without(columns: Columns, column: Column) -> Columns:
    return tuple(each for each in columns if each is not column)


def area_cells(row: Row, columns: Columns) -> tuple[str, ...]:
    """Return the cells of one area."""
    return tuple(_CELLS[column](row) for column in columns)


def sum_columns(*, usage: bool) -> Columns:
    """Return the columns of the sums."""
    return (KIND, AREAS, SIZE, *(_USAGE if usage else ()))


def sum_cells(rows: Sequence[Row], *, usage: bool) -> list[tuple[str, ...]]:
    """Return the cells of the sums, the total last."""
    return [(kind, *_numbers(each, usage=usage)) for kind, each in by_kind(rows).items()]


def group_layouts(*, usage: bool) -> list[Columns]:
    """Return which columns a table of groups may have, from all of them down to the fewest."""
    layouts: list[Columns] = [(AREAS, SIZE, *(_USAGE if usage else ()), PATH)]
    layouts.extend(_without(layouts[-1], column) for column in (PROPORTIONAL,) if usage)
    layouts.append(_without(layouts[-1], AREAS))
    return layouts


def group_cells(group: Group, columns: Columns) -> tuple[str, ...]:
    """Return the cells of a group of areas."""
    numbers = dict(
        zip((AREAS, SIZE, RESIDENT, PROPORTIONAL), _numbers(group.sum, usage=True), strict=True)
    )
    return tuple(numbers.get(column, printable(group.label)) for column in columns)


def _numbers(each: Sum, *, usage: bool) -> tuple[str, ...]:
    numbers = (f"{each.areas:,}", human(each.size))
    return (*numbers, measure(each.resident), measure(each.proportional)) if usage else numbers
