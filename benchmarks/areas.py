"""Measure the listing of memory areas and the look-up of one (Linux).

Each row is measured in a fresh process that has made itself so many areas. Turns of what is compared
follow each other, and the best of many counts: what slows a turn down is the machine, not the code.
`--check` ends with status 1 if a limit is passed.

psutil's `memory_maps()` also reads how much of each area is resident (RSS, PSS), which costs the
kernel most of the time: the comparison is of two ways to learn what is mapped, not of like with like.
"""

import argparse
import ctypes
import errno
import fcntl
import json
import os
import platform
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import psutil

import mmap_rs
from mmap_rs import MemoryAreas

LISTED = 8_000
FEW = 100
MANY = 60_000

# What the project promises.
LISTING_TO_RAW_READ = 2.5
LISTING_TO_PSUTIL = 1 / 20
MANY_TO_FEW = 1.5
BEYOND_IOCTL = 4.0  # microseconds

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


def best(turns: int, loops: int, *functions: Callable[[], object]) -> list[float]:
    """Return the least time of each function in seconds: `turns` turns of `loops` calls."""
    least = [float("inf")] * len(functions)
    for _ in range(turns):
        for number, function in enumerate(functions):
            begun = time.perf_counter()
            for _ in range(loops):
                function()
            least[number] = min(least[number], (time.perf_counter() - begun) / loops)
    return least


def raw_read() -> None:
    """Read the text of the list, and do nothing with it."""
    descriptor = os.open("/proc/self/maps", os.O_RDONLY)
    while os.read(descriptor, 1 << 16):
        pass
    os.close(descriptor)


def list_all() -> None:
    for _ in MemoryAreas.open():
        pass


def measure_listing(turns: int) -> dict[str, float]:
    make_areas(LISTED)
    process = psutil.Process()
    ours, raw = best(turns, 1, list_all, raw_read)
    (theirs,) = best(max(turns // 10, 2), 1, lambda: process.memory_maps(grouped=False))
    return {"ours": ours, "raw": raw, "psutil": theirs}


def measure_looking_up(turns: int, count: int) -> dict[str, float]:
    start, page = make_areas(count)
    address = start + count // 2 * page + 5
    query = bytearray(
        QUERY.pack(QUERY.size, COVERING_OR_NEXT_VMA, address, *[0] * 6, *[0] * 4, *[0] * 2)
    )
    result: dict[str, float] = {}
    with open("/proc/self/maps", "rb") as file:
        descriptor = file.fileno()

        def ask() -> None:
            fcntl.ioctl(descriptor, PROCMAP_QUERY, query)

        def ours() -> None:
            MemoryAreas.query(address)

        def pages() -> None:
            list(MemoryAreas.query_range(range(address, address + 8 * page)))

        loops = 500
        result["query"], result["range"] = best(turns, loops, ours, pages)
        try:
            result["query"], result["ioctl"] = best(turns, loops, ours, ask)
        except OSError as error:
            if error.errno not in (errno.ENOTTY, errno.ENOSYS):
                raise
    return result


def run(arguments: list[str]) -> dict[str, float]:
    """Measure in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, *arguments], stdout=subprocess.PIPE, check=True, text=True
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def rivals(turns: int) -> tuple[dict[str, float], dict[str, float]]:
    """Measure look-ups among few areas and among many in turns, so that a busy moment slows both."""
    few: dict[str, float] = {}
    many: dict[str, float] = {}
    for _ in range(3):
        for kept, count in ((few, FEW), (many, MANY)):
            for name, value in run(["--look-up", str(count), "--turns", str(turns)]).items():
                kept[name] = min(kept.get(name, value), value)
    return few, many


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure the listing and the look-up of areas.")
    parser.add_argument("--check", action="store_true", help="fail if a limit is passed")
    parser.add_argument("--turns", type=int, default=40, help="turns of each (%(default)s)")
    parser.add_argument("--listing", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--look-up", type=int, metavar="AREAS", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if sys.platform != "linux":
        print("measured on Linux only")
        return 0
    if options.listing:
        print(json.dumps(measure_listing(options.turns)))
        return 0
    if options.look_up is not None:
        print(json.dumps(measure_looking_up(options.turns, options.look_up)))
        return 0

    print(f"mmap_rs {mmap_rs.__version__}, Python {platform.python_version()}, ", end="")
    print(f"{platform.system()} {platform.release()} {platform.machine()}, best of turns\n")
    listing = run(["--listing", "--turns", str(options.turns)])
    few, many = rivals(options.turns)
    print(f"{LISTED:,} areas listed: {listing['ours'] * 1e3:.2f} ms, ", end="")
    print(f"raw read {listing['raw'] * 1e3:.2f} ms, psutil {listing['psutil'] * 1e3:.1f} ms")
    print("  (psutil's memory_maps() reads RSS and PSS of each area too)")
    for count, row in ((FEW, few), (MANY, many)):
        print(f"look-up among {count:,} areas: query {row['query'] * 1e6:.2f} us, ", end="")
        print(f"a range of 9 {row['range'] * 1e6:.2f} us")

    checks = [
        ("listing / raw read", listing["ours"] / listing["raw"], LISTING_TO_RAW_READ),
        ("listing / psutil", listing["ours"] / listing["psutil"], LISTING_TO_PSUTIL),
    ]
    if "ioctl" in few:
        print(f"raw ioctl, from Python: {few['ioctl'] * 1e6:.2f} us")
        checks += [
            ("query among many / few", many["query"] / few["query"], MANY_TO_FEW),
            ("range among many / few", many["range"] / few["range"], MANY_TO_FEW),
            ("query - raw ioctl, us", (few["query"] - few["ioctl"]) * 1e6, BEYOND_IOCTL),
        ]
    else:
        print("this kernel has no PROCMAP_QUERY: a look-up reads the list")
    print()
    for name, value, limit in checks:
        print(f"{name:<24} {value:>8.3f}  limit {limit:.3f}")
    passed = all(value <= limit for _, value, limit in checks)
    return 0 if passed or not options.check else 1


if __name__ == "__main__":
    sys.exit(main())
