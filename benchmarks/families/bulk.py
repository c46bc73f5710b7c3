"""Filling and copying of much memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np

import mmap_rs
from benchmarks.model import OURS, Case, Ratio, Scope, Statement
from benchmarks.remote import plain

SIZE = 64 << 20
HALF = SIZE // 2
PAGE = 4096
BAR = Ratio(("NumPy",), 1.0)

# name, our statement, NumPy's, Rust's work with its arguments
OPERATIONS = (
    ("fill", "m.fill(7)", "a.fill(7)", ("fill",)),
    ("copy_from_slice", "m.copy_from_slice(x)", "copyto(a, y)", ("copy_from_slice",)),
    (
        "copy_within, apart",
        "m.copy_within(range(half), half)",
        "a[half:] = a[:half]",
        ("copy_within", 0, HALF, HALF),
    ),
    (
        "copy_within, a page up",
        "m.copy_within(range(size - page), page)",
        "a[page:] = a[:size - page]",
        ("copy_within", 0, SIZE - PAGE, PAGE),
    ),
    (
        "copy_within, a page down",
        "m.copy_within(range(page, size), 0)",
        "a[:size - page] = a[page:]",
        ("copy_within", PAGE, SIZE, 0),
    ),
)


def cases(scope: Scope) -> Iterator[Case]:
    del scope
    source = b"\x05" * SIZE
    numbers: dict[str, Any] = {"size": SIZE, "half": HALF, "page": PAGE}
    ours = mmap_rs.MmapOptions(SIZE).map_mut()
    # NumPy works on the same mapping: where in physical memory the pages lie makes a difference of a tenth.
    array = np.frombuffer(memoryview(ours), dtype=np.uint8)
    other = np.frombuffer(source, dtype=np.uint8)
    with plain() as rust:
        for name, statement, numpy, (work, *places) in OPERATIONS:
            sides = {
                OURS: Statement(statement, m=ours, x=source, **numbers),
                "NumPy": Statement(numpy, a=array, y=other, copyto=np.copyto, **numbers),
                "Rust": rust.turn(work, str(SIZE), *map(str, places)),
            }
            yield Case("bulk", f"{name}, 64 MiB", sides, (BAR,), once=True)
