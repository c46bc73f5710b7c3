"""Failures that come in pairs, or late: the way back fails too, or the system had already done its work.

Each case runs in a child of `test_fault_injection.py`, by its name.
"""

from __future__ import annotations

import errno
import gc
import os
from collections.abc import Callable
from typing import Any

import pytest

from mmap_rs import ConsumedError, Mmap, MmapMut, MmapOptions, SystemCallError
from tests.robustness.injection_cases import PAGE, ROOM, Context, base_name, one, parts
from tests.support.address_space import hole
from tests.support.procfs import area_at, permissions_at, smaps_at
from tests.support.syscall_injection import Failure, Injector

Check = Callable[[Injector, Context], None]
CASES: dict[str, Check] = {}
NO_MEMORY = Failure(errno.ENOMEM)


def case(function: Check) -> Check:
    """Register a case, to be run by name in a child."""
    CASES[function.__name__] = function
    return function


def run(name: str) -> None:
    """Run a case at free addresses."""
    file = os.open("/dev/null", os.O_RDONLY)
    with hole(ROOM) as address:
        from pathlib import Path

        CASES[name](Injector(), Context(address, Path("/dev/null"), file))
    os.close(file)


@case
def every_part_goes_back(injector: Injector, context: Context) -> None:
    for number in range(3):
        for done in (False, True):
            [real] = parts("map_mut")(context)
            with (
                injector.failing({number: Failure(errno.ENOMEM, done)}) as calls,
                pytest.raises(SystemCallError, match="mprotect of"),
            ):
                real.make_none()
            # Forward to the failure, and back over all that may have changed.
            assert [base_name(call) for call in calls] == ["mprotect"] * (2 * number + 2)
            assert permissions_at(context.address) == "rw-p"
            assert area_at(context.address) == area_at(context.address + 2 * PAGE)
            assert real[:] == b"".join(bytes([part]) * PAGE for part in (1, 2, 3))
            real.close()


@case
def lost_where_the_way_back_fails(injector: Injector, context: Context) -> None:
    lost = 0
    for first in range(3):
        for second in range(first + 1, 2 * first + 2):
            [real] = parts("map_mut")(context)
            with (
                injector.failing({first: Failure(errno.EAGAIN), second: NO_MEMORY}),
                pytest.raises(BlockingIOError, match="the mapping was unmapped") as caught,
            ):
                real.make_read_only()
            assert isinstance(caught.value, SystemCallError)
            assert real.closed
            assert "could not be rolled back" in repr(real)
            with pytest.raises(ConsumedError):
                real.size()
            for part in range(3):
                assert area_at(context.address + part * PAGE) is None
            real.close()
            lost += 1
    assert lost == 6


@case
def lost_and_not_even_unmapped(injector: Injector, context: Context) -> None:
    # The memory stays with the kernel, as nobody can take it back; the object must not touch it again.
    [real] = parts("map_mut")(context)
    with (
        injector.failing(dict.fromkeys(range(8), NO_MEMORY)) as calls,
        pytest.raises(SystemCallError),
    ):
        real.make_none()
    assert base_name(calls[-1]) == "munmap"
    assert real.closed
    del real
    gc.collect()
    assert area_at(context.address) is not None
    unmap(context.address, 3 * PAGE)


@case
def a_refused_advice_and_a_refused_unmapping(injector: Injector, context: Context) -> None:
    from mmap_rs import MmapFlags

    options = context.options().with_flags(MmapFlags.SEQUENTIAL)
    with injector.failing({1: Failure(errno.EINVAL), 2: NO_MEMORY}) as calls:
        with pytest.raises(SystemCallError, match="madvise") as caught:
            options.map()
        assert caught.value.errno == errno.EINVAL
    assert [base_name(call) for call in calls] == ["mmap", "madvise", "munmap"]
    unmap(context.address, 3 * PAGE)


