"""What scripts start with that set limits of Linux and meet them."""

PRELUDE = """
import ctypes, errno, os, resource, sys
from pathlib import Path
import mmap_rs, mmap_rs._errors, mmap_rs._flags
from tests.support.address_space import hole
from tests.support.procfs import area_at, areas, descriptors, permissions_at, smaps_at
from mmap_rs import MemoryAreas, MmapFlags, MmapOptions, SystemCallError

P = MmapOptions.page_size()
libc = ctypes.CDLL(None, use_errno=True)

def refused(act, *codes):
    "Return the message with which the system's refusal is told."
    try:
        act()
    except SystemCallError as error:
        assert error.errno in codes, error
        return str(error)
    raise AssertionError("it was allowed")

def status(name):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024

def give_up_rights():
    "Become nobody, for whom the limits hold."
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)

def at_most_one_error_class():
    refused(lambda: MmapOptions(P).map_none().lock(), errno.ENOMEM, errno.EAGAIN, errno.EPERM)

at_most_one_error_class()  # what errors import is imported now
"""
