"""Protection: what each way to make or change a mapping gives, read back from the kernel; that it holds."""

import platform
import signal
import sys
from collections.abc import Callable
from typing import Any

import pytest

from mmap_rs import (
    ConsumedError,
    Mapping,
    Mmap,
    MmapMut,
    MmapNone,
    MmapOptions,
    Reserved,
    ReservedMut,
    ReservedNone,
    UnsafeFlagNeededError,
    UnsafeMmapFlags,
)
from tests.support.child_process import describe, died_of, run_child
from tests.support.procfs import permissions_at

pytestmark = [
    pytest.mark.parallel,
    pytest.mark.skipif(
        sys.platform != "linux", reason="reads the protection back from Linux's /proc"
    ),
]

Make = Callable[[MmapOptions], Mapping]

# How to make a mapping: the method, the class it gives, and what the kernel then says.
MADE: dict[str, tuple[Make, type[Mapping], str]] = {
    "reserve_none": (lambda options: options.reserve_none(), ReservedNone, "---p"),
    "reserve": (lambda options: options.reserve(), Reserved, "r--p"),
    "reserve_exec": (lambda options: options.reserve_exec(), Reserved, "r-xp"),
    "reserve_mut": (lambda options: options.reserve_mut(), ReservedMut, "rw-p"),
    "reserve_exec_mut": (lambda options: options.reserve_exec_mut(), ReservedMut, "rwxp"),
    "map_none": (lambda options: options.map_none(), MmapNone, "---p"),
    "map": (lambda options: options.map(), Mmap, "r--p"),
    "map_exec": (lambda options: options.map_exec(), Mmap, "r-xp"),
    "map_mut": (lambda options: options.map_mut(), MmapMut, "rw-p"),
    "map_exec_mut": (lambda options: options.map_exec_mut(), MmapMut, "rwxp"),
}

# How to change one: the class of the mapped and of the reserved kind, and what the kernel then says.
CHANGED: dict[str, tuple[type[Mapping], type[Mapping], str]] = {
    "make_none": (MmapNone, ReservedNone, "---p"),
    "make_read_only": (Mmap, Reserved, "r--p"),
    "make_exec": (Mmap, Reserved, "r-xp"),
    "make_exec_no_flush": (Mmap, Reserved, "r-xp"),
    "make_mut": (MmapMut, ReservedMut, "rw-p"),
    "make_exec_mut": (MmapMut, ReservedMut, "rwxp"),
}

# Upstream's conversions: to, and from which classes.
CONVERSIONS: dict[type[Mapping], tuple[type[Mapping], ...]] = {
    Mmap: (MmapMut, MmapNone, Reserved),
    MmapMut: (Mmap, MmapNone, ReservedMut),
    MmapNone: (ReservedNone,),
    Reserved: (ReservedMut, ReservedNone),
    ReservedMut: (Reserved, ReservedNone),
    ReservedNone: (),
}

JIT = UnsafeMmapFlags.JIT


def jit_options(size: int) -> MmapOptions:
    return MmapOptions(size).with_unsafe_flags(JIT)


def change(mapping: Mapping, method: str) -> Mapping:
    changed: Mapping = getattr(mapping, method)()
    return changed


@pytest.mark.parametrize("name", MADE)
def test_what_each_method_makes(name: str, page: int) -> None:
    make, cls, permissions = MADE[name]
    with make(jit_options(2 * page)) as mapping:
        assert type(mapping) is cls
        assert permissions_at(mapping.start()) == permissions
        assert permissions_at(mapping.end() - 1) == permissions


@pytest.mark.parametrize("method", CHANGED)
@pytest.mark.parametrize("name", MADE)
def test_each_change_from_each_kind(name: str, method: str, page: int) -> None:
    make, cls, _ = MADE[name]
    mapped_class, reserved_class, permissions = CHANGED[method]
    mapping = make(jit_options(2 * page))
    start = mapping.start()

    changed = change(mapping, method)

    assert type(changed) is (reserved_class if "Reserved" in cls.__name__ else mapped_class)
    assert (changed.start(), changed.size()) == (start, 2 * page)
    assert permissions_at(start) == permissions_at(start + page) == permissions
    assert mapping.closed
    assert method in repr(mapping)
    with pytest.raises(ConsumedError):
        mapping.size()


@pytest.mark.parametrize("name", ["reserve_exec_mut", "map_exec_mut"])
def test_writable_code_needs_the_flag_at_once(name: str, page: int) -> None:
    make, _, _ = MADE[name]
    with pytest.raises(UnsafeFlagNeededError) as caught:
        make(MmapOptions(page))
    assert caught.value.flags == JIT
    assert isinstance(caught.value.flags, UnsafeMmapFlags)
    assert caught.value.variant == "UnsafeFlagNeeded"
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("name", [name for name in MADE if "exec_mut" not in name])
def test_writable_code_needs_the_flag_later(name: str, page: int) -> None:
    make, cls, permissions = MADE[name]
    mapping = make(MmapOptions(page))
    with pytest.raises(UnsafeFlagNeededError) as caught:
        mapping.make_exec_mut()
    assert caught.value.flags == JIT
    # On failure the object is as it was before.
    assert not mapping.closed
    assert type(mapping) is cls
    assert mapping.size() == page
    assert permissions_at(mapping.start()) == permissions
    mapping.make_read_only().close()