@case
def a_refused_lock_leaves_nothing_locked(injector: Injector, context: Context) -> None:
    [real] = one("map_mut")(context)
    for failure in (NO_MEMORY, Failure(errno.EAGAIN, done=True)):
        with injector.failing({0: failure}), pytest.raises(SystemCallError, match="mlock of"):
            real.lock()
        assert smaps_at(context.address).sizes["Locked"] == 0
        assert "lo" not in smaps_at(context.address).vm_flags
    # What an earlier call locked stays so.
    real.lock()
    with injector.failing({0: Failure(errno.EAGAIN, done=True)}), pytest.raises(SystemCallError):
        real.lock()
    assert "lo" in smaps_at(context.address).vm_flags
    tail = real.split_off(PAGE)
    with injector.failing({0: NO_MEMORY}), pytest.raises(SystemCallError):
        tail.lock()
    assert "lo" in smaps_at(tail.start()).vm_flags
    tail.unlock()
    with injector.failing({0: Failure(errno.ENOMEM, done=True)}), pytest.raises(SystemCallError):
        tail.lock()
    assert "lo" not in smaps_at(tail.start()).vm_flags
    assert "lo" in smaps_at(context.address).vm_flags
    real.merge(tail)
    real.close()


@case
def inaccessible_memory_is_not_left_locked(_: Injector, context: Context) -> None:
    # No injection: the kernel marks the pages, fails to bring them in, and leaves the mark.
    [real] = one("map_none")(context)
    with pytest.raises(SystemCallError, match="mlock of"):
        real.lock()
    assert "lo" not in smaps_at(context.address).vm_flags
    real.close()


@case
def a_destructor_whose_unmapping_fails(injector: Injector, context: Context) -> None:
    for setup in (one("map_mut"), parts("map_mut"), one("reserve_none")):
        live = setup(context)
        with injector.failing({0: NO_MEMORY}) as calls:
            del live[:]
            gc.collect()
        # Once, without a second try on addresses that may be another's by then.
        assert [base_name(call) for call in calls] == ["munmap"]
        assert area_at(context.address) is not None
        unmap(context.address, 3 * PAGE)


@case
def the_last_buffer_whose_unmapping_fails(injector: Injector, context: Context) -> None:
    [real] = one("map_mut")(context)
    view = memoryview(real)
    real.close(defer=True)
    with injector.failing({0: NO_MEMORY}) as calls:
        view.release()
    assert [base_name(call) for call in calls] == ["munmap"]
    assert real.closed
    del real
    gc.collect()
    unmap(context.address, 3 * PAGE)


@case
def a_refused_close_may_be_tried_again(injector: Injector, context: Context) -> None:
    [real] = parts("map_mut")(context)
    for _ in range(3):
        with injector.failing({0: NO_MEMORY}), pytest.raises(SystemCallError, match="munmap of"):
            real.close()
        assert not real.closed
        assert real[PAGE] == 2
    tail = real.split_off(PAGE)
    with injector.failing({0: NO_MEMORY}), pytest.raises(SystemCallError, match="munmap of"), tail:
        assert tail[0] == 2
    real.merge(tail)
    with real:
        pass
    assert real.closed
    assert area_at(context.address) is None


@case
def views_stand_through_failures(injector: Injector, context: Context) -> None:
    real: MmapMut | Mmap
    [real] = one("map_mut")(context)
    with memoryview(real) as view:
        for act in (real.lock, real.flush):
            with injector.failing({0: NO_MEMORY}), pytest.raises(SystemCallError):
                act()
        view[:3] = b"yes"
    with injector.failing({0: NO_MEMORY}), pytest.raises(SystemCallError):
        real.make_read_only()
    real = real.make_read_only()
    assert real[:3] == b"yes"
    real.close()


@case
def no_descriptor_is_left_by_a_failed_map(injector: Injector, context: Context) -> None:
    from tests.support.procfs import descriptors

    before = descriptors()
    options = MmapOptions(PAGE).with_file(context.path.parent / "zero")
    for number in range(3):
        with injector.failing({number: NO_MEMORY}), pytest.raises(SystemCallError):
            options.map()
        assert descriptors() == before


def unmap(address: int, size: int) -> None:
    """Unmap what nobody owns any more."""
    import ctypes

    libc: Any = ctypes.CDLL(None, use_errno=True)
    assert libc.munmap(ctypes.c_void_p(address), ctypes.c_size_t(size)) == 0
    assert area_at(address) is None
