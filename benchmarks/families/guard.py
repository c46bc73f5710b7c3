"""What the fault guard costs a call that meets no fault."""

from collections.abc import Iterator

from benchmarks.model import OURS, Case, Excess, Scope, Statement
from mmap_rs import MmapOptions

SIZE = 1 << 16
BAR = Excess(("no guard",), 5)

OPERATIONS = (("m[i]", "m[100]"), ("m[i] = v", "m[100] = 7"), ("m[a:b], 16 B", "m[100:116]"))


def cases(scope: Scope) -> Iterator[Case]:
    del scope
    options = MmapOptions(SIZE)
    with options.map_mut() as without, options.with_fault_guard().map_mut() as guarded:
        for name, statement in OPERATIONS:
            sides = {
                OURS: Statement(statement, m=guarded),
                "no guard": Statement(statement, m=without),
            }
            yield Case("guard", name, sides, (BAR,), counted=(200, 600))
