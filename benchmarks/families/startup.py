"""What `import mmap_rs` takes of the processor's time."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from benchmarks.model import OURS, Case, Excess, Scope, Turn

IMPORT = "import time; begun = time.process_time(); import {}; print(time.process_time() - begun)"
BAR = Excess(("mmap",), 3e6)


def importing(module: str, cache: str) -> Turn:
    """Return a turn that imports a module in a new process, its byte code cached as after a first use."""
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    command = [sys.executable, "-X", f"pycache_prefix={cache}", "-c", IMPORT.format(module)]

    def once() -> float:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, check=True, text=True, env=environment
        )
        return float(done.stdout)

    def take(loops: int, /) -> float:
        return sum(once() for _ in range(loops))

    return take


def cases(scope: Scope) -> Iterator[Case]:
    if scope.counting:
        return
    with tempfile.TemporaryDirectory() as cache:
        sides = {OURS: importing("mmap_rs", cache), "mmap": importing("mmap", cache)}
        yield Case("startup", "import", sides, (BAR,))
