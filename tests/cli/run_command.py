"""Run the command line as a user does, in a process of its own, also on a terminal."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping

from tests.support.child_process import TIMEOUT_FACTOR, child_environment


def environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a child's environment with nothing in it that decides on colour and width but `changes`."""
    kept = child_environment()
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TERM", "COLORTERM"):
        kept.pop(name, None)
    # As in a user's shell, not in a test's.
    del kept["PYTHONIOENCODING"]
    kept |= {"LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
    return kept | dict(changes or {})


def command(*arguments: str | os.PathLike[str]) -> list[str | os.PathLike[str]]:
    """Return what starts the command."""
    return [sys.executable, "-W", "error", "-m", "mmap_rs", *arguments]


def run(
    *arguments: str | os.PathLike[str], status: int = 0, changes: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run the command, its output into pipes, and fail unless it ends with `status`."""
    done = subprocess.run(
        command(*arguments),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60 * TIMEOUT_FACTOR,
        env=environment(changes),
        check=False,
    )
    assert done.returncode == status, (done.returncode, done.stdout[-2000:], done.stderr)
    return done


def output(*arguments: str | os.PathLike[str], changes: Mapping[str, str] | None = None) -> str:
    """Run the command and return what it printed; it must succeed, and without a word on stderr."""
    done = run(*arguments, changes=changes)
    assert done.stderr == b""
    return done.stdout.decode()


def error_output(*arguments: str | os.PathLike[str], status: int = 1) -> str:
    """Run the command, which must fail and print nothing, and return what it said on stderr."""
    done = run(*arguments, status=status)
    assert done.stdout == b""
    return done.stderr.decode()


def on_terminal(
    *arguments: str | os.PathLike[str], columns: int = 100, changes: Mapping[str, str] | None = None
) -> str:
    """Run the command on a terminal of some width and return what it showed there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        command(*arguments), stdin=theirs, stdout=theirs, stderr=theirs, env=environment(changes)
    )
    os.close(theirs)
    shown = bytearray()
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:
        pass  # Linux: the last writer has closed its end
    finally:
        os.close(ours)
    assert process.wait(60 * TIMEOUT_FACTOR) == 0, shown
    return shown.decode().replace("\r\n", "\n")
