"""The rules of files in memory: how they come into being, are mapped, sent, sealed, resized and closed."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.reduction import ForkingPickler
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import precondition, rule

from mmap_rs import MemoryFile, MmapFlags, MmapOptions, Seals, SystemCallError
from tests.stateful.births import KINDS, Births
from tests.stateful.model import PAGE, RESERVED, Kind, Model, sizes, which
from tests.support.mapping_classes import MAKERS
from tests.support.procfs import settled_descriptors

NAME = "stateful"


@dataclass(eq=False)
class Memory:
    """What is expected of a file in memory; its mappings share the store."""

    real: MemoryFile
    store: bytearray
    seals: Seals = field(default_factory=lambda: Seals(0))


def sent(thing: Any) -> Any:
    """Return what arrives where a thing is sent through `multiprocessing`."""
    return pickle.loads(ForkingPickler.dumps(thing))


@cache
def start_sender() -> None:
    """Send a first message, which starts a thread with a socket; return when nothing else of it is open."""
    with MemoryFile(PAGE) as file, sent(file):
        pass
    settled_descriptors()


class MemoryFiles(Births):
    """Files in memory, shared mappings of them, and messages that nobody has received yet."""

    def __init__(self) -> None:
        start_sender()
        super().__init__()
        self.memories: list[Memory] = []
        self.messages: list[tuple[bytes, Memory]] = []

    def memory(self, index: int) -> Memory:
        """Choose one of the files."""
        return self.memories[index % len(self.memories)]

    @rule(size=sizes)
    def make_memory(self, size: int) -> None:
        self.memories.append(Memory(MemoryFile(size, name=NAME), bytearray(size)))

    @precondition(lambda self: self.memories)
    @rule(index=which, first=st.integers(0, 5), size=sizes, kind=KINDS, guarded=st.booleans())
    def map_memory(self, index: int, first: int, size: int, kind: Kind, guarded: bool) -> None:
        memory = self.memory(index)
        offset = min(first, (len(memory.store) - 1) // PAGE) * PAGE
        size = min(size, len(memory.store) - offset)
        options = MmapOptions(size).with_file(memory.real, offset).with_flags(MmapFlags.SHARED)
        if guarded:
            options = options.with_fault_guard()
        real = getattr(options, MAKERS[kind])()
        model = Model(real, kind, size, memory.store, offset, origin="shared file", memory=memory)
        model.file_offset, model.flags, model.guarded = offset, MmapFlags.SHARED, guarded
        self.born(model)

    @precondition(lambda self: any(model.memory for model in self.live))
    @rule(index=which)
    def send_mapping(self, index: int) -> None:
        of_memory = [model for model in self.live if model.memory]
        model = of_memory[index % len(of_memory)]
        if model.kind not in RESERVED:
            with pytest.raises(TypeError, match="can't be pickled or sent"):
                sent(model.real)
            return
        real = sent(model.real)
        assert type(real) is model.kind
        twin = Model(real, model.kind, model.size, model.store, model.offset, model.executable)
        twin.origin, twin.memory, twin.file_offset = model.origin, model.memory, model.file_offset
        twin.flags, twin.guarded = model.flags, model.guarded
        self.born(twin)

    @precondition(lambda self: self.memories)
    @rule(index=which)
    def send_memory(self, index: int) -> None:
        # The one that arrives takes the place of the one that was sent.
        memory = self.memory(index)
        real = sent(memory.real)
        memory.real.close()
        memory.real = real

    @precondition(lambda self: self.memories)
    @rule(index=which)
    def post(self, index: int) -> None:
        # It may be received after the file was closed here.
        memory = self.memory(index)
        self.messages.append((bytes(ForkingPickler.dumps(memory.real)), memory))

    @precondition(lambda self: self.messages)
    @rule(index=which)
    def receive(self, index: int) -> None:
        message, memory = self.messages.pop(index % len(self.messages))
        with pickle.loads(message) as arrived:
            options = MmapOptions.for_file(arrived).with_flags(MmapFlags.SHARED)
            with options.map() as mapping:
                assert mapping[:] == memory.store

    @precondition(lambda self: self.memories)
    @rule(index=which, size=sizes)
    def resize_memory(self, index: int, size: int) -> None:
        memory = self.memory(index)
        # Pages that are mapped stay: an access to one that is gone would end this process.
        mapped = [model for model in self.live if model.memory is memory]
        size = max([size, *(model.file_offset + model.size for model in mapped)])
        grows, shrinks = size > len(memory.store), size < len(memory.store)
        if (grows and Seals.GROW in memory.seals) or (shrinks and Seals.SHRINK in memory.seals):
            with pytest.raises(SystemCallError):
                memory.real.resize(size)
            return
        memory.real.resize(size)
        del memory.store[size:]
        memory.store.extend(bytes(size - len(memory.store)))

    @precondition(lambda self: self.memories)
    @rule(index=which, seals=st.sampled_from([Seals.GROW, Seals.SHRINK, Seals.SEAL]))
    def seal_memory(self, index: int, seals: Seals) -> None:
        memory = self.memory(index)
        if Seals.SEAL in memory.seals:
            with pytest.raises(SystemCallError):
                memory.real.seal(seals)
            return
        memory.real.seal(seals)
        memory.seals |= seals

    @precondition(lambda self: self.memories)
    @rule(index=which)
    def close_memory(self, index: int) -> None:
        memory = self.memory(index)
        self.memories.remove(memory)
        memory.real.close()

    def check_memories(self) -> None:
        """See that each file has the size, the seals and the bytes that are expected."""
        for memory in self.memories:
            real = memory.real
            assert (real.name, real.size(), real.seals()) == (
                NAME,
                len(memory.store),
                memory.seals,
            )
            with MmapOptions.for_file(real).with_flags(MmapFlags.SHARED).map() as mapping:
                assert mapping[:] == memory.store
