"""The rules that change what a mapping is: its protection, its type, where it ends."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import precondition, rule

from mmap_rs import (
    AttributeMismatchError,
    BackingMismatchError,
    InvalidOffsetError,
    InvalidOperationError,
    InvalidSizeError,
    Mmap,
    MmapFlags,
    MmapMut,
    MmapNone,
    MustBeAdjacentError,
    SystemCallError,
    UnsafeFlagNeededError,
)
from tests.stateful.memory_files import MemoryFiles
from tests.stateful.model import MAKE, PAGE, RESERVED, TRY_FROM, Kind, Model, sizes, which


class Changes(MemoryFiles):
    """Conversions, splits and merges."""

    @precondition(lambda self: self.live)
    @rule(index=which, name=st.sampled_from(sorted(MAKE)))
    def convert(self, index: int, name: str) -> None:
        model = self.pick(index)
        kind, executable = MAKE[name]
        reasons: list[type[Exception]] = []
        if model.exports:
            reasons.append(BufferError)
        if name == "make_exec_mut" and not model.jit:
            reasons.append(UnsafeFlagNeededError)
        if reasons:
            with pytest.raises(tuple(reasons)):
                getattr(model.real, name)()
            return
        if model.kind not in RESERVED:
            kind = RESERVED[kind]
        real = getattr(model.real, name)()
        assert type(real) is kind
        self.retire(model)
        model.real, model.kind, model.executable = real, kind, executable
        self.live.append(model)

    @precondition(lambda self: self.live)
    @rule(index=which, kind=st.sampled_from(list(TRY_FROM)))
    def try_from(self, index: int, kind: Any) -> None:
        model = self.pick(index)
        reasons: list[type[Exception]] = [BufferError] if model.exports else []
        if model.kind not in TRY_FROM[kind]:
            reasons.append(TypeError)
        if reasons:
            with pytest.raises(tuple(reasons)):
                kind.try_from(model.real)
            return
        real = kind.try_from(model.real)
        assert type(real) is kind
        committed = model.kind not in RESERVED and kind in RESERVED
        self.retire(model)
        model.real, model.kind = real, kind
        # A commit leaves the protection as it is; the other conversions set it.
        model.executable = model.executable and committed
        self.live.append(model)

    @precondition(lambda self: self.live)
    @rule(index=which, at=st.integers(0, 6 * PAGE), aligned=st.booleans(), off=st.booleans())
    def split(self, index: int, at: int, aligned: bool, off: bool) -> None:
        model = self.pick(index)
        at -= at % PAGE if aligned else 0
        reasons: list[type[Exception]] = [BufferError] if model.exports else []
        if at % PAGE or not 0 < at < model.size:
            reasons.append(InvalidOffsetError)
        call = model.real.split_off if off else model.real.split_to
        if reasons:
            with pytest.raises(tuple(reasons)):
                call(at)
            return
        real = call(at)
        assert type(real) is model.kind
        whole, offset, file_offset = model.size, model.offset, model.file_offset
        other = Model(
            real, model.kind, 0, model.store, 0, model.executable, model.jit, model.origin
        )
        other.flags, other.guarded, other.memory = model.flags, model.guarded, model.memory
        locks = model.locks
        head, tail = (model, other) if off else (other, model)
        head.size, head.offset, head.file_offset = at, offset, file_offset
        tail.size, tail.offset, tail.file_offset = whole - at, offset + at, file_offset + at
        head.locks, tail.locks = locks[: at // PAGE], locks[at // PAGE :]
        self.live.append(other)

    @precondition(lambda self: any(model.kind in RESERVED for model in self.live))
    @rule(index=which, size=sizes, may_move=st.booleans(), to_the_end=st.booleans())
    def resize(self, index: int, size: int, may_move: bool, to_the_end: bool) -> None:
        mapped = [model for model in self.live if model.kind in RESERVED]
        model = mapped[index % len(mapped)]
        file = self.private if model.memory is None else model.memory.store
        rest = len(file) - model.file_offset if "file" in model.origin else None
        reasons: list[type[Exception]] = [BufferError] if model.exports else []
        if to_the_end and rest is None:
            reasons.append(InvalidOperationError)
        elif to_the_end and rest is not None:
            size = rest
        if rest is not None and size > rest:
            reasons.append(InvalidSizeError)
        argument = None if to_the_end else size
        start = model.real.start()
        if reasons:
            with pytest.raises(tuple(reasons)):
                model.real.resize(argument, may_move=may_move)
            return
        refusal = self.try_to_resize(model, argument, may_move)
        if refusal is None:
            assert may_move or model.real.start() == start
            self.resized(model, size)
        else:
            # Locked pages that can't be accessed can't be brought in.
            assert not may_move or (model.kind is MmapNone and any(model.locks)), refusal
            assert model.real.start() == start

    def try_to_resize(
        self, model: Model, size: int | None, may_move: bool
    ) -> SystemCallError | None:
        """Resize, and return the error if there was one."""
        try:
            model.real.resize(size, may_move=may_move)
        except SystemCallError as error:
            return error
        return None

    def resized(self, model: Model, size: int) -> None:
        """Note another size: new bytes are zero, or what the file holds."""
        locked = bool(model.locks) and all(model.locks)
        if model.origin == "shared file":
            model.size = size
        else:
            kept = model.content[:size]
            new = (
                b"" if model.origin != "private file" else self.private[model.file_offset :][:size]
            )
            model.store, model.offset = bytearray(kept + new[len(kept) :]).ljust(size, b"\0"), 0
            model.size = size
        model.locks = model.locks[: model.pages]
        model.locks += [locked] * (model.pages - len(model.locks))

    @precondition(lambda self: self.pool and any(model.kind not in RESERVED for model in self.live))
    @rule(index=which, options=which, name=st.sampled_from(["map", "map_mut", "map_none"]))
    def map_over(self, index: int, options: int, name: str) -> None:
        reserved = [model for model in self.live if model.kind not in RESERVED]
        model = reserved[index % len(reserved)]
        made, size, flags, jit = self.pool[options % len(self.pool)]
        made = made.with_reservation(model.real)
        start = model.real.start()
        if size != model.size:
            with pytest.raises(InvalidSizeError):
                getattr(made, name)()
            return
        real: Any = getattr(made, name)()
        assert real.start() == start
        self.retire(model)
        kinds: dict[str, Kind] = {"map": Mmap, "map_mut": MmapMut, "map_none": MmapNone}
        self.born(Model(real, kinds[name], size, bytearray(size), jit=jit, flags=flags))

    @precondition(lambda self: self.live)
    @rule(first=which, second=which)
    def merge(self, first: int, second: int) -> None:
        self.join(self.pick(first), self.pick(second))

    @precondition(lambda self: self.live)
    @rule()
    def merge_neighbours(self) -> None:
        for left in list(self.live):
            for right in list(self.live):
                if (
                    left in self.live
                    and right in self.live
                    and left.real.end() == right.real.start()
                ):
                    self.join(left, right)

    def join(self, left: Model, right: Model) -> None:
        """Merge two mappings, or see that it is refused for a reason that holds."""
        reasons: list[type[Exception]] = [BufferError] if left.exports or right.exports else []
        if left.kind is not right.kind:
            reasons.append(TypeError)
        if left is right or left.real.end() != right.real.start():
            reasons.append(MustBeAdjacentError)
        without_mode = [model.flags & ~MmapFlags.SHARED for model in (left, right)]
        lasting = [(model.executable, model.jit, model.guarded) for model in (left, right)]
        if lasting[0] != lasting[1] or without_mode[0] != without_mode[1]:
            reasons.append(AttributeMismatchError)
        if left.shared != right.shared:
            reasons += [BackingMismatchError, AttributeMismatchError]
        file = "file" in left.origin or "file" in right.origin
        if file and (
            left.origin != right.origin
            or left.memory is not right.memory
            or left.file_offset + left.size != right.file_offset
        ):
            reasons += [BackingMismatchError, AttributeMismatchError]
        if reasons:
            with pytest.raises(tuple(reasons)):
                left.real.merge(right.real)
            return
        left.real.merge(right.real)
        if left.origin != "shared file":
            left.store, left.offset = bytearray(left.content + right.content), 0
        left.size += right.size
        left.locks += right.locks
        self.retire(right)
