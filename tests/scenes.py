"""What scenes in a child start with: the imports, a page, and a limit of time.

A scene is a child's source, so that a crash or a hang is one failed test.
"""

import os

import pytest

from child import PATIENCE

unix = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork() and no SIGALRM")

PRELUDE = f"""
import faulthandler, gc, os, signal, sys, tempfile, threading, time, warnings
from contextlib import suppress
faulthandler.dump_traceback_later({50 * PATIENCE}, exit=True)
warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads: that is the test
import mmap_rs
from mmap_rs import ConsumedError, MemoryAreas, Mmap, MmapFlags, MmapMut, MmapOptions

P = MmapOptions.page_size()
"""
