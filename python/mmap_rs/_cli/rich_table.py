"""The table with colours, by the optional library rich: `pip install mmap-rs[cli]`."""

from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mmap_rs._cli import columns as known
from mmap_rs._cli.columns import GAP, Cells, Columns

STYLES = {
    "r--": "blue",
    "rw-": "yellow",
    "r-x": "green",
    "rwx": "bold red",
    "---": "bright_black",
}
OTHER = "magenta"
CHANGES = {"came": "green", "went": "red", "grew": "yellow"}
FAINT = "bright_black"

# More than any terminal has. The rows fit it, and rich would cut those on one that is too narrow for any.
WIDTH = 1 << 16

Part = tuple[Columns, Cells]


def write(areas: Part, sums: Part, out: TextIO) -> None:
    """Write the table of the areas, an empty line, and the sums, in the colours that the terminal has."""
    console = Console(file=out, width=WIDTH)
    console.print(table(*areas), "", table(*sums), sep="\n")


def table(columns: Columns, body: Cells) -> Table:
    """Return a table with its headings."""
    made = Table(box=None, padding=(0, len(GAP), 0, 0), pad_edge=False)
    for column in columns:
        made.add_column(column.title, justify=column.side, no_wrap=True)
    for row in body:
        # As text, in which nothing is markup.
        made.add_row(*map(Text, row, styles(columns, row)))
    return made


def styles(columns: Columns, row: tuple[str, ...]) -> list[str]:
    """Return the style of each cell of a row."""
    cells = dict(zip(columns, row, strict=True))
    plain = FAINT if cells.get(known.PROTECTION) == "---" else ""
    if cells.get(known.KIND) == "total":
        plain = "bold"
    return [_style(column, cell, plain) for column, cell in cells.items()]


def _style(column: known.Column, cell: str, plain: str) -> str:
    if column is known.PROTECTION:
        return STYLES.get(cell, OTHER)
    if column is known.SHARE and cell == "shared":
        return "cyan"
    if column is known.OFFSET:
        return FAINT
    if column.title == "change":
        return CHANGES.get(cell, "cyan")
    if column is known.PATH and cell.startswith(("[", "(")):
        return "bold"
    return plain
