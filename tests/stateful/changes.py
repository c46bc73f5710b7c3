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
    MmapFlags,
    MustBeAdjacentError,
    UnsafeFlagNeededError,
)
from stateful.births import Births
from stateful.model import MAKE, PAGE, RESERVED, TRY_FROM, Model, which


class Changes(Births):
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
        other.flags, other.guarded = model.flags, model.guarded
        locks = model.locks
        head, tail = (model, other) if off else (other, model)
        head.size, head.offset, head.file_offset = at, offset, file_offset
        tail.size, tail.offset, tail.file_offset = whole - at, offset + at, file_offset + at
        head.locks, tail.locks = locks[: at // PAGE], locks[at // PAGE :]
        self.live.append(other)

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
            left.origin != right.origin or left.file_offset + left.size != right.file_offset
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
