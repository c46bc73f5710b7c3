"""`areas --watch` on a terminal: a live table with the library rich, lines without it."""

import contextlib
import os
import shutil
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, TextIO

from mmap_rs._cli import columns, table
from mmap_rs._cli.args import AreasRequest
from mmap_rs._cli.changes import Change
from mmap_rs._cli.columns import Column, Columns
from mmap_rs._cli.rows import Row
from mmap_rs._cli.text import count, human
from mmap_rs._cli.totals import Sum, by_kind

if TYPE_CHECKING:
    from rich.live import Live

    from mmap_rs._cli.watch import Writer

TIME = Column("time", "left")
CHANGE = Column("change", "left")
BY = Column("by", "right")
# The fewer of them the narrower the terminal is.
_WHOLE = (
    TIME,
    CHANGE,
    columns.ADDRESS,
    columns.SIZE,
    BY,
    columns.RESIDENT,
    columns.PROTECTION,
    columns.PATH,
)
_DROPPED = (columns.ADDRESS, columns.PROTECTION, TIME, columns.SIZE)
# Lines of the terminal that are neither for changes nor for what is said above them: headings and the prompt.
_OTHER_LINES = 4


@dataclass(frozen=True, slots=True)
class Seen:
    """A change, and when it was seen, in words."""

    when: str
    change: Change


def layouts(*, usage: bool) -> list[Columns]:
    """Return which columns there may be, from all of them down to the fewest."""
    found = [tuple(each for each in _WHOLE if usage or each is not columns.RESIDENT)]
    for dropped in _DROPPED:
        start = (columns.START,) if dropped is columns.ADDRESS else ()
        found.append(
            tuple(
                each for column in found[-1] for each in (start if column is dropped else (column,))
            )
        )
    return found


def cells(seen: Seen, shown: Columns) -> tuple[str, ...]:
    """Return the cells of a change."""
    change = seen.change
    row = columns.area_cells(change.row, tuple(each for each in shown if each not in _OWN))
    others = iter(row)
    own = {TIME: seen.when, CHANGE: change.what, BY: signed(change.by)}
    return tuple(own[each] if each in own else next(others) for each in shown)


_OWN = (TIME, CHANGE, BY)


def signed(size: int) -> str:
    """Return a difference in bytes in words; nothing if there is none."""
    return "" if not size else f"{'+' if size > 0 else '-'}{human(abs(size))}"


def writer(
    request: AreasRequest, seconds: float, out: TextIO, stack: contextlib.ExitStack
) -> "Writer":
    """Return what shows the changes on a terminal; the stack ends it."""
    if not os.environ.get("NO_COLOR"):
        try:
            from rich.console import Console
            from rich.live import Live
        except ImportError:
            pass  # rich is optional
        else:
            console = Console(file=out)
            if not console.is_dumb_terminal:
                live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
                return _LiveTable(request, seconds, out, stack.enter_context(live))
    return _Lines(request, seconds, out)


class Heading:
    """What is said above the changes."""

    def __init__(self, request: AreasRequest, seconds: float) -> None:
        pid = os.getpid() if request.pid is None else request.pid
        self._subject, self._seconds = f"process {pid}", seconds
        self._first: Sum | None = None

    def lines(self, after: Sequence[Row]) -> tuple[str, str]:
        total = by_kind(after)["total"]
        self._first = self._first or total
        resident = "" if total.resident is None else f", {human(total.resident)} resident"
        areas = total.areas - self._first.areas
        noun = "area" if abs(areas) == 1 else "areas"
        more = [f"{areas:+,} {noun}" if areas else "", signed(total.size - self._first.size)]
        if total.resident is not None and self._first.resident is not None:
            grown = signed(total.resident - self._first.resident)
            more.append(f"{grown} resident" if grown else "")
        since = ", ".join(filter(None, more)) or "no net change"
        return (
            f"{self._subject}: {count(total.areas, 'area')}, {human(total.size)}{resident}",
            f"since the start: {since}; every {self._seconds:g} s, Ctrl-C ends",
        )


class _Lines:
    """Appends a line for each change."""

    def __init__(self, request: AreasRequest, seconds: float, out: TextIO) -> None:
        self._heading: Heading | None = Heading(request, seconds)
        self._out, self._usage = out, request.usage

    def show(self, found: Sequence[Change], after: Sequence[Row], when: float) -> None:
        """Write the changes."""
        if self._heading is not None:
            print(self._heading.lines(after)[0], file=self._out)
            self._heading = None
        seen = [Seen(_clock(when), change) for change in found]
        width = shutil.get_terminal_size().columns
        mark = table.mark_of(self._out)
        shown, body = table.fit(seen, layouts(usage=self._usage), cells, width, mark)
        for line in list(table.lines(shown, body))[0 if body else 1 :]:
            print(line, file=self._out)
        self._out.flush()


class _LiveTable:
    """Shows the latest changes in a table that stays where it is."""

    def __init__(self, request: AreasRequest, seconds: float, out: TextIO, live: "Live") -> None:
        self._heading = Heading(request, seconds)
        self._usage, self._mark, self._live = request.usage, table.mark_of(out), live
        self._seen: deque[Seen] = deque(maxlen=1000)

    def show(self, found: Sequence[Change], after: Sequence[Row], when: float) -> None:
        """Draw the table anew."""
        from rich.console import Group
        from rich.text import Text

        from mmap_rs._cli import rich_table

        self._seen.extend(Seen(_clock(when), change) for change in found)
        wide, high = self._live.console.size
        first, second = (wrap(line, wide) for line in self._heading.lines(after))
        lines = len(first) + len(second)
        latest = list(self._seen)[-max(high - _OTHER_LINES - lines, 1) :]
        shown, body = table.fit(latest, layouts(usage=self._usage), cells, wide, self._mark)
        parts = [Text("\n".join(first), "bold"), Text("\n".join(second)), Text("")]
        made = [rich_table.table(shown, body)] if body else []
        self._live.update(Group(*parts, *made), refresh=True)


def _clock(when: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(when))
