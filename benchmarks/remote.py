"""Turns that plain Rust takes: a process beside this one, or an extension module in it."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.model import Turn

RUST = Path(__file__).resolve().parent / "rust"
TARGET = RUST.parent.parent / "target" / "plain"
EXTENSION = TARGET / "release" / "libviews.so"


class Remote:
    """A process that takes a turn for each line it reads, and answers with its nanoseconds.

    The line holds the number of loops, the name of the work and its arguments, separated by tabs. The
    process is started by the first turn.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._process: subprocess.Popen[str] | None = None

    def turn(self, work: str, *arguments: str) -> Turn:
        """Return a turn of some work."""

        def take(loops: int, /) -> float:
            return self._ask("\t".join([str(loops), work, *arguments]))

        return take

    def _ask(self, line: str) -> float:
        if self._process is None:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            msg = f"{self._command[0]} ended at: {line!r}"
            raise RuntimeError(msg)
        return float(json.loads(answer)["ns"]) / 1e9

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def build() -> None:
    """Build the Rust program, and the extension module."""
    for crate in (RUST, RUST.with_name("extension")):
        subprocess.run(
            ["cargo", "build", "--release", "--quiet", "--locked", "--target-dir", str(TARGET)],
            cwd=crate,
            check=True,
        )


def plain() -> Remote:
    """Return the Rust program, which `build` has built."""
    return Remote([str(TARGET / "release" / "mmap-rs-plain")])
