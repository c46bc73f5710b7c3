"""What Windows itself says of addresses and handles, for the tests that ask it."""

from __future__ import annotations

import ctypes
import sys
from ctypes import wintypes

from mmap_rs import MmapFlags, MmapOptions

# For the type checkers, which see the rest as Windows has it.
assert sys.platform == "win32"

kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)

SHARED = MmapFlags.SHARED
KINDS = ("anonymous", "private", "shared")
UNIT = MmapOptions.allocation_granularity()
COMMIT, FREE, RESERVE = 0x1000, 0x10000, 0x2000
IS_64_BIT = sys.maxsize > 1 << 32
HUGE = 1 << (36 if IS_64_BIT else 28)


class Information(ctypes.Structure):
    """MEMORY_BASIC_INFORMATION."""

    _fields_ = (
        ("base", ctypes.c_void_p),
        ("allocation", ctypes.c_void_p),
        ("allocation_protect", wintypes.DWORD),
        *([("partition", wintypes.WORD)] if IS_64_BIT else []),
        ("size", ctypes.c_size_t),
        ("state", wintypes.DWORD),
        ("protect", wintypes.DWORD),
        ("type", wintypes.DWORD),
    )
    state: int
    protect: int
    size: int


def information(address: int) -> Information:
    """Ask the system about an address."""
    found = Information()
    query = kernel32.VirtualQuery
    query.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    query.restype = ctypes.c_size_t
    assert query(address, ctypes.byref(found), ctypes.sizeof(found))
    return found


def next_handle() -> int:
    """Return the number of the next handle, which does not grow as long as none leaks."""
    kernel32.CreateEventW.restype = wintypes.HANDLE
    handle = kernel32.CreateEventW(None, False, False, None)
    assert kernel32.CloseHandle(wintypes.HANDLE(handle))
    return int(handle)


def free_place(size: int) -> int:
    """Return an address where `size` bytes are free, at this moment."""
    with MmapOptions(size).reserve_none() as spare:
        return spare.start()
