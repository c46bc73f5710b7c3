"""`areas --watch`: look again and again, and show what changed, until the process ends or Ctrl-C."""

import contextlib
import json
import os
import select
import time
from collections.abc import Sequence
from typing import Protocol, Self, TextIO

from mmap_rs._cli import json_lines, rows
from mmap_rs._cli.args import AreasRequest
from mmap_rs._cli.changes import Change, changes
from mmap_rs._cli.rows import Row


class Writer(Protocol):
    """Shows what a look found."""

    def show(self, found: Sequence[Change], after: Sequence[Row], when: float) -> None:
        """Show the changes since the last look, and the areas as they are."""
        ...


def run(request: AreasRequest, seconds: float, out: TextIO) -> None:
    """Watch until the process ends or Ctrl-C is pressed; raise what the first look raises."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(KeyboardInterrupt))
        process = stack.enter_context(_Process(request.pid))
        before = _look(request)
        writer = _writer(request, seconds, out, stack)
        writer.show((), before, time.time())
        due = time.monotonic()
        while _is_there(request, before):
            # Looks that take long don't add up.
            due = max(due + seconds, time.monotonic())
            if process.ends_before(due):
                break
            try:
                after = _look(request)
            except ProcessLookupError:
                break
            writer.show(changes(before, after), after, time.time())
            before = after


def _look(request: AreasRequest) -> tuple[Row, ...]:
    try:
        return tuple(rows.read(request))
    except rows.NotMappedError:
        return ()


def _is_there(request: AreasRequest, found: Sequence[Row]) -> bool:
    """Whether there is more to come: a process that has ended may still be there, without areas."""
    return bool(found) or request.address is not None or request.span is not None


class _Process:
    """Knows when a process ends, and that no other has got its number: by a pidfd (Linux 5.3 on)."""

    def __init__(self, pid: int | None) -> None:
        self._descriptor: int | None = None
        # It is not there for the number of a thread, and on other systems.
        with contextlib.suppress(OSError, OverflowError, AttributeError):
            if pid is not None:
                self._descriptor = os.pidfd_open(pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def ends_before(self, due: float) -> bool:
        """Wait until a time of `time.monotonic()`; return whether the process was seen to end before."""
        left = max(due - time.monotonic(), 0)
        if self._descriptor is None:
            time.sleep(left)
            return False
        return bool(select.select([self._descriptor], [], [], left)[0])


def _writer(
    request: AreasRequest, seconds: float, out: TextIO, stack: contextlib.ExitStack
) -> Writer:
    if request.json or not out.isatty():
        return _Lines(out, usage=request.usage)
    from mmap_rs._cli import watch_table

    return watch_table.writer(request, seconds, out, stack)


class _Lines:
    """Writes each change as a line of JSON."""

    def __init__(self, out: TextIO, *, usage: bool) -> None:
        self._out, self._usage = out, usage

    def show(self, found: Sequence[Change], after: Sequence[Row], when: float) -> None:
        """Write the changes."""
        del after
        self._out.write("".join(f"{self._line(change, when)}\n" for change in found))
        # Whoever reads it wants to know now.
        self._out.flush()

    def _line(self, change: Change, when: float) -> str:
        said: dict[str, object] = {"time": round(when, 3), "change": change.what}
        said |= json_lines.fields(change.row, usage=self._usage)
        said["size_before"] = None if change.before is None else change.before.size
        if self._usage:
            said["resident_before"] = None if change.before is None else change.before.resident
        return json.dumps(said)
