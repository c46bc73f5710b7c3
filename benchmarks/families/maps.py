"""Making and unmapping mappings."""

import mmap
import os
from collections.abc import Iterator

import mmap_rs
from benchmarks.data import scratch_file
from benchmarks.model import OURS, Case, Ratio, Scope, Statement
from benchmarks.remote import plain

PAGE = 4096
FILE = 1 << 20
COUNTED = (50, 150)
KERNEL = (
    "Two system calls, the same on both sides, take nine tenths of a small mapping's time: fewer "
    "instructions around them make no visible difference."
)


def cases(scope: Scope) -> Iterator[Case]:
    del scope
    options = mmap_rs.MmapOptions(PAGE)
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    theirs = Statement(
        "mmap(-1, PAGE, flags=private).close()", mmap=mmap.mmap, PAGE=PAGE, private=private
    )
    with plain() as rust, scratch_file(b"", FILE) as path:
        anonymous = {
            "mmap": theirs,
            "Rust": rust.turn("map", str(PAGE)),
            "system": rust.turn("mmap", str(PAGE)),
        }
        ours = Statement("options.map_mut().close()", options=options)
        yield Case(
            "maps",
            "4 KiB anonymous, options made before",
            {OURS: ours, **anonymous},
            (Ratio(("mmap",), 0.95, kept=1.1, reason=KERNEL),),
            counted=COUNTED,
        )
        ours = Statement(
            "MmapOptions(PAGE).map_mut().close()", MmapOptions=mmap_rs.MmapOptions, PAGE=PAGE
        )
        yield Case(
            "maps",
            "4 KiB anonymous, options made each time",
            {OURS: ours, **anonymous},
            (Ratio(("mmap",), 1.05, kept=1.15, reason=KERNEL),),
            counted=COUNTED,
        )
        descriptor = os.open(path, os.O_RDONLY)
        try:
            sides = {
                OURS: Statement(
                    "options.map().close()", options=mmap_rs.MmapOptions(FILE).with_file(descriptor)
                ),
                "mmap": Statement(
                    "mmap(fd, FILE, flags=private, prot=read).close()",
                    mmap=mmap.mmap, fd=descriptor, FILE=FILE, private=mmap.MAP_PRIVATE, read=mmap.PROT_READ,
                ),
                "Rust": rust.turn("map_file", str(path)),
            }  # fmt: skip
            yield Case(
                "maps",
                "1 MiB of a file, by descriptor, options made before",
                sides,
                (Ratio(("mmap",), 0.9),),
                counted=COUNTED,
            )
            each_time = Statement(
                "MmapOptions(FILE).with_file(fd).map().close()",
                MmapOptions=mmap_rs.MmapOptions,
                FILE=FILE,
                fd=descriptor,
            )
            yield Case(
                "maps",
                "1 MiB of a file, by descriptor, options made each time",
                {**sides, OURS: each_time},
                counted=COUNTED,
            )
        finally:
            os.close(descriptor)
