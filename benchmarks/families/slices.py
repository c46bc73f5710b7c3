"""Slices that are copies of many bytes."""

import mmap
from collections.abc import Iterator

import mmap_rs
from benchmarks.model import OURS, Case, Ratio, Scope, Statement
from benchmarks.remote import plain

# size, its name, loops of the counts of instructions
SIZES = ((64 << 10, "64 KiB", (10, 30)), (64 << 20, "64 MiB", None))
BAR = Ratio(("mmap",), 1.0)
SHARE = (
    "From 64 KiB on, other threads may run during the copy; `mmap` blocks them, which saves 100 ns."
)
SHARED = Ratio(("mmap",), 1.0, kept=1.2, reason=SHARE)


def cases(scope: Scope) -> Iterator[Case]:
    del scope
    with plain() as rust:
        for size, name, counted in SIZES:
            source = b"\x05" * size
            with (
                mmap_rs.MmapOptions(size).map_mut() as ours,
                mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as theirs,
            ):
                for title, statement, work in (
                    (f"m[a:b], {name}", "m[0:size]", "slice"),
                    (f"m[a:b] = x, {name}", "m[0:size] = x", "copy_from_slice"),
                ):
                    sides = {
                        OURS: Statement(statement, m=ours, size=size, x=source),
                        "mmap": Statement(statement, m=theirs, size=size, x=source),
                        "Rust": rust.turn(work, str(size)),
                    }
                    yield Case(
                        "slices",
                        title,
                        sides,
                        (SHARED if counted else BAR,),
                        once=counted is None,
                        counted=counted,
                    )