@pytest.mark.parametrize("method", CHANGED)
def test_data_is_kept_by_every_change(method: str, page: int) -> None:
    mapping = jit_options(2 * page).map_mut()
    data = bytes(range(256)) * (2 * page // 256)
    mapping[:] = data
    changed = change(mapping, method).make_read_only()
    assert isinstance(changed, Mmap)
    assert changed[:] == data


def test_a_long_way_back_and_forth(page: int) -> None:
    mapping: Mapping = jit_options(page).map_mut()
    for method in [*CHANGED, *reversed(CHANGED)] * 20:
        mapping = change(mapping, method)
        assert permissions_at(mapping.start()) == CHANGED[method][2]


# --- try_from


def make_class(cls: type[Mapping], options: MmapOptions) -> Mapping:
    """Make a mapping of a class; of those with two forms the one that is not executable."""
    make = next(make for make, made, _ in MADE.values() if made.__name__ == cls.__name__)
    return make(options)


ALL_PAIRS = [(to, source) for to in CONVERSIONS for source in CONVERSIONS]


@pytest.mark.parametrize(
    ("to", "source"),
    ALL_PAIRS,
    ids=[f"{to.__name__}-{source.__name__}" for to, source in ALL_PAIRS],
)
def test_try_from_takes_upstreams_pairs_and_no_other(
    to: type[Mapping], source: type[Mapping], page: int
) -> None:
    mapping = make_class(source, MmapOptions(page))
    start, before = mapping.start(), permissions_at(mapping.start())
    convert: Any = getattr(to, "try_from", None)
    if source in CONVERSIONS[to]:
        converted = convert(mapping)
        assert type(converted) is to
        assert converted.start() == start
        assert permissions_at(start) == {
            "None": "---p",
            "Mut": "rw-p",
        }.get(to.__name__.removeprefix("Mmap").removeprefix("Reserved"), "r--p")
        assert mapping.closed
        assert "try_from" in repr(mapping)
    elif convert is not None:
        with pytest.raises(TypeError):
            convert(mapping)
        assert not mapping.closed
        assert permissions_at(start) == before


@pytest.mark.parametrize(("name", "to"), [("reserve_exec", Mmap), ("reserve_exec_mut", MmapMut)])
def test_committing_keeps_the_right_to_execute(name: str, to: Any, page: int) -> None:
    make, _, permissions = MADE[name]
    committed = to.try_from(make(jit_options(page)))
    assert permissions_at(committed.start()) == permissions
    assert committed.is_executable()


WRONG_SOURCES: list[Any] = [None, 1, b"bytes", object(), Mmap, MmapOptions(1)]


@pytest.mark.parametrize("wrong", WRONG_SOURCES)
@pytest.mark.parametrize("to", [Mmap, MmapMut, MmapNone, Reserved, ReservedMut])
def test_try_from_of_anything_else(to: Any, wrong: Any) -> None:
    with pytest.raises(TypeError):
        to.try_from(wrong)


# --- that the protection holds: each access in a child, which must die of it, or must not

PRELUDE = """
    import ctypes, platform
    from mmap_rs import MmapOptions, UnsafeMmapFlags

    RETURN = {"x86_64": b"\\xc3", "aarch64": b"\\xc0\\x03\\x5f\\xd6"}.get(platform.machine(), b"")
    options = MmapOptions(MmapOptions.page_size()).with_unsafe_flags(UnsafeMmapFlags.JIT)

    def read(m):
        ctypes.string_at(m.start(), 1)

    def write(m):
        ctypes.memset(m.start(), 1, 1)

    def execute(m):
        ctypes.CFUNCTYPE(None)(m.start())()

    def code():
        m = options.map_mut()
        m[: len(RETURN)] = RETURN
        return m
"""

SOURCES = {
    "map_none": ("options.map_none()", ""),
    "map": ("options.map()", "r"),
    "map_mut": ("options.map_mut()", "rw"),
    "reserve_none": ("options.reserve_none()", ""),
    "reserve": ("options.reserve()", "r"),
    "reserve_mut": ("options.reserve_mut()", "rw"),
    "make_none": ("code().make_none()", ""),
    "make_read_only": ("code().make_read_only()", "r"),
    "make_mut": ("code().make_read_only().make_mut()", "rw"),
    "make_exec": ("code().make_exec()", "rx"),
    "make_exec_no_flush": ("code().make_exec_no_flush()", "rx"),
    "make_exec_mut": ("code().make_exec_mut()", "rwx"),
}

KNOWN_MACHINE = platform.machine() in {"x86_64", "aarch64"}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("access", ["read", "write", "execute"])
def test_what_is_not_allowed_kills(source: str, access: str) -> None:
    if access == "execute" and not KNOWN_MACHINE:
        pytest.skip(f"no machine code for {platform.machine()} in this test")
    expression, allowed = SOURCES[source]
    code = f"{PRELUDE}\n    m = {expression}\n    {access}(m)\n    print('alive')\n"
    result = run_child(code)
    letter = {"read": "r", "write": "w", "execute": "x"}[access]
    if letter in allowed:
        assert result.returncode == 0, describe(result)
        assert result.stdout == "alive\n"
    else:
        assert died_of(result, signal.SIGSEGV), describe(result)
        assert "alive" not in result.stdout


def test_a_split_off_part_can_be_protected_alone() -> None:
    survived = run_child(f"""{PRELUDE}
    page = MmapOptions.page_size()
    m = MmapOptions(3 * page).map_mut()
    middle = m.split_off(page)
    last = middle.split_off(page)
    guard = middle.make_none()
    write(m)
    write(last)
    print("alive", flush=True)
    write(guard)
    """)
    assert died_of(survived, signal.SIGSEGV), describe(survived)
    assert survived.stdout == "alive\n"
