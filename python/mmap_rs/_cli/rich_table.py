"""Colour for the table, with the library rich: an optional part, `pip install mmap-rs[cli]`."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, TextIO

from mmap_rs._cli.table import AREAS, SUMS, aligned

STYLES = {
    "r--": "blue",
    "rw-": "yellow",
    "r-x": "green",
    "rwx": "bold red",
    "---": "bright_black",
}
OTHER = "magenta"
FAINT = "bright_black"

Cells = Sequence[tuple[str, ...]]


def write(body: Cells, sums: Cells, out: TextIO) -> bool:
    """Write the table and its sums, or return `False` and write nothing if rich is not there."""
    # By name, so that types can be checked without it too.
    try:
        console_module: Any = import_module("rich.console")
        text_module: Any = import_module("rich.text")
    except ImportError:
        return False

    whole = text_module.Text(no_wrap=True)

    def add(rows: Cells, styles: Callable[[tuple[str, ...]], Sequence[str]]) -> None:
        """Add aligned rows, of which the first are the headings."""
        for place, row in enumerate(rows):
            chosen = styles(row) if place else ["bold"] * len(row)
            for cell, style in zip(row, chosen, strict=True):
                whole.append(cell, style)
            whole.append("\n")

    add(aligned(AREAS, body), area_styles)
    whole.append("\n")
    add(aligned(SUMS, sums), sum_styles)
    # rich knows which colours the terminal has; that a row is a line was seen to before.
    console = console_module.Console(file=out, highlight=False)
    console.print(whole, soft_wrap=True, end="")
    return True


def area_styles(row: tuple[str, ...]) -> Sequence[str]:
    """Return the style of each cell of an area."""
    _, _, protection, share, _, path = (cell.strip() for cell in row)
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
    return ["bold" if row[0].strip() == "total" else ""] * len(row)
