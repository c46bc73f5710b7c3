"""Areas as an aligned table with sums.

On a terminal long paths lose their middle so that a row is a line, and with the library rich the table
has colours. In a pipe or a file everything is written in full, without colour.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from typing import TextIO

from mmap_rs._cli.columns import AREAS, GAP, SUMS, Cells, Column, area_cells, sum_cells
from mmap_rs._cli.rows import Row
from mmap_rs._cli.text import cells, shorten

# A shorter path is useless: on a narrower terminal the lines wrap.
LEAST_PATH = 12


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


def lines(columns: Sequence[Column], body: Cells) -> Iterator[str]:
    """Give the lines of a table in plain text, the headings first."""
    sizes = widths(columns, body)
    for row in (tuple(column.title for column in columns), *body):
        padded: list[str] = []
        for column, size, cell in zip(columns, sizes, row, strict=True):
            space = " " * (size - cells(cell))
            padded.append(space + cell if column.side == "right" else cell + space)
        yield GAP.join(padded).rstrip(" ")


def write(rows: Sequence[Row], out: TextIO) -> None:
    """Write the table of the areas, an empty line, and the sums."""
    body = [area_cells(row) for row in rows]
    sums = sum_cells(rows)
    if out.isatty():
        mark = "…" if (out.encoding or "").lower().replace("-", "") == "utf8" else "..."
        body = fit(body, shutil.get_terminal_size().columns, mark)
        if not os.environ.get("NO_COLOR"):
            try:
                from mmap_rs._cli import rich_table
            except ImportError:
                pass  # rich is optional
            else:
                rich_table.write(body, sums, out)
                return
    for line in (*lines(AREAS, body), "", *lines(SUMS, sums)):
        print(line, file=out)
