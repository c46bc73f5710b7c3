"""Searches over many bytes, for needles of all lengths."""

import contextlib
import mmap
import random
import string
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import mmap_rs
from benchmarks.data import random_bytes, scratch_file
from benchmarks.model import OURS, Bar, Case, Ratio, Scope, Statement, Turn
from benchmarks.remote import plain

TEXT = string.ascii_letters.encode() + b" .,\n"
FEW = b"acgt"
NOWHERE = bytes(range(160, 250))
"""Bytes that no haystack holds."""
APART = 256
"""How far frequent needles are from each other."""

CACHED = 1 << 20
"""The most bytes that a cache can be thought to hold."""

# Why a limit is out of reach.
BYTE = (
    "For one byte the standard library calls the C library's `memchr`, which is as fast as memory."
)
MEMORY = "What no cache holds is searched at memory speed by any fast search."
LONG = (
    "For a long needle `bytes` skips most of what it searches; memchr's search looks at all of it."
)
COMMON_BYTES = (
    "If all bytes of a needle are common, memchr's search has to compare at every few positions."
)
LEARNT = (
    "Because the same bytes are searched over and over, the processor may learn which comparisons fail, in "
    "one process and not in another."
)


@dataclass(frozen=True)
class Kind:
    """A haystack, and how needles lie in it."""

    name: str
    letters: bytes
    of: bytes
    """What needles are made of."""
    lengths: tuple[int, ...]
    every: int | None
    """The distance of the places; `None` for a single one, as far away as can be; 0 for none."""

    def needle(self, length: int) -> bytes:
        """Return a needle of so many bytes, always the same."""
        return bytes(random.Random(length).choices(self.of, k=length))

    def haystack(self, size: int, needle: bytes, operation: str) -> bytearray:
        """Return so many bytes for an operation to search."""
        found = random_bytes(size, self.letters)
        if self.every == 0:
            return found
        far = 100 if operation == "rfind" else size - 100 - len(needle)
        for place in [far] if self.every is None else range(0, size - len(needle), self.every):
            found[place : place + len(needle)] = needle
        return found


ALL = (1, 4, 16, 64)
ABSENT = Kind("absent", TEXT, NOWHERE, ALL, 0)
RARE = Kind("rare", TEXT, NOWHERE, ALL, None)
# Each byte of the needle is everywhere, the needle is not.
COMMON = Kind("of common bytes", FEW, FEW, (16, 64), None)
FREQUENT = Kind("frequent", TEXT, NOWHERE, ALL, APART)

OPERATIONS = (
    ("find", (ABSENT, RARE, COMMON)),
    ("rfind", (ABSENT, RARE, COMMON)),
    ("count", (ABSENT, RARE, FREQUENT)),
)


@contextlib.contextmanager
def subjects(path: Path, content: bytes) -> Generator[dict[str, object]]:
    """Give what is searched: mappings of the same file, and the bytes themselves."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as theirs:
        options = mmap_rs.MmapOptions.for_file(path).with_flags(mmap_rs.MmapFlags.SHARED)
        with options.map() as ours:
            yield {OURS: ours, "mmap": theirs, "bytes": content}


def bars(operation: str, kind: Kind, length: int, size: int) -> tuple[Bar, ...]:
    """Return the limits for a search."""
    rivals = ("bytes",) if operation == "count" else ("mmap", "bytes")
    beside_rust = Ratio(("Rust",), 1.05)
    if length == 1 and operation != "count":
        return (Ratio(rivals, 0.2, kept=1.1, reason=BYTE), beside_rust)
    if kind is COMMON:
        kept = 0.3 if length < 64 else 1.0
        learnt = Ratio(("Rust",), 1.05, kept=2.0, reason=LEARNT)
        return (Ratio(rivals, 0.2, kept=kept, reason=COMMON_BYTES), learnt)
    if length == 64:
        kept = 1.1 if kind is FREQUENT else 0.5
        return (Ratio(rivals, 0.2, kept=kept, reason=LONG), beside_rust)
    if size > CACHED:
        return (Ratio(rivals, 0.2, kept=0.5, reason=MEMORY), beside_rust)
    return (Ratio(rivals, 0.2), beside_rust)


def cases(scope: Scope) -> Iterator[Case]:
    sizes = [(1 << 20, "1 MiB"), *([(1 << 30, "1 GiB")] if scope.large else [])]
    with plain() as rust:
        for size, size_name in sizes:
            for operation, kinds in OPERATIONS:
                for kind in kinds:
                    for length in kind.lengths:
                        unit = "byte" if length == 1 else "bytes"
                        name = f"{operation} over {size_name}, {length} {unit}, {kind.name}"
                        if not scope.wants("search", name):
                            continue
                        needle = kind.needle(length)
                        content = bytes(kind.haystack(size, needle, operation))
                        limits = bars(operation, kind, length, size)
                        with scratch_file(content) as path, subjects(path, content) as turns:
                            work = f"m.{operation}(x)"
                            sides: dict[str, Turn] = {
                                side: Statement(work, m=m, x=needle)
                                for side, m in turns.items()
                                if hasattr(m, operation)
                            }
                            sides["Rust"] = rust.turn(operation, str(path), needle.hex())
                            yield Case("search", name, sides, limits, once=True)
