"""Hostile snippets for `test_hostile.py`: source, and the names of the exceptions that it may end in.

`ok` stands for no exception. Where the contract leaves open which of several refusals wins, all of them
are named.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from tests.robustness.hostile_tables import FILES, LIVES, LONG, LONG_EXPECTED, NUMBERS

PRELUDE = """
import ctypes, gc, io, os, signal, sys, tempfile, threading, weakref
import mmap_rs
from mmap_rs import *

P = MmapOptions.page_size()
G = MmapOptions.allocation_granularity()
MAX = 2 * sys.maxsize + 1                       # the largest usize

class I:
    "A number that does something when it is asked for."
    def __init__(self, value, act):
        self.value, self.act = value, act
    def __index__(self):
        self.act()
        return self.value

class B:
    "A buffer that does something when it is got, and when it is given back (Python 3.12 on)."
    def __init__(self, data, get=lambda: None, release=lambda: None):
        self.data, self.get, self.release = data, get, release
    def __buffer__(self, flags):
        self.get()
        return memoryview(self.data)
    def __release_buffer__(self, view):
        self.release()
        view.release()

class F:
    "A file that does something when it is asked for its descriptor."
    def __init__(self, act):
        self.act = act
    def fileno(self):
        return self.act()

def fail():
    raise ZeroDivisionError

def fresh(pages=4):
    mapping = MmapOptions(pages * P).map_mut()
    mapping.fill(7)
    return mapping

def file(size=4 * P):
    made = tempfile.TemporaryFile()
    made.truncate(size)
    return made

keep = []
m = fresh()
def close(): m.close()
def shrink(): keep.append(m.split_off(2 * P))   # four pages become two
def view(): keep.append(memoryview(m))
def convert(): keep.append(m.make_none())       # the same memory, now without access

def run(code):
    try:
        exec(code, globals())
    except BaseException as error:
        print([cls.__name__ for cls in type(error).__mro__])
        raised = True
    else:
        print(["ok"])
"""

END = """
gc.collect()
keep.clear()
if not m.closed:
    assert len(m) % P == 0
    try:
        m.close()
    except BufferError:
        pass
"""


class Snippet(NamedTuple):
    """Hostile source, and the names of what it may raise."""

    code: str
    expected: str


CLOSERS = [
    "m[I(0, {act})]",
    "m[I(0, {act}):5]",
    "m[0:I(5, {act})]",
    "m[::I(2, {act})]",
    "m[I(0, {act})] = 1",
    "m[0] = I(1, {act})",
    "m[I(0, {act}):1] = b'x'",
    "m[0:I(4, {act}):2] = b'xy'",
    "m.find(b'x', I(0, {act}))",
    "m.find(I(7, {act}))",
    "m.rfind(b'x', 0, I(9, {act}))",
    "m.index(I(7, {act}))",
    "m.rindex(7, I(0, {act}))",
    "m.count(I(7, {act}), 0, 5)",
    "m.startswith(b'', I(0, {act}))",
    "m.endswith((b'x', b''), 0, I(0, {act}))",
    "I(7, {act}) in m",
    "m.fill(I(1, {act}))",
    "m.fill(1, slice(I(0, {act}), 5))",
    "m.fill(1, slice(0, I(5, {act})))",
    "m.copy_within(slice(I(0, {act}), 1), 0)",
    "m.copy_within(slice(0, 1), I(0, {act}))",
    "m.flush(slice(I(0, {act}), P))",
    "m.flush_async(slice(0, I(P, {act})))",
    "m.advise(MmapFlags.SEQUENTIAL, slice(I(0, {act}), P))",
    "m.split_off(I(P, {act}))",
    "m.split_to(I(P, {act}))",
    "m = m.make_exec(); m.function(None, offset=I(0, {act}))",
]

BUFFERS = [
    "m[0:2] = B(b'ab'{when}={act})",
    "m[0:4:2] = B(b'ab'{when}={act})",
    "m.find(B(b'ab'{when}={act}))",
    "m.count(B(b'ab'{when}={act}), 1)",
    "m.startswith((B(b'ab'{when}={act}), b'ba'))",
    "B(b'ab'{when}={act}) in m",
    "m.copy_from_slice(B(bytes(4 * P){when}={act}))",
]


def reentrant() -> list[Snippet]:
    """Return what happens when a converted argument closes, converts, shrinks or views the mapping."""
    found: list[Snippet] = []
    for code in CLOSERS:
        found.append(Snippet(code.format(act="close"), "ConsumedError"))
        found.append(Snippet(code.format(act="convert"), "ConsumedError"))
        found.append(Snippet(code.format(act="fail"), "ZeroDivisionError"))
        changing = "split_" in code
        found.append(Snippet(code.format(act="view"), "BufferError" if changing else "ok"))
    if sys.version_info >= (3, 12):
        for code in BUFFERS:
            got, released = code.replace("{when}", ", get"), code.replace("{when}", ", release")
            found.append(Snippet(got.format(act="close"), "ConsumedError"))
            found.append(Snippet(got.format(act="convert"), "ConsumedError"))
            found.append(Snippet(got.format(act="fail"), "ZeroDivisionError"))
            found.append(Snippet(got.format(act="shrink"), "ok InvalidSizeError"))
            # A second prefix of a tuple may be looked at after the first was given back.
            end = "ok ConsumedError" if "startswith" in code else "ok"
            found.append(Snippet(released.format(act="close"), end))
            found.append(Snippet(released.format(act="convert"), end))
    return found


SHRINKING = """
m[I(3 * P, shrink)] -> IndexError
m[I(2 * P, shrink)] = 1 -> IndexError
m[3 * P] = I(1, shrink) -> IndexError
m[I(-1, shrink)] -> ok
assert len(m[0:I(4 * P, shrink)]) == 2 * P -> ok
assert len(m[I(0, shrink):]) == 2 * P -> ok
m[0:I(4 * P, shrink)] = bytes(4 * P) -> ValueError
m[3 * P:I(3 * P + 2, shrink)] = b"ab" -> ValueError
assert m.find(7, I(3 * P, shrink)) == -1 -> ok
assert m.rfind(I(7, shrink)) == 2 * P - 1 -> ok
assert m.count(7, 0, I(4 * P, shrink)) == 2 * P -> ok
m.fill(1, slice(0, I(4 * P, shrink))) -> InvalidOffsetError
m.fill(1, slice(I(3 * P, shrink), None)) -> InvalidOffsetError
m.copy_within(slice(0, P), I(3 * P, shrink)) -> InvalidOffsetError
m.flush(slice(0, I(4 * P, shrink))) -> InvalidOffsetError
m.advise(MmapFlags.DONTNEED, slice(0, I(4 * P, shrink))) -> InvalidOffsetError
m.split_off(I(3 * P, shrink)) -> InvalidOffsetError
m.split_off(I(2 * P, shrink)) -> InvalidOffsetError
m.split_to(I(3 * P, shrink)) -> InvalidOffsetError
m = m.make_exec(); m.function(None, offset=I(3 * P, shrink)) -> InvalidOffsetError
"""


def parse(table: str) -> list[Snippet]:
    """Return the snippets of a table of lines `code -> expected`."""
    lines = [line for line in table.strip().splitlines() if line]
    return [Snippet(*line.rsplit(" -> ", 1)) for line in lines]


SNIPPETS = [
    *reentrant(),
    *(snippet for table in (SHRINKING, NUMBERS, FILES, LIVES) for snippet in parse(table)),
    *map(Snippet, LONG, LONG_EXPECTED),
]
