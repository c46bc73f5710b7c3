"""Single bytes, small slices, and what else is over in some tens of nanoseconds."""

import mmap
from collections.abc import Iterator

import mmap_rs
from benchmarks.data import scratch_file
from benchmarks.model import OURS, Case, Ratio, Scope, Statement

SIZE = 1 << 16
SMALL, BYTES = (200, 600), (1, 2)
BAR = Ratio(("mmap",), 1.0)

# name, statement, loops of the counts of instructions, whether NumPy does the same, limit
OPERATIONS = (
    ("m[i]", "m[i]", SMALL, True, BAR),
    ("m[i] = v", "m[i] = v", SMALL, True, BAR),
    ("m[a:b], 16 B", "m[a:b]", SMALL, False, BAR),
    ("m[a:b] = x, 16 B", "m[a:b] = x", SMALL, False, BAR),
    ("len(m)", "len(m)", SMALL, True, BAR),
    ("memoryview(m)", "memoryview(m)", SMALL, True, BAR),
    ("iteration over 64 KiB", "for _ in m: pass", BYTES, False, BAR),
)


def cases(scope: Scope) -> Iterator[Case]:
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    with (
        mmap_rs.MmapOptions(SIZE).map_mut() as ours,
        mmap.mmap(-1, SIZE, flags=private) as theirs,
        scratch_file(b"", SIZE) as path,
    ):
        subjects: dict[str, object] = {OURS: ours, "mmap": theirs, "bytearray": bytearray(SIZE)}
        if not scope.counting:
            import numpy as np

            subjects["numpy.memmap"] = np.memmap(path, mode="r+")
        for name, statement, counted, numpy, bar in OPERATIONS:
            sides = {
                side: Statement(
                    statement, m=m, i=12_345, v=0x5A, a=4_000, b=4_016, x=b"0123456789abcdef"
                )
                for side, m in subjects.items()
                if numpy or side != "numpy.memmap"
            }
            yield Case("items", name, sides, (bar,), counted=counted)
