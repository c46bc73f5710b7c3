"""A random walk over the whole life of mappings, beside a model of what they are."""

from __future__ import annotations

import contextlib
import gc
import itertools
import sys
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import invariant, precondition, rule

if sys.platform != "linux":
    pytest.skip("each step is compared with Linux's /proc/self/maps", allow_module_level=True)

from mmap_rs import (
    ConsumedError,
    InvalidOffsetError,
    InvalidOperationError,
    MemoryAreas,
    MmapFlags,
    MmapMut,
    MmapNone,
    SystemCallError,
)
from tests.stateful.changes import Changes
from tests.stateful.kernel_side import check_areas, locked_bytes
from tests.stateful.model import (
    ADVICE,
    EXPORTS,
    PAGE,
    RESERVED,
    Model,
    check_class,
    check_view,
    which,
)
from tests.support.procfs import descriptors, settled_descriptors


class Mappings(Changes):
    """Uses and deaths, and what always holds."""

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

    # system calls

    @precondition(lambda self: any(model.kind in RESERVED for model in self.live))
    @rule(index=which, start=st.integers(0, 5 * PAGE), stop=st.integers(0, 6 * PAGE), how=which)
    def flush(self, index: int, start: int, stop: int, how: int) -> None:
        mapped = [model for model in self.live if model.kind in RESERVED]
        model = mapped[index % len(mapped)]
        call = model.real.flush if how % 2 else model.real.flush_async
        # What was written to a private mapping never reaches the file, and flush says so.
        unwritten = model.origin == "private file" and model.kind is MmapMut
        if start <= stop <= model.size:
            for arguments in ((range(start, stop),), ()):
                with pytest.warns(RuntimeWarning) if unwritten else contextlib.nullcontext():
                    call(*arguments)
        else:
            with pytest.raises(InvalidOffsetError):
                call(slice(start, stop))

    @precondition(lambda self: any(model.kind in RESERVED for model in self.live))
    @rule(index=which, advice=ADVICE, start=st.integers(0, 5 * PAGE))
    def advise(self, index: int, advice: MmapFlags, start: int) -> None:
        mapped = [model for model in self.live if model.kind in RESERVED]
        model = mapped[index % len(mapped)]
        model.real.advise(advice, slice(min(start, model.size), None))

    @precondition(lambda self: any(model.kind in RESERVED for model in self.live))
    @rule(index=which, lock=st.booleans())
    def lock(self, index: int, lock: bool) -> None:
        mapped = [model for model in self.live if model.kind in RESERVED]
        model = mapped[index % len(mapped)]
        if not lock:
            model.real.unlock()
            model.locks = [False] * model.pages
            return
        refusal = self.try_to_lock(model)
        if refusal is None:
            model.locks = [True] * model.pages
        else:
            # Pages that can't be accessed can't be brought in. Those that an earlier call locked stay so.
            assert model.kind is MmapNone or "RLIMIT_MEMLOCK" in str(refusal)

    def try_to_lock(self, model: Model) -> SystemCallError | None:
        """Lock, and return the error if there was one."""
        try:
            model.real.lock()
        except SystemCallError as error:
            return error
        return None

    # exports

    @precondition(lambda self: any(model.readable for model in self.live))
    @rule(index=which, how=st.sampled_from(EXPORTS))
    def export(self, index: int, how: Callable[[Any], Any]) -> None:
        readable = [model for model in self.live if model.readable]
        model = readable[index % len(readable)]
        model.exports.append(how(model.real))

    @precondition(lambda self: any(model.readable for model in self.live))
    @rule(index=which, offset=st.integers(0, 6 * PAGE))
    def function(self, index: int, offset: int) -> None:
        readable = [model for model in self.live if model.readable]
        model = readable[index % len(readable)]
        reasons: list[type[Exception]] = [] if model.executable else [InvalidOperationError]
        if offset >= model.size:
            reasons.append(InvalidOffsetError)
        if reasons:
            with pytest.raises(tuple(reasons)):
                model.real.function(None, offset=offset)
            return
        # Held, never called: there is no code.
        model.exports.append(model.real.function(None, offset=offset))

    @precondition(lambda self: any(model.exports for model in self.live))
    @rule(index=which)
    def release(self, index: int) -> None:
        exported = [model for model in self.live if model.exports]
        model = exported[index % len(exported)]
        model.exports.pop(index % len(model.exports))
        gc.collect(1)

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
        gc.collect(1)

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
            assert not real.faulted()
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
    def the_kernel_agrees(self) -> None:
        if sys.platform == "linux":
            check_areas(self.live)
            # What lingers behind a view may be locked too, and is nobody's any more.
            if not self.orphans:
                assert locked_bytes() == PAGE * sum(sum(model.locks) for model in self.live)

    @invariant()
    def files_in_memory_are_as_expected(self) -> None:
        self.check_memories()

    @invariant()
    def no_two_overlap(self) -> None:
        spans = sorted((model.real.start(), model.real.end()) for model in self.live)
        for (_, end), (start, _) in itertools.pairwise(spans):
            assert end <= start

    def flush_all(self) -> None:
        """See that the kernel knows every live mapping, and bring what was written to the file."""
        for model in self.live:
            assert MemoryAreas.query(model.real.start()) is not None
            if model.origin == "shared file" and model.kind != MmapNone:
                model.real.flush()

    def teardown(self) -> None:
        """See that the file has what was written, and that nothing is left behind."""
        self.flush_all()
        assert self.shared_path.read_bytes() == self.shared
        assert self.private_path.read_bytes() == self.private
        self.orphans.clear()
        self.live.clear()
        self.dead.clear()
        self.pool.clear()
        while self.messages:
            self.receive(0)
        self.memories.clear()
        gc.collect()
        # The thread that hands out descriptors closes the connection of a message a little later.
        if len(descriptors()) != self.descriptors:
            assert len(settled_descriptors()) == self.descriptors
        self.directory.cleanup()


TestMappings = Mappings.TestCase
# About 2,000 steps in the default profile, 100,000 in the profile "nightly".
TestMappings.settings = settings(
    max_examples=max(50, settings().max_examples // 2), stateful_step_count=40
)
