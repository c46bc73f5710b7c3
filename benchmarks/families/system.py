"""Methods that are one system call each, compared with that call from Rust."""

import ctypes
import mmap
import sys
from collections.abc import Iterator

import mmap_rs
from benchmarks.data import scratch_file
from benchmarks.model import OURS, Case, Excess, Ratio, Scope, Statement, Turn
from benchmarks.remote import Remote, plain

PAGE = 4096
# As much as a process of 32 bits can have twice.
GIB = 1 << (30 if sys.maxsize > 1 << 32 else 27)
MANY = 16 << 20
WRAP = 64 << 10
COUNTED = (50, 150)
BAR = Excess(("system",), 250)
SWITCH = (
    "Half of the difference is the cost of letting other threads run, which a call that may wait must do; a "
    "change of protection also creates an object."
)
CHANGE = Excess(("system",), 250, kept=650, reason=SWITCH)
# Taking access away flushes the TLB. An interpreter misses more after it than the bare process.
LESS = Excess(
    ("system",), 250, kept=800, reason=f"{SWITCH} TLB misses follow where it takes access away."
)
EXEC = Excess(
    ("system",), 250, kept=950, reason=f"{LESS.reason} make_exec also raises an audit event."
)
LOCK = Excess(("system",), 250, kept=350, reason=SWITCH)

# method, the protection that it asks for, the limit
CHANGES = (
    ("make_none", 0, CHANGE),
    ("make_read_only", mmap.PROT_READ, LESS),
    ("make_exec", mmap.PROT_READ | mmap.PROT_EXEC, EXEC),
)


def sizes(rust: Remote) -> Iterator[Case]:
    """Yield the cases of memory that moves, comes in and wraps."""
    ours = Statement(
        """
try: behind = Page.with_address(m.end(), exact=True).map_none()
except FileExistsError: behind = m2
m.resize(2 * G)
behind.close()
m.resize(G)""",
        "m = options.map_mut(); m.populate(write=True); m2 = Page.map(); m2.close()",
        options=mmap_rs.MmapOptions(GIB),
        Page=mmap_rs.MmapOptions(PAGE),
        G=GIB,
    )
    bare = rust.turn("mremap", str(GIB))
    yield Case(
        "system", "resize of 1 GiB, moved", {OURS: ours, "system": bare}, (Ratio(("system",), 1.2),)
    )
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    with mmap_rs.MmapOptions(MANY).map_mut() as m:
        ours = Statement(
            "m.advise(drop); m.populate(write=True)", m=m, drop=mmap_rs.MmapFlags.DONTNEED
        )
        # In this process: another one's page tables may be of huge pages.
        bare = Statement(
            "madvise(start, MANY, 4); madvise(start, MANY, 23)",
            madvise=madvise, start=m.start(), MANY=MANY,
        )  # fmt: skip
        yield Case(
            "system", "populate 16 MiB", {OURS: ours, "system": bare}, (Ratio(("system",), 1.1),)
        )
    with (
        scratch_file(b"", WRAP) as path,
        mmap_rs.MmapOptions.for_file(path)
        .with_flags(mmap_rs.MmapFlags.SHARED)
        .with_repeats(2)
        .map_mut() as ring,
    ):
        sides: dict[str, Turn] = {
            OURS: Statement("ring[a:b]", ring=ring, a=WRAP // 2, b=WRAP + WRAP // 2),
            "no wrap": Statement("ring[a:b]", ring=ring, a=0, b=WRAP),
        }
        yield Case(
            "system", "slice of 64 KiB across a ring's end", sides, (Ratio(("no wrap",), 1.05),)
        )


def no_call(loops: int, /) -> float:
    """Take the turn of a system call that isn't needed."""
    del loops
    return 0.0


def cases(scope: Scope) -> Iterator[Case]:
    del scope
    with plain() as rust, scratch_file(bytes(PAGE)) as path:
        for method, protection, limit in CHANGES:
            ours = Statement(
                f"m = m.{method}().make_mut()",
                "m = options.map_mut(); m.fill(1)",
                options=mmap_rs.MmapOptions(PAGE),
            )
            bare = rust.turn("mprotect", str(PAGE), str(protection))
            sides = {OURS: ours, "system": bare}
            yield Case("system", f"{method}, make_mut", sides, (limit,), calls=2, counted=COUNTED)

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
            yield Case("system", "flush of a shared file", flushes, (BAR,), counted=COUNTED)

        private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        with (
            mmap_rs.MmapOptions(4 * PAGE).map_mut() as m,
            mmap.mmap(-1, 4 * PAGE, flags=private) as theirs,
        ):
            sides = {OURS: Statement("m.flush()", m=m), "mmap": Statement("m.flush()", m=theirs)}
            yield Case(
                "system",
                "flush of private memory",
                sides,
                (Ratio(("mmap",), 1.0),),
                counted=COUNTED,
            )
            sides = {
                OURS: Statement("m.flush(part)", m=m, part=range(PAGE, 2 * PAGE)),
                "mmap": Statement("m.flush(PAGE, PAGE)", m=theirs, PAGE=PAGE),
            }
            bar = Ratio(("mmap",), 1.0)
            yield Case(
                "system", "flush of a range of private memory", sides, (bar,), counted=COUNTED
            )

        yield from sizes(rust)
        with mmap_rs.MmapOptions(2 * PAGE).map_mut() as m:
            # Neither asks the system for anything: what remains is ours.
            parts: dict[str, Turn] = {
                OURS: Statement("m.merge(m.split_off(PAGE))", m=m, PAGE=PAGE),
                "system": no_call,
                "Rust": rust.turn("split_merge", str(2 * PAGE), str(PAGE)),
            }
            yield Case("system", "split_off and merge, both", parts, (BAR,), counted=COUNTED)
