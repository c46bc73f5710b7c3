"""The model of one mapping: what is expected of its bytes, its protection, its backing and its exports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import hypothesis.strategies as st

from mmap_rs import (
    Mmap,
    MmapFlags,
    MmapMut,
    MmapNone,
    MmapOptions,
    Reserved,
    ReservedMut,
    ReservedNone,
)
from tests.support.numpy_arrays import HAS_NUMPY, array_over

PAGE = MmapOptions.page_size()
Kind: TypeAlias = (
    type[MmapNone]
    | type[Mmap]
    | type[MmapMut]
    | type[ReservedNone]
    | type[Reserved]
    | type[ReservedMut]
)
RESERVED: dict[Kind, Kind] = {MmapNone: ReservedNone, Mmap: Reserved, MmapMut: ReservedMut}
TRY_FROM: dict[Kind, tuple[Kind, ...]] = {
    Mmap: (MmapMut, MmapNone, Reserved),
    MmapMut: (Mmap, MmapNone, ReservedMut),
    MmapNone: (ReservedNone,),
    Reserved: (ReservedMut, ReservedNone),
    ReservedMut: (Reserved, ReservedNone),
}
MAKE: dict[str, tuple[Kind, bool]] = {
    "make_none": (MmapNone, False),
    "make_read_only": (Mmap, False),
    "make_exec": (Mmap, True),
    "make_exec_no_flush": (Mmap, True),
    "make_mut": (MmapMut, False),
    "make_exec_mut": (MmapMut, True),
}
NONE: frozenset[Kind] = frozenset({MmapNone, ReservedNone})
WRITABLE: frozenset[Kind] = frozenset({MmapMut, ReservedMut})
PLAIN = MmapFlags(0)
FILE_PAGES = 6
FILE_TAIL = 100  # the file ends in the middle of its last page


@dataclass(eq=False)
class Model:
    """What is expected of one mapping."""

    real: Any
    kind: Kind
    size: int
    store: bytearray  # shared file maps share one; all others have their own
    offset: int = 0  # within the store
    executable: bool = False
    jit: bool = False
    origin: str = "anonymous"  # "anonymous", "reserved", "private file", "shared file"
    file_offset: int = 0
    flags: MmapFlags = PLAIN
    locks: list[bool] = field(default_factory=list[bool])  # of each page, as the kernel has it
    guarded: bool = False
    memory: Any = None  # the file in memory that it maps, if it does
    exports: list[Any] = field(default_factory=list[Any])

    @property
    def content(self) -> bytes:
        """The bytes that are expected."""
        return bytes(self.store[self.offset : self.offset + self.size])

    def write(self, start: int, data: bytes) -> None:
        """Write into the store."""
        place = self.offset + start
        self.store[place : place + len(data)] = data

    @property
    def shared(self) -> bool:
        """Whether writes are seen by others that map the same."""
        return self.origin == "shared file" or MmapFlags.SHARED in self.flags

    @property
    def pages(self) -> int:
        """How many pages it takes, the last one perhaps in part."""
        return -(-self.size // PAGE)

    @property
    def permissions(self) -> str:
        """What the kernel's list must show."""
        read, write = self.kind not in NONE, self.kind in WRITABLE
        letters = ("r" if read else "-", "w" if write else "-", "x" if self.executable else "-")
        return "".join(letters) + ("s" if self.shared else "p")

    @property
    def readable(self) -> bool:
        """Whether bytes can be read."""
        return self.kind in {Mmap, MmapMut}


def check_view(held: Any, content: bytes) -> None:
    """See that a view over the end of a mapping shows the bytes that are expected."""
    if type(held) is memoryview:
        assert content.endswith(bytes(held))


def check_class(real: object, kind: Kind) -> None:
    """See that an object is of exactly that class."""
    assert type(real) is kind


EXPORTS: tuple[Callable[[Any], Any], ...] = (
    memoryview,
    lambda real: real.as_slice(),
    lambda real: memoryview(real)[3:],
    lambda real: real.as_file(),
    *((array_over,) if HAS_NUMPY else ()),
)
FLAGS = st.sampled_from(
    [
        MmapFlags(0),
        MmapFlags(0),
        MmapFlags(0),
        MmapFlags.SHARED,
        MmapFlags.NO_RESERVE,
        MmapFlags.POPULATE,
        MmapFlags.NO_CORE_DUMP,
        MmapFlags.SHARED | MmapFlags.SEQUENTIAL,
    ]
)
ADVICE = st.sampled_from(
    [MmapFlags(0), MmapFlags.SEQUENTIAL, MmapFlags.RANDOM_ACCESS, MmapFlags.NO_CORE_DUMP]
)
which = st.integers(0, 1000)
sizes = st.one_of(
    st.integers(1, 5).map(lambda pages: pages * PAGE), st.integers(1, 5 * PAGE), st.just(5)
)
