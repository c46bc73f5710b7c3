"""`areas --watch`: look again and again, and show what changed, until the process ends or Ctrl-C."""

import contextlib
import errno
import json
import os
import select
import sys
import time
from collections.abc import Sequence
from typing import Protocol, Self, TextIO

from mmap_rs._cli import json_lines, rows
from mmap_rs._cli.args import AreasRequest
from mmap_rs._cli.changes import Change, changes
from mmap_rs._cli.rows import Row

# How often a look is tried while the process is there.
_TRIES = 5


class Writer(Protocol):
    """Shows what a look found."""

    def show(self, found: Sequence[Change], after: Sequence[Row], when: float) -> None:
        """Show the changes since the last look, and the areas as they are."""
        ...


def run(request: AreasRequest, seconds: float, out: TextIO) -> None:
    """Watch until the process ends or Ctrl-C is pressed; raise what the first look raises."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(KeyboardInterrupt))
        process = stack.enter_context(_Process(request.pid, out))
        before = _look(request, process)
        writer = _writer(request, seconds, out, stack)
        writer.show((), before, time.time())
        due = time.monotonic()
        while _is_there(request, before):
            # Looks that take long don't add up.
            due = max(due + seconds, time.monotonic())
            if process.ends_before(due):
                break
            try:
                after = _look(request, process)
            except ProcessLookupError:
                break
            writer.show(changes(before, after), after, time.time())
            before = after


def _look(request: AreasRequest, process: "_Process") -> tuple[Row, ...]:
    for left in reversed(range(_TRIES)):
        try:
            return tuple(rows.read(request))
        except rows.NotMappedError:
            break
        except ProcessLookupError:
            # So is an `exec` in the middle of a look.
            if left == 0 or process.ends_before(0):
                raise
    return ()


def _is_there(request: AreasRequest, found: Sequence[Row]) -> bool:
    """Whether there is more to come: a process that has ended may still be there, without areas."""
    return bool(found) or request.address is not None or request.span is not None


class _Process:
    """Waits, and notices the end of a process, by a pidfd (Linux 5.3 on), and of whoever reads the output."""

    def __init__(self, pid: int | None, out: TextIO) -> None:
        self._descriptor: int | None = None
        if sys.platform == "win32":
            return
        self._poll = select.poll()
        # It is not there for the number of a thread, and on other systems.
        with contextlib.suppress(OSError, OverflowError, AttributeError):
            if pid is not None:
                self._descriptor = os.pidfd_open(pid)
                self._poll.register(self._descriptor, select.POLLIN)
        # Without events, as errors are reported anyway. What is no file can't be closed by its reader.
        with contextlib.suppress(OSError, ValueError):
            self._poll.register(out.fileno(), 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def ends_before(self, due: float) -> bool:
        """Wait until a time of `time.monotonic()`; return whether the process was seen to end before.

        Raises:
            BrokenPipeError: if nobody reads the output any more.
        """
        while True:
            left = max(due - time.monotonic(), 0)
            if sys.platform == "win32":
                time.sleep(left)
                return False
            for descriptor, event in self._poll.poll(left * 1000):
                if descriptor == self._descriptor:
                    return True
                if not event & select.POLLNVAL:
                    raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
                # A system whose poll does not know such files.
                self._poll.unregister(descriptor)
            if time.monotonic() >= due:
                return False


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
