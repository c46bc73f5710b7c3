"""Run the command: parse the arguments, write the answer, and turn errors into a line and a status."""

import io
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TextIO, cast

import mmap_rs
from mmap_rs._cli import json_lines, pages, rows, table, totals
from mmap_rs._cli.args import AreasRequest, PageSizesRequest, parse, program
from mmap_rs._cli.text import escaped


def run(arguments: list[str]) -> int:
    """Run the command and return its exit status: 0, or 1 with a line on stderr; wrong usage exits with 2."""
    request = parse(arguments)
    # It is None if the caller has closed it.
    if cast("TextIO | None", sys.stdout) is None:
        sys.stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    # A path may contain characters that the terminal's encoding lacks.
    if hasattr(sys.stdout, "reconfigure"):
        cast("io.TextIOWrapper", sys.stdout).reconfigure(errors="backslashreplace")
    try:
        if isinstance(request, PageSizesRequest):
            (pages.write_json if request.json else pages.write)(sys.stdout)
        elif request.watch is not None:
            from mmap_rs._cli import watch

            watch.run(request, request.watch, sys.stdout)
        else:
            _areas(request)
        # Here, while an error can still be reported.
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has read enough.
        _finish_output()
        return 1
    except (OSError, mmap_rs.Error, OverflowError, rows.NotMappedError) as error:
        _finish_output()
        # print() takes None for standard output.
        if cast("TextIO | None", sys.stderr) is not None:
            print(f"{program()}: {_describe(error, request)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        _finish_output()
        return 130
    return 0


def _areas(request: AreasRequest) -> None:
    found: Iterable[rows.Row] = rows.read(request)
    if request.svg is not None:
        from mmap_rs._cli import svg

        found = tuple(found)
        picture = svg.draw(found, _subject(request)).encode()
        if request.svg == "-":
            sys.stdout.flush()
            sys.stdout.buffer.write(picture)
        else:
            Path(request.svg).write_bytes(picture)
    usage = request.usage
    if request.json and request.by_file:
        for group in totals.by_file(found):
            print(json_lines.group_line(group, usage=usage))
    elif request.json:
        for row in found:
            print(json_lines.line(row, usage=usage))
    elif request.by_file:
        table.write_groups(tuple(found), sys.stdout, usage=usage)
    elif request.svg is None:
        table.write(tuple(found), sys.stdout, usage=usage)


def _subject(request: AreasRequest) -> str:
    """Return whose areas are listed, in words."""
    return f"process {os.getpid() if request.pid is None else request.pid}"


def _describe(error: Exception, request: AreasRequest | PageSizesRequest) -> str:
    """Describe an error in one line."""
    text = str(error)
    if isinstance(request, AreasRequest) and request.pid is not None:
        process = f"process {request.pid}"
        if isinstance(error, rows.NotMappedError):
            text = f"{text} in {process}"
        elif isinstance(error, OverflowError) or (
            isinstance(error, mmap_rs.SystemCallError) and process not in text
        ):
            text = f"{process}: {text}"
    return escaped(" ".join(text.split("\n")))


def _finish_output() -> None:
    """Write what is still buffered; if that fails, drop it, or the interpreter would complain later."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)
