"""Lines of a file: `lines()`, and those of `as_file()`."""

import mmap
from collections import deque
from collections.abc import Iterator

import mmap_rs
from benchmarks.data import scratch_file
from benchmarks.model import OURS, Case, Ratio, Scope, Statement

COUNT = 200_000
LINE = b"x" * 53 + b"\n"

WAYS = (
    ("m.lines()", "drain(m.lines(), maxlen=0)", 1.0),
    ("as_file(), for line in f", "with m.as_file() as f: drain(f, maxlen=0)", 1.2),
    (
        "as_file(), iter(f.readline, b'')",
        "with m.as_file() as f: drain(iter(f.readline, b''), maxlen=0)",
        1.2,
    ),
)
THEIRS = "m.seek(0); drain(iter(m.readline, b''), maxlen=0)"


def cases(scope: Scope) -> Iterator[Case]:
    if scope.counting:
        return
    with (
        scratch_file(LINE * COUNT) as path,
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as theirs,
        mmap_rs.map_file(path) as ours,
    ):
        for name, work, limit in WAYS:
            sides = {
                OURS: Statement(work, m=ours, drain=deque),
                "mmap": Statement(THEIRS, m=theirs, drain=deque),
            }
            title = f"200,000 lines of 54 bytes: {name}"
            yield Case("lines", title, sides, (Ratio(("mmap",), limit),), once=True)
