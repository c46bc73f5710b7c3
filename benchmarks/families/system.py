"""Methods that are one system call each, beside that call from Rust."""

import mmap
from collections.abc import Iterator

import mmap_rs
from benchmarks.data import scratch_file
from benchmarks.model import OURS, Case, Excess, Scope, Statement, Turn
from benchmarks.remote import plain

PAGE = 4096
COUNTED = (50, 150)
BAR = Excess(("system",), 250)
SWITCH = (
    "Letting other threads run, as a call that may wait must, is half of what it takes more; a change of "
    "protection makes an object too."
)
CHANGE = Excess(("system",), 250, kept=650, reason=SWITCH)
LOCK = Excess(("system",), 250, kept=350, reason=SWITCH)

# method, the protection that it asks for
CHANGES = (
    ("make_none", 0),
    ("make_read_only", mmap.PROT_READ),
    ("make_exec", mmap.PROT_READ | mmap.PROT_EXEC),
)


def no_call(loops: int, /) -> float:
    """Take the turn of a system call that isn't needed."""
    del loops
    return 0.0


def cases(scope: Scope) -> Iterator[Case]:
    del scope
    with plain() as rust, scratch_file(bytes(PAGE)) as path:
        for method, protection in CHANGES:
            ours = Statement(
                f"m = m.{method}().make_mut()",
                "m = options.map_mut(); m.fill(1)",
                options=mmap_rs.MmapOptions(PAGE),
            )
            bare = rust.turn("mprotect", str(PAGE), str(protection))
            sides = {OURS: ours, "system": bare}
            yield Case("system", f"{method}, make_mut", sides, (CHANGE,), calls=2, counted=COUNTED)

        with mmap_rs.MmapOptions(PAGE).map_mut() as m:
            m.fill(1)
            locks = {
                OURS: Statement("m.lock(); m.unlock()", m=m),
                "system": rust.turn("mlock", str(PAGE)),
            }
            yield Case("system", "lock, unlock", locks, (LOCK,), calls=2, counted=COUNTED)

        options = mmap_rs.MmapOptions.for_file(path).with_flags(mmap_rs.MmapFlags.SHARED)
        with (
            options.map_mut() as m,
            open(path, "r+b") as file,
            mmap.mmap(file.fileno(), 0) as theirs,
        ):
            flushes = {
                OURS: Statement("m.flush()", m=m),
                "mmap": Statement("m.flush()", m=theirs),
                "system": rust.turn("msync", str(path)),
            }
            yield Case("system", "flush", flushes, (BAR,), counted=COUNTED)

        with mmap_rs.MmapOptions(2 * PAGE).map_mut() as m:
            # Neither asks the system for anything: what remains is ours.
            parts: dict[str, Turn] = {
                OURS: Statement("m.merge(m.split_off(PAGE))", m=m, PAGE=PAGE),
                "system": no_call,
                "Rust": rust.turn("split_merge", str(2 * PAGE), str(PAGE)),
            }
            yield Case("system", "split_off and merge, both", parts, (BAR,), counted=COUNTED)
