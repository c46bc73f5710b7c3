"""A short run of `stress.py`, in a child.

`MMAP_RS_SOAK=600 pytest tests/threads/test_stress.py` makes it a long one.
"""

import os
import subprocess
import sys

import pytest

from tests.support.child_process import TIMEOUT_FACTOR, child_environment
from tests.support.child_scripts import needs_fork
from tests.support.paths import ROOT

SECONDS = float(os.environ.get("MMAP_RS_SOAK", "6")) * TIMEOUT_FACTOR


@needs_fork
@pytest.mark.timeout(SECONDS + 120)
def test_many_threads_do_everything_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.threads.stress", str(SECONDS)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS + 100,
        env=child_environment(),
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
