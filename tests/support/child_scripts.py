"""The start of scripts that tests run in a child process: imports, the page size, and a time limit.

In a child, a crash or a hang is one failed test.
"""

import os

import pytest

from tests.support.child_process import TIMEOUT_FACTOR

needs_fork = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="the system has no fork() and no SIGALRM"
)

PRELUDE = f"""
import faulthandler, gc, os, signal, sys, tempfile, threading, time, warnings
from contextlib import suppress
faulthandler.dump_traceback_later({50 * TIMEOUT_FACTOR}, exit=True)
warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads: that is the test
import mmap_rs
from mmap_rs import ConsumedError, MemoryAreas, Mmap, MmapFlags, MmapMut, MmapOptions

P = MmapOptions.page_size()
"""
