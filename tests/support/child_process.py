"""Run Python source in a child interpreter: for what can kill a process, or needs a fresh one.

`run_child` gives what the child printed and how it ended. What the child does with a fault is the
system's own: no `faulthandler`, no core file, warnings are errors as in this process.
"""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.support.paths import ROOT

# How much longer a time limit is under an emulator, which is far slower than a real processor.
TIMEOUT_FACTOR = 2.5 if os.environ.get("MMAP_RS_EMULATOR") else 1

# A core file of a test that dies on purpose helps no one, and may be large.
_PRELUDE = """\
try:
    import resource as _resource
except ImportError:
    pass
else:
    _resource.setrlimit(_resource.RLIMIT_CORE, (0, _resource.getrlimit(_resource.RLIMIT_CORE)[1]))
    del _resource
"""


def child_environment() -> dict[str, str]:
    """Return the environment of a child: it can import the tests, and nothing else changes how it runs."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTHON") or name in ("PYTHONHOME", "PYTHONPATH")
    }
    paths = [str(ROOT), *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8"}


def run_child(
    code: str,
    timeout: float = 60,
    *,
    arguments: tuple[str, ...] = (),
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `code` (dedented) in a fresh interpreter and return how it ended, with its output as text.

    `arguments` are the child's `sys.argv[1:]`, `cwd` is the directory it starts in. A child that
    takes longer than `timeout` seconds (more under an emulator) is killed, and `subprocess.TimeoutExpired`
    raised.
    """
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", _PRELUDE + textwrap.dedent(code), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=timeout * TIMEOUT_FACTOR,
        env=child_environment(),
        cwd=cwd,
        check=False,
    )


def check_child(
    code: str,
    timeout: float = 60,
    *,
    arguments: tuple[str, ...] = (),
    cwd: Path | None = None,
) -> str:
    """Run `code` as `run_child` does, fail unless it ends with status 0, and return what it printed."""
    done = run_child(code, timeout, arguments=arguments, cwd=cwd)
    assert done.returncode == 0, describe(done)
    return done.stdout


def died_of(proc: subprocess.CompletedProcess[str], number: int) -> bool:
    """Tell whether the child was ended by signal `number`, such as `signal.SIGSEGV`."""
    return proc.returncode == -int(number)


def describe(proc: subprocess.CompletedProcess[str]) -> str:
    """Say in words how a child ended and what it wrote: for the message of an assertion."""
    if proc.returncode < 0:
        try:
            how = f"died of {signal.Signals(-proc.returncode).name}"
        except ValueError:
            how = f"died of signal {-proc.returncode}"
    else:
        how = f"ended with status {proc.returncode}"
    return f"the child {how}\n--- stdout\n{proc.stdout}\n--- stderr\n{proc.stderr}"
