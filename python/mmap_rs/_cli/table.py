"""Areas as an aligned table with sums, or a table of their files.

On a terminal a row is a line: columns that do not fit are left out, and long paths lose their middle. With
the library rich the table has colours. In a pipe or a file everything is written in full, without colour.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO, TypeVar

from mmap_rs._cli.columns import (
    GAP,
    Cells,
    Column,
    Columns,
    area_cells,
    area_layouts,
    group_cells,
    group_layouts,
    sum_cells,
    sum_columns,
)
from mmap_rs._cli.rows import Row
from mmap_rs._cli.text import cells, shorten
from mmap_rs._cli.totals import by_file

# A shorter path is useless: other columns are left out before it is cut to less.
LEAST_PATH = 20
# With the fewest columns it may be as short as this.
_ANY_PATH = 4

_Each = TypeVar("_Each")


def widths(columns: Sequence[Column], body: Cells) -> list[int]:
    """Return how wide each column must be."""
    return [
        max(cells(column.title), max((cells(row[place]) for row in body), default=0))
        for place, column in enumerate(columns)
    ]


def fit(
    each: Sequence[_Each],
    layouts: Sequence[Columns],
    to_cells: Callable[[_Each, Columns], tuple[str, ...]],
    width: int,
    mark: str,
) -> tuple[Columns, list[tuple[str, ...]]]:
    """Choose the columns for a width, and shorten the paths, which are the last of them.

    On a terminal that is too narrow for any choice, the lines wrap.
    """
    columns, room, body = layouts[0], 0, list[tuple[str, ...]]()
    for columns in layouts:
        body = [to_cells(one, columns) for one in each]
        room = _room(columns, body, width)
        if room >= min(LEAST_PATH, widths(columns, body)[-1]):
            break
    else:
        if room < _ANY_PATH:
            columns, room = layouts[min(2, len(layouts) - 1)], LEAST_PATH
            body = [to_cells(one, columns) for one in each]
    return columns, [(*row[:-1], shorten(row[-1], room, mark)) for row in body]


def _room(columns: Columns, body: Cells, width: int) -> int:
    others = widths(columns, body)[:-1]
    return width - sum(others) - len(GAP) * len(others)


def lines(columns: Sequence[Column], body: Cells) -> Iterator[str]:
    """Give the lines of a table in plain text, the headings first."""
    sizes = widths(columns, body)
    for row in (tuple(column.title for column in columns), *body):
        padded: list[str] = []
        for column, size, cell in zip(columns, sizes, row, strict=True):
            space = " " * (size - cells(cell))
            padded.append(space + cell if column.side == "right" else cell + space)
        yield GAP.join(padded).rstrip(" ")


def mark_of(out: TextIO) -> str:
    """Return what stands for the middle of a path that is too long."""
    return "…" if (out.encoding or "").lower().replace("-", "") == "utf8" else "..."


def write(rows: Sequence[Row], out: TextIO, *, usage: bool = False) -> None:
    """Write the table of the areas, an empty line, and the sums."""
    _write(rows, area_layouts(usage=usage), area_cells, rows, out, usage=usage)


def write_groups(rows: Sequence[Row], out: TextIO, *, usage: bool = False) -> None:
    """Write the table of the files, an empty line, and the sums."""
    _write(by_file(rows), group_layouts(usage=usage), group_cells, rows, out, usage=usage)


def _write(
    each: Sequence[_Each],
    layouts: Sequence[Columns],
    to_cells: Callable[[_Each, Columns], tuple[str, ...]],
    rows: Sequence[Row],
    out: TextIO,
    *,
    usage: bool,
) -> None:
    columns = layouts[0]
    if out.isatty():
        width = shutil.get_terminal_size().columns
        columns, body = fit(each, layouts, to_cells, width, mark_of(out))
    else:
        body = [to_cells(one, columns) for one in each]
    sums = (sum_columns(usage=usage), sum_cells(rows, usage=usage))
    if out.isatty() and not os.environ.get("NO_COLOR"):
        try:
            from mmap_rs._cli import rich_table
        except ImportError:
            pass  # rich is optional
        else:
            rich_table.write((columns, body), sums, out)
            return
    for line in (*lines(columns, body), "", *lines(*sums)):
        print(line, file=out)
