"""`areas --watch`: what changed since the last look, as lines of JSON or on a terminal, and how it ends."""

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("needs Linux: a pseudo-terminal, and its areas", allow_module_level=True)

import resource

from mmap_rs._cli.args import AreasRequest
from mmap_rs._cli.changes import Change, changes
from mmap_rs._cli.rows import Row, kind_of
from mmap_rs._cli.watch_table import Heading, signed
from tests.cli.run_command import command, environment, error_output, on_terminal
from tests.support.child_process import TIMEOUT_FACTOR

PAGE = 4096
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")

# Maps, grows and closes as it is told to on its standard input.
OBEYS = """
import sys
from mmap_rs import MmapFlags, MmapOptions
print(flush=True)
made = None
for line in sys.stdin:
    if line.startswith("map"):
        made = MmapOptions(int(line[3:]) << 20).with_flags(MmapFlags.SHARED).map_mut()
    elif line == "write\\n":
        made[:65536] = bytes([1]) * 65536
    elif line == "protect\\n":
        made = made.make_read_only()
    else:
        made.close()
    print(flush=True)
"""


def row(start: int, size: int, protection: str = "rw-", resident: int | None = None) -> Row:
    usage = None if resident is None else {"resident": resident, "proportional": resident}
    kind = kind_of(None, protection, False)
    return Row(start, start + size, protection, False, None, None, kind, None, usage)


# --- what is a change


def test_what_stays_is_no_change() -> None:
    rows = [row(0, PAGE), row(2 * PAGE, PAGE)]
    assert changes(rows, rows) == []


@pytest.mark.parametrize(
    ("before", "after", "what", "by"),
    [
        ([], [row(0, PAGE)], "came", PAGE),
        ([row(0, PAGE)], [], "went", -PAGE),
        ([row(0, PAGE)], [row(0, 3 * PAGE)], "grew", 2 * PAGE),
        ([row(0, 3 * PAGE)], [row(0, PAGE)], "shrank", -2 * PAGE),
        ([row(PAGE, PAGE)], [row(0, 2 * PAGE)], "grew", PAGE),
        ([row(0, PAGE)], [row(0, PAGE, "r--")], "changed", 0),
        ([row(0, PAGE, resident=0)], [row(0, PAGE, resident=PAGE)], "resident", PAGE),
    ],
)
def test_a_change(before: list[Row], after: list[Row], what: str, by: int) -> None:
    (found,) = changes(before, after)
    assert (found.what, found.by) == (what, by)
    assert found.row == (after or before)[0]
    assert found.before == (before[0] if before and after else None)


def test_changes_are_in_order() -> None:
    before = [row(0, PAGE), row(8 * PAGE, PAGE, "r--"), row(16 * PAGE, PAGE)]
    after = [row(4 * PAGE, PAGE, "r--"), row(8 * PAGE, 2 * PAGE), row(16 * PAGE, 2 * PAGE)]
    assert changes(before, after) == [
        Change("went", before[0]),
        Change("came", after[0]),
        Change("went", before[1]),
        Change("came", after[1]),
        Change("grew", after[2], before[2]),
    ]


def test_differences_in_words() -> None:
    assert [signed(size) for size in (0, PAGE, -PAGE)] == ["", "+4 KiB", "-4 KiB"]


# --- lines of JSON


def test_the_heading_tells_what_is_left_of_all_changes() -> None:
    heading = Heading(AreasRequest(pid=5), 2)
    first = [row(0, PAGE, resident=0), row(2 * PAGE, PAGE, resident=0)]
    moved = [row(0, PAGE, resident=0), row(4 * PAGE, PAGE, resident=0)]
    grown = [*moved, row(8 * PAGE, PAGE, resident=PAGE)]
    size, resident = 2 * PAGE // 1024, PAGE // 1024
    assert heading.lines(first)[0] == f"process 5: 2 areas, {size} KiB, 0 B resident"
    # One came and one went.
    assert heading.lines(moved)[1] == "since the start: no net change; every 2 s, Ctrl-C ends"
    since = f"+1 area, +{PAGE // 1024} KiB, +{resident} KiB resident"
    assert heading.lines(grown)[1] == f"since the start: {since}; every 2 s, Ctrl-C ends"


@pytest.fixture
def obedient() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", OBEYS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    process.stdout.readline()


class Watching:
    """The command, whose lines a thread reads."""

    def __init__(self, pid: int, *options: str) -> None:
        self.process = subprocess.Popen(
            command("areas", "--pid", str(pid), "--watch", "0.05", *options),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
        )
        self.lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)

    def wait_for(self, what: str, mib: int) -> dict[str, Any]:
        """Return the change of an area of a size: others come as they will."""
        while True:
            found: dict[str, Any] = json.loads(self.lines.get(timeout=60 * TIMEOUT_FACTOR))
            if found["change"] == what and found["size"] == mib << 20:
                return found

    def end(self) -> tuple[int, str]:
        """Wait for its end; return its status and what it said on stderr."""
        status = self.process.wait(60 * TIMEOUT_FACTOR)
        self._reader.join(60 * TIMEOUT_FACTOR)
        assert self.process.stderr is not None
        assert self.process.stdout is not None
        with self.process.stderr as errors, self.process.stdout:
            said = errors.read()
        # No line is cut off.
        while not self.lines.empty():
            assert json.loads(self.lines.get())
        return status, said


