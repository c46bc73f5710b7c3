"""The table on a terminal: colour, width, and what is left without the library for it."""

import os
import re
import sys
import unicodedata
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("needs Linux: a pseudo-terminal, and its areas", allow_module_level=True)

from mmap_rs import MmapOptions
from mmap_rs._cli.text import cells, shorten
from tests.cli.run_command import on_terminal, output
from tests.support.child_process import check_child

ME = str(os.getpid())
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def plain(shown: str) -> str:
    return ESCAPE.sub("", shown)


def test_colour_on_a_terminal() -> None:
    shown = on_terminal("areas")
    assert ESCAPE.search(shown)
    assert "\x1b" not in plain(shown)
    # No colour is lost on a cell, and no cell on a colour.
    lines = plain(shown).split("\n")
    assert lines[0].split() == ["address", "size", "prot", "share", "offset", "path"]
    assert any(line.split()[-1:] == ["[stack]"] for line in lines)


@pytest.mark.parametrize("changes", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
def test_no_colour_where_it_is_not_wanted(changes: dict[str, str]) -> None:
    assert "\x1b" not in on_terminal("areas", changes=changes)


def test_an_empty_no_color_says_nothing() -> None:
    assert "\x1b" in on_terminal("areas", changes={"NO_COLOR": ""})


def test_no_colour_in_a_pipe() -> None:
    assert "\x1b" not in output("areas", changes={"FORCE_COLOR": "1"})


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("changes", [{}, {"NO_COLOR": "1"}], ids=["colour", "plain"])
def test_rows_fit_the_width(
    columns: int, changes: dict[str, str], tmp_path: Path, page: int
) -> None:
    file = tmp_path / ("long" * 40) / "漢字.bin"
    file.parent.mkdir()
    file.write_bytes(bytes(page))
    with MmapOptions(page).with_file(file).map() as mapping:
        arguments = ("areas", "--pid", ME, "--address", hex(mapping.start()))
        row = plain(on_terminal(*arguments, columns=columns, changes=changes)).split("\n")[1]
        assert cells(row) == columns
        assert row.endswith("…/漢字.bin")
        # In a pipe nothing is lost, whatever the width.
        assert output(*arguments, changes={"COLUMNS": "40"}).split("\n")[1].endswith(f"  {file}")


def test_a_narrow_terminal_keeps_the_other_columns() -> None:
    row = plain(on_terminal("areas", columns=20)).split("\n")[1]
    assert re.match(r" *0x[0-9a-f]+ +[0-9.]+ [KM]iB +[r-][w-][x-] ", row)


def test_colour_changes_no_text(other_process: int) -> None:
    # Of a process that waits: this one maps and unmaps between the two.
    arguments = ("areas", "--pid", str(other_process), "--range", f"0x10000:{sys.maxsize * 2:#x}")
    coloured, uncoloured = (
        on_terminal(*arguments, changes=changes) for changes in ({}, {"NO_COLOR": "1"})
    )
    assert coloured != uncoloured
    rows = [[row.rstrip() for row in plain(shown).split("\n")] for shown in (coloured, uncoloured)]
    assert rows[0] == rows[1]


def test_markup_in_a_path_is_text(tmp_path: Path, page: int) -> None:
    file = tmp_path / "[red]x[/red] :smile: \x1b[1m"
    file.parent.mkdir()
    file.write_bytes(bytes(page))
    with MmapOptions(page).with_file(file).map() as mapping:
        shown = on_terminal("areas", "--pid", ME, "--address", hex(mapping.start()), columns=400)
    assert r"[red]x[/red] :smile: \x1b[1m" in plain(shown)


def test_without_rich_the_table_is_plain() -> None:
    check_child(
        """
        import io, sys
        for name in ("rich", "rich.console", "rich.text"):
            sys.modules[name] = None
        class Terminal(io.StringIO):
            encoding = "utf-8"
            def isatty(self):
                return True
        import os
        os.environ |= {"TERM": "xterm", "COLUMNS": "90"}
        os.environ.pop("NO_COLOR", None)
        from mmap_rs._cli import rows, table
        from mmap_rs._cli.args import AreasRequest
        out = Terminal()
        table.write(tuple(rows.read(AreasRequest())), out)
        text = out.getvalue()
        assert "\\x1b" not in text
        assert text.startswith("   ") and " path\\n" in text and "[stack]" in text and "total" in text
        assert max(map(len, text.split("\\n"))) == 90
        """
    )


@pytest.mark.parametrize("limit", range(1, 45))
@pytest.mark.parametrize(
    "text",
    [
        "/usr/lib/x86_64-linux-gnu/libc.so.6",
        "no slashes in this name at all",
        "/漢字/漢字漢字漢字漢字/漢字漢字漢字.so",
        "/ends/in/a/slash/",
    ],
)
def test_shortened_text_fits(text: str, limit: int) -> None:
    text = unicodedata.normalize("NFC", text)
    short = shorten(text, limit)
    assert cells(short) <= limit
    assert (short == text) == (cells(text) <= limit)
    assert cells(short) >= min(limit, cells(text)) - 2
