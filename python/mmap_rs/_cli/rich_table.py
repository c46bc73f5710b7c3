"""The same table in colour, with the library rich: an optional part, `pip install mmap-rs[cli]`."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, TextIO

from mmap_rs._cli.table import AREAS, SUMS, Column, widths

STYLES = {
    "r--": "blue",
    "rw-": "yellow",
    "r-x": "green",
    "rwx": "bold red",
    "---": "bright_black",
}


def write(
    body: Sequence[tuple[str, ...]], sums: Sequence[tuple[str, ...]], out: TextIO
) -> bool:
    """Write both tables, or return `False` and write nothing if rich is not there."""
    # By name, so that types can be checked without it too.
    try:
        console_module: Any = import_module("rich.console")
        table_module: Any = import_module("rich.table")
        text_module: Any = import_module("rich.text")
    except ImportError:
        return False

    def table(columns: Sequence[Column], shown: Sequence[tuple[str, ...]]) -> Any:
        made = table_module.Table(
            box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", collapse_padding=True
        )
        for column, width in zip(columns, widths(columns, shown), strict=True):
            made.add_column(
                column.title, justify=column.side, no_wrap=True, overflow="ignore", min_width=width
            )
        return made

    def cell(text: str, style: str = "") -> Any:
        # Not rich's own markup: a path may look like it.
        return text_module.Text(text, style=style)

    areas = table(AREAS, body)
    for addresses, size, protection, share, offset, path in body:
        style = STYLES.get(protection, "magenta")
        faint = "bright_black" if protection == "---" else ""
        areas.add_row(
            cell(addresses, faint),
            cell(size, faint),
            cell(protection, style),
            cell(share, "cyan" if share == "shared" else faint),
            cell(offset, "bright_black"),
            cell(path, "bold" if path.startswith("[") else faint),
        )
    total = table(SUMS, sums)
    for row in sums:
        total.add_row(*(cell(text, "bold" if row[0] == "total" else "") for text in row))

    console = console_module.Console(file=out, highlight=False, emoji=False, soft_wrap=True)
    console.print(areas, soft_wrap=True)
    console.print()
    console.print(total, soft_wrap=True)
    return True