@contextlib.contextmanager
def watching(process: subprocess.Popen[str], *options: str) -> Generator[Watching]:
    """Watch a process; what it does from now on is seen."""
    found = Watching(process.pid, *options)
    try:
        # What was there at the first look is no change: so map until that is seen, and gone again.
        while found.lines.empty():
            tell(process, "map 2")
            time.sleep(0.2)
            tell(process, "close")
            time.sleep(0.2)
            assert found.process.poll() is None
        tell(process, "map 3")
        found.wait_for("came", 3)
        tell(process, "close")
        found.wait_for("went", 3)
        yield found
    finally:
        found.process.kill()
        found.process.wait()


def test_areas_that_come_change_and_go(obedient: subprocess.Popen[str]) -> None:
    with watching(obedient, "--usage") as watch:
        tell(obedient, "map 1")
        came = watch.wait_for("came", 1)
        assert {"time", "change", "size_before", "resident_before", "proportional"} <= came.keys()
        assert came["resident"] == 0
        assert came["size_before"] is None
        tell(obedient, "write")
        resident = watch.wait_for("resident", 1)
        assert resident["resident"] > resident["resident_before"]
        tell(obedient, "protect")
        changed = watch.wait_for("changed", 1)
        assert (changed["protection"], changed["start"]) == ("r--", came["start"])
        tell(obedient, "close")
        went = watch.wait_for("went", 1)
        assert went["addresses"] == came["addresses"]
        obedient.kill()
        # It ends with the process, though nobody has asked for the process's end.
        assert watch.end() == (0, "")


def test_interrupted(obedient: subprocess.Popen[str]) -> None:
    with watching(obedient) as watch:
        watch.process.send_signal(signal.SIGINT)
        assert watch.end() == (0, "")


def test_nobody_reads(obedient: subprocess.Popen[str]) -> None:
    # Nothing changes, so that nothing is written, and no look is due.
    arguments = command("areas", "--pid", str(obedient.pid), "--watch", "1000")
    reader, writer = os.pipe()
    with subprocess.Popen(
        arguments, stdout=writer, stderr=subprocess.PIPE, env=environment()
    ) as watch:
        os.close(writer)
        os.close(reader)
        _, said = watch.communicate(timeout=60 * TIMEOUT_FACTOR)
    assert (watch.returncode, said) == (1, b"")


# Executes itself again and again, until its input is closed.
EXECUTES = """
import os, select, sys
if not select.select([0], [], [], 0)[0]:
    os.execv(sys.executable, sys.orig_argv)
"""


def test_a_process_that_executes_itself_is_watched_on() -> None:
    with (
        subprocess.Popen([sys.executable, "-S", "-c", EXECUTES], stdin=subprocess.PIPE) as program,
        subprocess.Popen(
            command("areas", "--pid", str(program.pid), "--watch", "0.01"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment(),
        ) as watch,
    ):
        try:
            with pytest.raises(subprocess.TimeoutExpired):
                watch.wait(3)
            assert program.stdin is not None
            program.stdin.close()
            _, said = watch.communicate(timeout=60 * TIMEOUT_FACTOR)
            assert (watch.returncode, said) == (0, b"")
        finally:
            program.kill()
            watch.kill()


def test_descriptors_with_large_numbers() -> None:
    def open_many() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (2000, 2000))
        for number in range(3, 1100):
            os.dup2(0, number)

    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 2000:
        pytest.skip("the limit of open files is lower")
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(2)"]) as program:
        done = subprocess.run(
            command("areas", "--pid", str(program.pid), "--watch", "0.1"),
            capture_output=True,
            env=environment(),
            close_fds=False,
            preexec_fn=open_many,
            timeout=60 * TIMEOUT_FACTOR,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_no_such_process() -> None:
    said = error_output("areas", "--pid", str(2**31 - 1), "--watch", "1")
    assert "No such process" in said


# --- on a terminal

# Maps and closes for a while, then ends.
BUSY = """
import time
from mmap_rs import MmapFlags, MmapOptions
print(flush=True)
for n in range(1, 40):
    made = MmapOptions(n << 20).with_flags(MmapFlags.SHARED).map_mut()
    time.sleep(0.1)
"""


@pytest.mark.parametrize("columns", [50, 200])
@pytest.mark.parametrize("changes", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_a_table_of_changes(columns: int, changes: dict[str, str]) -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        arguments = ("areas", "--pid", str(process.pid), "--watch", "0.1", "--usage")
        shown = on_terminal(*arguments, columns=columns, changes=changes)
    assert ("\x1b" in shown) == (changes == {})
    lines = ESCAPE.sub("", shown).replace("\r", "\n").split("\n")
    assert max(len(line.rstrip()) for line in lines) <= columns
    text = "\n".join(lines)
    assert re.search(
        rf"process {process.pid}: \d+ areas, [\d.]+ [KM]iB, [\d.]+ [KM]iB resident", text
    )
    assert re.search(r"came +.*[\d.]+ MiB", text)
    assert "went" in text
    said = " ".join(text.split())
    assert said.count("since the start: ") == said.count("; every 0.1 s, Ctrl-C ends")
