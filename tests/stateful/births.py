"""The machine's memory, and the rules by which mappings come into being."""

from __future__ import annotations

import gc
import sys
import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from mmap_rs import (
    MemoryAreas,
    Mmap,
    MmapFlags,
    MmapMut,
    MmapNone,
    MmapOptions,
    Reserved,
    ReservedMut,
    ReservedNone,
    UnsafeMmapFlags,
)
from tests.stateful.model import FILE_PAGES, FILE_TAIL, FLAGS, PAGE, Kind, Model, sizes, which
from tests.support.mapping_classes import MAKERS
from tests.support.procfs import descriptors

CONTENT = bytes(i % 253 for i in range(FILE_PAGES * PAGE + FILE_TAIL))
KINDS = st.sampled_from([MmapNone, Mmap, MmapMut])


class Births(RuleBasedStateMachine):
    """What lives, what is dead, and the rules that make mappings."""

    def __init__(self) -> None:
        super().__init__()
        self.live: list[Model] = []
        self.dead: list[Any] = []
        self.orphans: list[tuple[Any, bytes]] = []  # views that outlived a deferred close
        self.pool: list[tuple[MmapOptions, int, MmapFlags, bool]] = []
        self.directory = tempfile.TemporaryDirectory()
        MemoryAreas.query(0)  # may keep a descriptor for the look-ups to come
        gc.collect()  # mappings of earlier tests keep the descriptors of their files
        self.descriptors = len(descriptors())
        self.shared_path = Path(self.directory.name) / "shared"
        self.private_path = Path(self.directory.name) / "private"
        self.shared_path.write_bytes(CONTENT)
        self.private_path.write_bytes(CONTENT)
        self.shared, self.private = bytearray(CONTENT), CONTENT

    def pick(self, index: int) -> Model:
        """Choose one of the live mappings."""
        return self.live[index % len(self.live)]

    def retire(self, model: Model) -> None:
        """Note that a mapping is consumed."""
        self.live.remove(model)
        self.dead.append(model.real)

    def born(self, model: Model) -> None:
        """Note a new mapping."""
        model.locks = [False] * model.pages
        self.live.append(model)

    @rule(size=sizes, flags=FLAGS, jit=st.booleans())
    def make_options(self, size: int, flags: MmapFlags, jit: bool) -> None:
        options = MmapOptions(size).with_flags(flags)
        if jit:
            options = options.with_unsafe_flags(UnsafeMmapFlags.JIT)
        self.pool.append((options, size, flags, jit))

    @precondition(lambda self: self.pool)
    @rule(index=which, kind=KINDS)
    def map_anonymous(self, index: int, kind: Kind) -> None:
        self.map_from_pool(index, kind, 0)

    @precondition(lambda self: self.pool and self.live)
    @rule(index=which, neighbour=which, kind=KINDS)
    def map_beside(self, index: int, neighbour: int, kind: Kind) -> None:
        # Where the place is free, what comes from two system calls can be merged.
        self.map_from_pool(index, kind, self.pick(neighbour).real.end())

    def map_from_pool(self, index: int, kind: Kind, address: int) -> None:
        options, size, flags, jit = self.pool[index % len(self.pool)]
        if address % PAGE == 0 and address:
            options = options.with_address(address)
        real = getattr(options, MAKERS[kind])()
        self.born(Model(real, kind, size, bytearray(size), jit=jit, flags=flags))

    @rule(size=sizes, kind=st.sampled_from([ReservedNone, Reserved, ReservedMut]))
    def reserve(self, size: int, kind: Kind) -> None:
        real = getattr(MmapOptions(size), MAKERS[kind])()
        self.born(Model(real, kind, size, bytearray(size), origin="reserved"))

    @rule(
        first=st.integers(0, FILE_PAGES - 1),
        size=sizes,
        shared=st.booleans(),
        kind=KINDS,
        by_path=st.booleans(),
        guarded=st.booleans(),
    )
    def map_file(
        self, first: int, size: int, shared: bool, kind: Kind, by_path: bool, guarded: bool
    ) -> None:
        size = min(size, len(self.private) - first * PAGE)
        flags = MmapFlags.SHARED if shared else MmapFlags(0)
        path = self.shared_path if shared else self.private_path
        # A shared mapping that is to become writable needs a file that was opened for that.
        if by_path and not (shared and kind is not MmapMut):
            options = MmapOptions(size).with_file(path, first * PAGE)
        else:
            with path.open("r+b") as file:
                options = MmapOptions(size).with_file(file, first * PAGE)
        guarded = guarded and sys.platform != "win32"
        if guarded:
            options = options.with_fault_guard()
        self.born(
            Model(
                getattr(options.with_flags(flags), MAKERS[kind])(),
                kind,
                size,
                self.shared if shared else bytearray(self.private[first * PAGE :][:size]),
                offset=first * PAGE if shared else 0,
                origin="shared file" if shared else "private file",
                file_offset=first * PAGE,
                flags=flags,
                guarded=guarded,
            )
        )
