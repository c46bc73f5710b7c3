"""The listing of memory areas and the look-up of one (Linux).

Each number of areas is made in a process of its own, which takes turns when it is asked to: this
module run as a program. psutil's `memory_maps()` also reads how much of each area is resident (RSS,
PSS), which costs the kernel most of the time: that comparison is of two ways to learn what is mapped,
not of like with like. The list with usage reads the same as psutil does.
"""

import ctypes
import errno
import fcntl
import json
import os
import struct
import sys
import time
from collections.abc import Callable, Iterator

import mmap_rs
from benchmarks.model import OURS, Bar, Case, Excess, Ratio, Scope
from benchmarks.remote import Remote
from mmap_rs import MemoryAreas

LISTED = 8_000
USED = 4_000
FEW = 100
MANY = 60_000

# What the project promises.
LISTING = (Ratio(("raw read",), 2.5), Ratio(("psutil",), 1 / 20))
USAGE = (Ratio(("raw read of smaps",), 1.3), Ratio(("psutil",), 1 / 3))
BESIDE_FEW = Ratio(("among few",), 1.5)
# The request alone is on a descriptor that is open; a look-up opens the list and closes it.
BESIDE_REQUEST = Excess(("ioctl",), 6_000)

# struct procmap_query of include/uapi/linux/fs.h, and its request number.
QUERY = struct.Struct("=9Q4I2Q")
PROCMAP_QUERY = 3 << 30 | QUERY.size << 16 | ord("f") << 8 | 17
COVERING_OR_NEXT_VMA = 0x10


def make_areas(count: int) -> tuple[int, int]:
    """Map `count` pages, no two neighbours in one area; return their address and the page size."""
    page = mmap_rs.MmapOptions.page_size()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    read, private_anonymous = 1, 0x22
    start: int = libc.mmap(None, count * page, read, private_anonymous, -1, 0)
    for number in range(0, count, 2):
        if libc.mprotect(start + number * page, page, 0):
            raise OSError(ctypes.get_errno(), "mprotect: is vm.max_map_count too low?")
    return start, page


def raw_read(name: str = "maps") -> None:
    """Read the text of the list, and do nothing with it."""
    descriptor = os.open(f"/proc/self/{name}", os.O_RDONLY)
    while os.read(descriptor, 1 << 16):
        pass
    os.close(descriptor)


def list_all() -> None:
    for _ in MemoryAreas.open():
        pass


def list_usage() -> None:
    for _ in MemoryAreas.open(usage=True):
        pass


def request(address: int) -> Callable[[], object]:
    """Return the bare request for the area at an address."""
    query = bytearray(QUERY.pack(QUERY.size, COVERING_OR_NEXT_VMA, address, *[0] * 12))
    descriptor = os.open("/proc/self/maps", os.O_RDONLY)
    return lambda: fcntl.ioctl(descriptor, PROCMAP_QUERY, query)


def work(count: int) -> dict[str, Callable[[], object]]:
    """Make so many areas, and return what is timed among them."""
    start, page = make_areas(count)
    address = start + count // 2 * page + 5
    near = range(address, address + 8 * page)
    found: dict[str, Callable[[], object]] = {
        "list": list_all,
        "raw read": raw_read,
        "usage": list_usage,
        "raw read of smaps": lambda: raw_read("smaps"),
        "query": lambda: MemoryAreas.query(address),
        "range": lambda: list(MemoryAreas.query_range(near)),
        "ioctl": request(address),
    }
    if count in (LISTED, USED):
        import psutil

        process = psutil.Process()
        found["psutil"] = lambda: process.memory_maps(grouped=False)
    return found


def serve(count: int) -> None:
    """Take the turns that the standard input asks for, as `benchmarks.remote` says."""
    found = work(count)
    for line in sys.stdin:
        loops, name = line.rstrip("\n").split("\t")
        call = found[name]
        begun = time.perf_counter_ns()
        for _ in range(int(loops)):
            call()
        print(json.dumps({"ns": time.perf_counter_ns() - begun}), flush=True)


def among(count: int) -> Remote:
    return Remote([sys.executable, "-m", __name__, str(count)])


def has_requests() -> bool:
    """Whether the kernel can be asked for one area (Linux 6.11 on)."""
    try:
        request(id(None))()
    except OSError as error:
        if error.errno not in (errno.ENOTTY, errno.ENOSYS):
            raise
        return False
    return True


def cases(scope: Scope) -> Iterator[Case]:
    if scope.counting or sys.platform != "linux":
        return
    with among(LISTED) as listed:
        sides = {
            OURS: listed.turn("list"),
            "raw read": listed.turn("raw read"),
            "psutil": listed.turn("psutil"),
        }
        yield Case("areas", f"list of {LISTED:,}", sides, LISTING, once=True)
    with among(USED) as used:
        sides = {
            OURS: used.turn("usage"),
            "raw read of smaps": used.turn("raw read of smaps"),
            "psutil": used.turn("psutil"),
        }
        yield Case("areas", f"list of {USED:,} with usage", sides, USAGE, once=True)
    quick = has_requests()
    # Without the request a look-up reads the list, and costs the more the longer it is.
    bars: tuple[Bar, ...] = (BESIDE_FEW,) if quick else ()
    with among(FEW) as few, among(MANY) as many:
        sides = {OURS: many.turn("query"), "among few": few.turn("query")}
        if quick:
            sides["ioctl"] = many.turn("ioctl")
        yield Case(
            "areas",
            f"query among {MANY:,}",
            sides,
            (*bars, BESIDE_REQUEST) if quick else (),
            once=True,
        )
        sides = {OURS: many.turn("range"), "among few": few.turn("range")}
        yield Case("areas", f"query_range of 9 among {MANY:,}", sides, bars)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
