"""The table with colours, by the optional library rich: `pip install mmap-rs[cli]`."""

from collections.abc import Callable, Sequence
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mmap_rs._cli.columns import AREAS, GAP, SUMS, Cells, Column

STYLES = {
    "r--": "blue",
    "rw-": "yellow",
    "r-x": "green",
    "rwx": "bold red",
    "---": "bright_black",
}
OTHER = "magenta"
FAINT = "bright_black"

# More than any terminal has. The rows fit it, and rich would cut those on one that is too narrow for any.
WIDTH = 1 << 16


def write(body: Cells, sums: Cells, out: TextIO) -> None:
    """Write the table of the areas, an empty line, and the sums, in the colours that the terminal has."""
    console = Console(file=out, width=WIDTH)
    console.print(_table(AREAS, body, area_styles), "", _table(SUMS, sums, sum_styles), sep="\n")


def _table(
    columns: Sequence[Column],
    body: Cells,
    styles: Callable[[tuple[str, ...]], Sequence[str]],
) -> Table:
    table = Table(box=None, padding=(0, len(GAP), 0, 0), pad_edge=False)
    for column in columns:
        table.add_column(column.title, justify=column.side, no_wrap=True)
    for row in body:
        # As text, in which nothing is markup.
        table.add_row(*map(Text, row, styles(row)))
    return table


def area_styles(row: tuple[str, ...]) -> Sequence[str]:
    """Return the style of each cell of an area."""
    _, _, protection, share, _, path = row
    plain = FAINT if protection == "---" else ""
    return (
        plain,
        plain,
        STYLES.get(protection, OTHER),
        "cyan" if share == "shared" else plain,
        FAINT,
        "bold" if path.startswith("[") else plain,
    )


def sum_styles(row: tuple[str, ...]) -> Sequence[str]:
    """Return the style of each cell of a sum."""
    return ["bold" if row[0] == "total" else ""] * len(row)
