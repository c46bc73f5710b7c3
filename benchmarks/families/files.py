"""Reading whole files once: what a mapping is not made for."""

from collections.abc import Iterator

import mmap_rs
from benchmarks.data import scratch_file
from benchmarks.model import OURS, Case, Scope, Statement

SIZES = ((4096, "4 KiB"), (1 << 20, "1 MiB"), (64 << 20, "64 MiB"))

MAPPED = "with for_file(path).map() as m: m.find(b'x')"
READ = "with open(path, 'rb', buffering=0) as f: f.readall().find(b'x')"
BLOCKS = """
with open(path, 'rb', buffering=0) as f:
    while n := f.readinto(block):
        block.find(b'x', 0, n)
"""


def cases(scope: Scope) -> Iterator[Case]:
    if scope.counting:
        return
    for size, name in SIZES:
        with scratch_file(b"abc.", size) as path:
            sides = {
                OURS: Statement(MAPPED, for_file=mmap_rs.MmapOptions.for_file, path=path),
                "read": Statement(READ, path=path),
                "readinto": Statement(BLOCKS, path=path, block=bytearray(min(size, 1 << 20))),
            }
            yield Case("files", f"find a byte in a file of {name}", sides, once=size > 1 << 20)
