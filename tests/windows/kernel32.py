"""What Windows itself says of addresses and handles, for the tests that ask it."""

from __future__ import annotations

import ctypes
import sys
from ctypes import wintypes
from pathlib import Path

from mmap_rs import MmapFlags, MmapOptions, UnsafeMmapFlags

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
    allocation_protect: int
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


def handles() -> int:
    """Return how many handles this process has.

    Where the system does not count them, as Wine does not, that is the number of the next one, which does not
    grow as long as none leaks.
    """
    count = wintypes.DWORD()
    kernel32.GetProcessHandleCount.argtypes = (wintypes.HANDLE, ctypes.POINTER(wintypes.DWORD))
    if kernel32.GetProcessHandleCount(wintypes.HANDLE(-1), ctypes.byref(count)) and count.value:
        return count.value
    kernel32.CreateEventW.restype = wintypes.HANDLE
    handle = kernel32.CreateEventW(None, False, False, None)
    assert kernel32.CloseHandle(wintypes.HANDLE(handle))
    return int(handle)


def jit(size: int) -> MmapOptions:
    return MmapOptions(size).with_unsafe_flags(UnsafeMmapFlags.JIT)


def kinds(path: Path, page: int) -> dict[str, MmapOptions]:
    """Return options for the three kinds of memory, of one page each."""
    return {
        "anonymous": jit(page),
        "private": jit(page).with_file(path),
        "shared": jit(page).with_file(path).with_flags(SHARED),
    }


def free_place(size: int) -> int:
    """Return an address where `size` bytes are free, at this moment."""
    with MmapOptions(size).reserve_none() as spare:
        return spare.start()
