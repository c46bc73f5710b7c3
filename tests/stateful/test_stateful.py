"""A random walk over the whole life of mappings, beside a model of what they are."""

from __future__ import annotations

import gc
import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mmap_rs import (
    AttributeMismatchError,
    BackingMismatchError,
    ConsumedError,
    InvalidOffsetError,
    MemoryAreas,
    Mmap,
    MmapFlags,
    MmapMut,
    MmapNone,
    MmapOptions,
    MustBeAdjacentError,
    Reserved,
    ReservedMut,
    ReservedNone,
    UnsafeFlagNeededError,
    UnsafeMmapFlags,
)
from stateful.model import (
    EXPORTS,
    FILE_PAGES,
    FILE_TAIL,
    MAKE,
    MAP,
    PAGE,
    RESERVED,
    TRY_FROM,
    Kind,
    Model,
    check_class,
    check_view,
    sizes,
    which,
)


class Mappings(RuleBasedStateMachine):
    """The rules: each does one thing to the real mappings and the same to their models."""

    def __init__(self) -> None:
        super().__init__()
        self.live: list[Model] = []
        self.dead: list[Any] = []
        self.orphans: list[tuple[Any, bytes]] = []  # views that outlived a deferred close
        self.directory = tempfile.TemporaryDirectory()
        self.shared_path = Path(self.directory.name) / "shared"
        self.private_path = Path(self.directory.name) / "private"
        content = bytes(i % 253 for i in range(FILE_PAGES * PAGE + FILE_TAIL))
        self.shared_path.write_bytes(content)
        self.private_path.write_bytes(content)
        self.shared, self.private = bytearray(content), content

    def pick(self, index: int) -> Model:
        """Choose one of the live mappings."""
        return self.live[index % len(self.live)]

    def retire(self, model: Model) -> None:
        """Note that a mapping is consumed."""
        self.live.remove(model)
        self.dead.append(model.real)

    # births

    @rule(size=sizes, kind=st.sampled_from([MmapNone, Mmap, MmapMut]), jit=st.booleans())
    def map_anonymous(self, size: int, kind: Kind, jit: bool) -> None:
        options = MmapOptions(size)
        if jit:
            options = options.with_unsafe_flags(UnsafeMmapFlags.JIT)
        name = MAP[kind]
        self.live.append(Model(getattr(options, name)(), kind, size, bytearray(size), jit=jit))

    @rule(size=sizes, kind=st.sampled_from([ReservedNone, Reserved, ReservedMut]))
    def reserve(self, size: int, kind: Kind) -> None:
        real = getattr(MmapOptions(size), MAP[kind])()
        self.live.append(Model(real, kind, size, bytearray(size), origin="reserved"))

    @rule(
        first=st.integers(0, FILE_PAGES - 1),
        size=sizes,
        shared=st.booleans(),
        kind=st.sampled_from([MmapNone, Mmap, MmapMut]),
    )
    def map_file(self, first: int, size: int, shared: bool, kind: Kind) -> None:
        size = min(size, len(self.private) - first * PAGE)
        name = MAP[kind]
        path = self.shared_path if shared else self.private_path
        with path.open("r+b") as file:
            options = MmapOptions(size).with_file(file, first * PAGE)
        if shared:
            options = options.with_flags(MmapFlags.SHARED)
        store = self.shared if shared else bytearray(self.private[first * PAGE :][:size])
        self.live.append(
            Model(
                getattr(options, name)(),
                kind,
                size,
                store,
                offset=first * PAGE if shared else 0,
                origin="shared file" if shared else "private file",
                file_offset=first * PAGE,
            )
        )

    # changes of state

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
        head, tail = (model, other) if off else (other, model)
        head.size, head.offset, head.file_offset = at, offset, file_offset
        tail.size, tail.offset, tail.file_offset = whole - at, offset + at, file_offset + at
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
        if (left.executable, left.jit) != (right.executable, right.jit):
            reasons.append(AttributeMismatchError)
        file = "file" in left.origin or "file" in right.origin
        if file and (
            left.origin != right.origin or left.file_offset + left.size != right.file_offset
        ):
            reasons += [BackingMismatchError, AttributeMismatchError]
        if reasons:
            with pytest.raises(tuple(reasons)):
                left.real.merge(right.real)
            return
        try:
            left.real.merge(right.real)
        except AttributeMismatchError:
            # Memory that was once reserved may have other flags than memory that never was.
            assert {left.origin, right.origin} == {"anonymous", "reserved"}
            return
        if left.origin != "shared file":
            left.store, left.offset = bytearray(left.content + right.content), 0
        left.size += right.size
        self.retire(right)

    # bytes

    @precondition(lambda self: any(model.kind is MmapMut for model in self.live))
    @rule(index=which, start=st.integers(0, 5 * PAGE), data=st.binary(max_size=40), how=which)
    def write(self, index: int, start: int, data: bytes, how: int) -> None:
        writable = [model for model in self.live if model.kind is MmapMut]
        model = writable[index % len(writable)]
        start = min(start, model.size)
        data = data[: model.size - start]
        end = start + len(data)
        if how % 4 == 0:
            model.real[start:end] = data
        elif how % 4 == 1:
            for place, value in enumerate(data, start):
                model.real[place] = value
        elif how % 4 == 2:
            with memoryview(model.real) as view:
                view[start:end] = data
        else:
            data = bytes([how % 256]) * len(data)
            model.real.fill(how % 256, range(start, end))
        model.write(start, data)

    @precondition(lambda self: any(model.kind is MmapMut for model in self.live))
    @rule(index=which, start=which, stop=which, dest=which)
    def copy_within(self, index: int, start: int, stop: int, dest: int) -> None:
        writable = [model for model in self.live if model.kind is MmapMut]
        model = writable[index % len(writable)]
        if start <= stop <= model.size and dest + stop - start <= model.size:
            model.real.copy_within(range(start, stop), dest)
            model.write(dest, model.content[start:stop])
        else:
            with pytest.raises(InvalidOffsetError):
                model.real.copy_within(range(start, stop), dest)

    @precondition(lambda self: any(model.readable for model in self.live))
    @rule(index=which, needle=st.binary(max_size=3), start=st.integers(-PAGE, 5 * PAGE))
    def search(self, index: int, needle: bytes, start: int) -> None:
        readable = [model for model in self.live if model.readable]
        model = readable[index % len(readable)]
        assert model.real.find(needle, start) == model.content.find(needle, start)
        assert model.real.rfind(needle, start) == model.content.rfind(needle, start)
        assert (needle in model.real) is (needle in model.content)

    # exports

    @precondition(lambda self: any(model.readable for model in self.live))
    @rule(index=which, how=st.sampled_from(EXPORTS))
    def export(self, index: int, how: Callable[[Any], Any]) -> None:
        readable = [model for model in self.live if model.readable]
        model = readable[index % len(readable)]
        model.exports.append(how(model.real))

    @precondition(lambda self: any(model.exports for model in self.live))
    @rule(index=which)
    def release(self, index: int) -> None:
        exported = [model for model in self.live if model.exports]
        model = exported[index % len(exported)]
        model.exports.pop(index % len(model.exports))
        gc.collect()

    # deaths

    @precondition(lambda self: self.live)
    @rule(index=which, defer=st.booleans(), leave=st.booleans())
    def close(self, index: int, defer: bool, leave: bool) -> None:
        model = self.pick(index)
        if model.exports and not defer:
            with pytest.raises(BufferError):
                if leave:
                    model.real.__exit__(None, None, None)
                else:
                    model.real.close()
            return
        model.real.close(defer=defer)
        if model.exports and model.origin != "shared file":
            self.orphans += [(held, model.content) for held in model.exports]
        model.exports = []
        self.retire(model)

    @precondition(lambda self: self.live)
    @rule(index=which)
    def drop(self, index: int) -> None:
        model = self.pick(index)
        self.live.remove(model)
        del model
        gc.collect()

    @precondition(lambda self: self.orphans)
    @rule()
    def drop_orphans(self) -> None:
        for held, content in self.orphans:
            check_view(held, content)
        self.orphans.clear()

    # what always holds

    @invariant()
    def live_ones_are_as_expected(self) -> None:
        for model in self.live:
            real: Any = model.real
            check_class(real, model.kind)
            assert not real.closed
            assert real.size() == len(real) == model.size
            if model.readable:
                assert real[:] == model.content
                assert real.is_executable() is model.executable
            for held in model.exports:
                check_view(held, model.content)

    @invariant()
    def dead_ones_answer_so(self) -> None:
        for real in self.dead[-3:]:
            assert real.closed
            real.close()
            with pytest.raises(ConsumedError):
                real.size()

    @invariant()
    def no_two_overlap(self) -> None:
        spans = sorted((model.real.start(), model.real.end()) for model in self.live)
        for (_, end), (start, _) in itertools.pairwise(spans):
            assert end <= start

    def teardown(self) -> None:
        """See that the kernel knows every live mapping, and that the file has what was written."""
        for model in self.live:
            assert MemoryAreas.query(model.real.start()) is not None
            if model.origin == "shared file" and model.kind != MmapNone:
                model.real.flush()
        assert self.shared_path.read_bytes() == self.shared
        assert self.private_path.read_bytes() == self.private
        self.orphans.clear()
        self.live.clear()
        self.dead.clear()
        gc.collect()
        self.directory.cleanup()


TestMappings = Mappings.TestCase
TestMappings.settings = settings(
    max_examples=max(25, settings().max_examples // 10), stateful_step_count=40
)
