"""Areas as an aligned table with sums.

On a terminal long paths lose their middle so that a row is a line, and with the library rich the table
has colours. In a pipe or a file everything is written in full, without colour.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TextIO

from mmap_rs._cli.rows import Row
from mmap_rs._cli.text import cells, human, printable, shorten
from mmap_rs._cli.totals import by_kind

# Less of a path tells nothing: on a narrower terminal the lines wrap.
LEAST_PATH = 12
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


def widths(columns: Sequence[Column], body: Cells) -> list[int]:
    """Return how wide each column must be."""
    return [
        max(cells(column.title), max((cells(row[place]) for row in body), default=0))
        for place, column in enumerate(columns)
    ]


def fit(body: list[tuple[str, ...]], width: int, mark: str) -> list[tuple[str, ...]]:
    """Shorten the paths, which are the last cells, so that the rows of the areas are at most `width` wide."""
    others = widths(AREAS, body)[:-1]
    room = max(width - sum(others) - len(GAP) * len(others), LEAST_PATH)
    return [(*row[:-1], shorten(row[-1], room, mark)) for row in body]


def aligned(columns: Sequence[Column], body: Cells) -> list[tuple[str, ...]]:
    """Return headings and rows with each cell as wide as its column, and the gap before it."""
    sizes = widths(columns, body)
    rows: list[tuple[str, ...]] = []
    for row in (tuple(column.title for column in columns), *body):
        parts: list[str] = []
        for place, (column, size, cell) in enumerate(zip(columns, sizes, row, strict=True)):
            space = " " * (size - cells(cell))
            last = place == len(columns) - 1
            full = space + cell if column.side == "right" else cell if last else cell + space
            parts.append(GAP + full if place else full)
        rows.append(tuple(parts))
    return rows


def lines(columns: Sequence[Column], body: Cells) -> Iterator[str]:
    """Give the lines of a table in plain text, the headings first."""
    return ("".join(row).rstrip(" ") for row in aligned(columns, body))


def wants_colour(out: TextIO) -> bool:
    """Tell whether colours may be written: to a terminal that has them and a user who likes them."""
    return out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") != "dumb"


def write(rows: Sequence[Row], out: TextIO) -> None:
    """Write the table of the areas, an empty line, and the sums."""
    body = [area_cells(row) for row in rows]
    sums = sum_cells(rows)
    if out.isatty():
        mark = "…" if (out.encoding or "").lower().replace("-", "") == "utf8" else "..."
        width = shutil.get_terminal_size().columns
        body = fit(body, width, mark)
        if wants_colour(out):
            from mmap_rs._cli import rich_table

            if rich_table.write(body, sums, out):
                return
    for line in lines(AREAS, body):
        print(line, file=out)
    print(file=out)
    for line in lines(SUMS, sums):
        print(line, file=out)
