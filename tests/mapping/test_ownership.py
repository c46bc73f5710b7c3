"""Who owns a mapping: what consumes it, what a consumed one answers, and what a failure leaves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mmap_rs
from mmap_rs import (
    AttributeMismatchError,
    ConsumedError,
    Inherit,
    InvalidOffsetError,
    Mapping,
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
from tests.support.mapping_classes import MAKERS, class_name

pytestmark = pytest.mark.parallel

MAPPED = (MmapNone, Mmap, MmapMut)


every_class = pytest.mark.parametrize("cls", MAKERS, ids=class_name)


def make(cls: type[Mapping], size: int | None = None, *, jit: bool = False) -> Any:
    """Make an anonymous mapping of that class, of four pages unless told."""
    options = MmapOptions(size or 4 * MmapOptions.page_size())
    if jit:
        options = options.with_unsafe_flags(UnsafeMmapFlags.JIT)
    return getattr(options, MAKERS[cls])()


def another(mapping: Any) -> tuple[Any, ...]:
    """Return, as the arguments of `merge`, a mapping of the same class."""
    return (next(make(cls) for cls in MAKERS if isinstance(mapping, cls)),)


# Arguments that are right, so that only the state of the object can be wrong.
ARGUMENTS: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "merge": another,
    "split_off": lambda _: (MmapOptions.page_size(),),
    "split_to": lambda _: (MmapOptions.page_size(),),
    "advise": lambda _: (MmapFlags.SEQUENTIAL,),
    "find": lambda _: (b"a",),
    "rfind": lambda _: (b"a",),
    "index": lambda _: (b"a",),
    "rindex": lambda _: (b"a",),
    "count": lambda _: (b"a",),
    "startswith": lambda _: (b"a",),
    "endswith": lambda _: (b"a",),
    "fill": lambda _: (0,),
    "copy_from_slice": lambda _: (bytes(4 * MmapOptions.page_size()),),
    "copy_within": lambda _: (range(1), 1),
    "set_inheritance": lambda _: (Inherit.DEFAULT,),
    "set_name": lambda _: ("name",),
    "resize": lambda _: (MmapOptions.page_size(),),
    "function": lambda _: (None,),
    "__getitem__": lambda _: (0,),
    "__setitem__": lambda _: (0, 1),
    "__contains__": lambda _: (1,),
}
SLOTS = ("__len__", "__getitem__", "__setitem__", "__contains__", "__iter__", "__reversed__")


def calls_of(cls: type[Mapping]) -> list[str]:
    """Return the names of all methods but `close` and the static one."""
    names = [name for name in dir(cls) if not name.startswith("_") and callable(getattr(cls, name))]
    slots = [name for name in (*SLOTS, "__enter__") if hasattr(cls, name)]
    return [name for name in (*names, *slots) if name not in {"close", "try_from"}]


def close(mapping: Any) -> None:
    """Consume a mapping by `close`."""
    mapping.close()


def convert(mapping: Any) -> None:
    """Consume a mapping by a conversion."""
    mapping.make_none().close()


@every_class
@pytest.mark.parametrize("consume", [close, convert])
def test_a_consumed_object_refuses_every_method(
    cls: type[Mapping], consume: Callable[[Any], None]
) -> None:
    mapping = make(cls)
    consume(mapping)
    names = calls_of(cls)
    assert len(names) >= 17, names
    for name in names:
        arguments = ARGUMENTS.get(name, lambda _: ())(mapping)
        with pytest.raises(ConsumedError):
            getattr(mapping, name)(*arguments)
        assert mapping.closed


@every_class
def test_a_consumed_object_still_answers(cls: type[Mapping]) -> None:
    mapping = make(cls)
    assert not mapping.closed
    mapping.close()
    assert mapping.closed
    assert repr(mapping) == f"<mmap_rs.{cls.__name__} closed>"
    assert mapping.close() is None
    assert mapping.close(defer=True) is None
    assert mapping.__exit__(None, None, None) in {None, False}
    with pytest.raises(AttributeError):
        mapping.closed = False


@every_class
def test_operators_of_a_consumed_object(cls: type[Mapping]) -> None:
    mapping = make(cls)
    mapping.close()
    operations: list[Callable[[], object]] = [lambda: len(mapping), lambda: bool(mapping)]
    if cls in {Mmap, MmapMut}:
        operations += [
            lambda: mapping[0],
            lambda: mapping[:],
            lambda: mapping[0:0],
            lambda: b"" in mapping,
            lambda: list(mapping),
            lambda: list(reversed(mapping)),
            lambda: memoryview(mapping),
            lambda: bytes(mapping),
        ]
    if cls is MmapMut:
        operations += [
            lambda: mapping.__setitem__(0, 0),
            lambda: mapping.__setitem__(slice(None), b""),
        ]
    for operation in operations:
        with pytest.raises(ConsumedError):
            operation()


CONVERSIONS = ("make_none", "make_read_only", "make_exec", "make_exec_no_flush", "make_mut")
MAPPED_RESULTS = (MmapNone, Mmap, Mmap, Mmap, MmapMut)
RESERVED_RESULTS = (ReservedNone, Reserved, Reserved, Reserved, ReservedMut)


@every_class
def test_conversions(cls: type[Mapping]) -> None:
    results = MAPPED_RESULTS if cls in MAPPED else RESERVED_RESULTS
    for name, result in zip(CONVERSIONS, results, strict=True):
        mapping = make(cls)
        place = (mapping.start(), mapping.size())
        converted = getattr(mapping, name)()
        assert type(converted) is result
        assert (converted.start(), converted.size()) == place
        assert mapping.closed
        assert repr(mapping) == f"<mmap_rs.{cls.__name__} consumed by {name}>"
        mapping.close()
        assert not converted.closed
        converted.close()


@every_class
def test_make_exec_mut_needs_its_flag(cls: type[Mapping]) -> None:
    mapping = make(cls)
    with pytest.raises(UnsafeFlagNeededError) as caught:
        mapping.make_exec_mut()
    assert caught.value.flags == UnsafeMmapFlags.JIT
    assert not mapping.closed
    assert type(mapping) is cls
    assert mapping.size() == 4 * MmapOptions.page_size()
    allowed = make(cls, jit=True)
    assert type(allowed.make_exec_mut()) is (MmapMut if cls in MAPPED else ReservedMut)
    assert allowed.closed


TRY_FROM: dict[type[Mapping], set[type[Mapping]]] = {
    Mmap: {MmapMut, MmapNone, Reserved},
    MmapMut: {Mmap, MmapNone, ReservedMut},
    MmapNone: {ReservedNone},
    Reserved: {ReservedMut, ReservedNone},
    ReservedMut: {Reserved, ReservedNone},
    ReservedNone: set(),
}


@every_class
@pytest.mark.parametrize("source", MAKERS, ids=class_name)
def test_try_from(cls: type[Mapping], source: type[Mapping]) -> None:
    mapping = make(source)
    place = (mapping.start(), mapping.size())
    target: Any = cls
    result: Any
    if not TRY_FROM[cls]:
        assert not hasattr(target, "try_from")
        return
    if source not in TRY_FROM[cls]:
        with pytest.raises(TypeError):
            target.try_from(mapping)
        assert not mapping.closed
        assert (mapping.start(), mapping.size()) == place
        return
    result = target.try_from(mapping)
    assert target is type(result)
    assert (result.start(), result.size()) == place
    assert mapping.closed
    assert repr(mapping) == f"<mmap_rs.{source.__name__} consumed by try_from>"
    if cls is MmapMut:
        result.fill(1)
    if cls in {Mmap, MmapMut}:
        assert result[-1] in {0, 1}
    with pytest.raises(ConsumedError):
        target.try_from(mapping)


@pytest.mark.parametrize("cls", [Mmap, MmapMut, MmapNone, Reserved, ReservedMut])
def test_try_from_wrong_types(cls: Any) -> None:
    for wrong in (None, 1, b"abc", object(), cls, MmapOptions(1), memoryview(b"abc")):
        with pytest.raises(TypeError):
            cls.try_from(wrong)
    with pytest.raises(TypeError):
        cls.try_from()


@every_class
def test_merge_consumes_the_other(cls: type[Mapping], page: int) -> None:
    first = make(cls)
    second = first.split_off(page)
    assert type(second) is cls
    assert first.merge(second) is None
    assert first.size() == 4 * page
    assert second.closed
    assert repr(second) == f"<mmap_rs.{cls.__name__} consumed by merge>"
    with pytest.raises(ConsumedError):
        first.merge(second)
    with pytest.raises(ConsumedError):
        second.merge(first)


@every_class
def test_failures_leave_both_sides(cls: type[Mapping], page: int) -> None:
    first = make(cls)
    middle = first.split_off(page)
    second = middle.split_off(page)
    sizes = first.size(), second.size()
    failures: list[tuple[Callable[[], object], type[Exception]]] = [
        (lambda: first.merge(second), MustBeAdjacentError),
        (lambda: second.merge(first), MustBeAdjacentError),
        (lambda: first.merge(first), MustBeAdjacentError),
        (lambda: first.merge(None), TypeError),
        (lambda: first.merge(make(Mmap if cls is not Mmap else MmapMut)), TypeError),
        (lambda: first.split_off(0), InvalidOffsetError),
        (lambda: second.split_off(1), InvalidOffsetError),
        (lambda: second.split_to(second.size()), InvalidOffsetError),
        (lambda: second.split_to(second.size() + page), InvalidOffsetError),
        (lambda: second.split_off(-page), OverflowError),
        (lambda: first.make_exec_mut(), UnsafeFlagNeededError),
    ]
    for call, error in failures:
        with pytest.raises(error):
            call()
        assert not first.closed
        assert not second.closed
        assert (first.size(), second.size()) == sizes
    first.merge(middle)
    first.merge(second)
    assert first.size() == 4 * page


def test_merge_of_other_protection_leaves_both(page: int) -> None:
    first = MmapOptions(2 * page).map_mut()
    second = first.split_off(page)
    first_read, second_exec = first.make_read_only(), second.make_exec()
    with pytest.raises(AttributeMismatchError):
        first_read.merge(second_exec)
    assert first_read[:] == second_exec[:] == bytes(page)
    assert second_exec.is_executable()


def test_a_refused_protection_leaves_the_object(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    with path.open("rb") as file:
        options = MmapOptions(3).with_file(file).with_flags(MmapFlags.SHARED)
    mapping = options.map()
    attempts: list[Callable[[], object]] = [mapping.make_mut, lambda: MmapMut.try_from(mapping)]
    for attempt in attempts:
        with pytest.raises(PermissionError) as caught:
            attempt()
        assert isinstance(caught.value, mmap_rs.SystemCallError)
        assert type(mapping) is Mmap
        assert not mapping.closed
        assert mapping[:] == b"abc"
    mapping.make_none().close()


# with


@every_class
def test_with_closes(cls: type[Mapping]) -> None:
    mapping = make(cls)
    with mapping as entered:
        assert entered is mapping
        assert not mapping.closed
    assert mapping.closed
    with pytest.raises(ConsumedError), mapping:
        pass


@every_class
def test_with_and_an_error(cls: type[Mapping]) -> None:
    mapping = make(cls)
    with pytest.raises(KeyError), mapping:
        raise KeyError
    assert mapping.closed


@every_class
def test_with_over_what_was_consumed_inside(cls: type[Mapping]) -> None:
    with make(cls) as mapping:
        converted = mapping.make_none()
    assert not converted.closed
    with make(cls) as mapping:
        mapping.close()
        mapping.close()
    with make(cls) as mapping, mapping:
        pass
    assert mapping.closed
