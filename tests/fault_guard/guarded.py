"""A guarded mapping of a file that gets shorter, in a child process, which may end by SIGBUS."""

import textwrap

from tests.support.child_process import check_child

# A file of eight pages, and a mapping of it whose last seven pages have just gone.
PRELUDE = """
import errno, io, os, tempfile
import mmap_rs
from mmap_rs import *

P = MmapOptions.page_size()
SIZE = 8 * P
file = tempfile.TemporaryFile()

def whole():
    file.seek(0)
    file.write(b"x" * SIZE)
    file.flush()

def guarded(kind="map_mut", flags=MmapFlags.SHARED):
    whole()
    options = MmapOptions(SIZE).with_file(file).with_flags(flags).with_fault_guard()
    return getattr(options, kind)()

def cut(to=P):
    file.truncate(to)

def faults(call):
    try:
        call()
    except FaultError as error:
        assert error.errno == errno.EIO and error.variant == "Fault", error
        assert isinstance(error, mmap_rs.Error) and isinstance(error, OSError)
        return
    raise AssertionError("no FaultError")
"""


def child(code: str, timeout: float = 60) -> str:
    return check_child(PRELUDE + textwrap.dedent(code), timeout)
