"""The life of a mapping object: references, copies, classes, and what cannot be forged."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from mmap_rs import (
    Mapping,
    MemoryAreas,
    MmapNone,
    MmapOptions,
)
from tests.support.child_process import check_child
from tests.support.mapping_classes import MAKERS, class_name

pytestmark = pytest.mark.parallel

every_class = pytest.mark.parametrize("cls", MAKERS, ids=class_name)


def make(cls: type[Mapping], size: int | None = None) -> Any:
    """Make an anonymous mapping of that class, of four pages unless told."""
    options = MmapOptions(size or 4 * MmapOptions.page_size())
    return getattr(options, MAKERS[cls])()


@every_class
def test_weak_references(cls: type[Mapping]) -> None:
    mapping = make(cls)
    mapping.close()  # a reference outlives the memory, not the object
    died: list[object] = []
    reference = weakref.ref(mapping, died.append)
    registry = weakref.WeakSet([mapping])
    assert reference() is mapping
    del mapping
    gc.collect()
    assert reference() is None
    assert died == [reference]
    assert not registry


@every_class
def test_dropping_the_last_reference_unmaps(cls: type[Mapping]) -> None:
    size = 64 * 1024 * 1024
    mapping = make(cls, size)
    address = mapping.start() + size // 2
    nearby = range(address, address + 4096)
    assert list(MemoryAreas.query_range(nearby))
    del mapping
    gc.collect()
    assert not list(MemoryAreas.query_range(nearby))


@every_class
def test_no_copies(cls: type[Mapping]) -> None:
    mapping = make(cls)
    for state in range(2):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError):
                pickle.dumps(mapping, protocol)
            with pytest.raises(TypeError):
                mapping.__reduce_ex__(protocol)
        for duplicate in (copy.copy, copy.deepcopy):
            with pytest.raises(TypeError):
                duplicate(mapping)
        assert mapping.closed is bool(state)
        mapping.close()


@every_class
def test_no_constructor(cls: Any) -> None:
    base: Any = Mapping
    for kind in (cls, base):
        calls: list[Callable[[], object]] = [
            kind,
            partial(kind, 4096),
            partial(kind.__new__, kind),
            partial(object.__new__, kind),
        ]
        for call in calls:
            with pytest.raises(TypeError):
                call()
    assert issubclass(cls, Mapping)
    assert isinstance(make(cls), Mapping)


@every_class
def test_no_subclass(cls: Any) -> None:
    with pytest.raises(TypeError):
        type("Derived", (cls,), {})


def test_a_subclass_of_the_base_makes_nothing() -> None:
    def new(cls: type[object]) -> object:
        return object.__new__(cls)

    base: Any = Mapping
    derived: Any = type("Derived", (base,), {"__new__": new})
    for call in (derived, partial(base.__new__, derived), partial(object.__new__, derived)):
        with pytest.raises(TypeError):
            call()


@every_class
def test_identity(cls: type[Mapping]) -> None:
    first, second = make(cls), make(cls)
    assert first == first
    assert first != second
    assert len({first, second}) == 2


CLASS_SWAP = """
    import ctypes, sys
    import mmap_rs
    from mmap_rs import *
    makers = "map_none map map_mut reserve_none reserve reserve_mut".split()
    options = MmapOptions(4 * MmapOptions.page_size())
    classes = [type(getattr(options, name)()) for name in makers]
    assign = object.__dict__["__class__"].__set__
    hidden = {base for cls in classes for base in cls.__mro__} - {object}
    readers = [
        lambda m: m[0], lambda m: m[:], lambda m: m.find(b"a"), lambda m: 0 in m,
        lambda m: list(m), lambda m: list(reversed(m)), lambda m: bytes(m), lambda m: m.as_slice()[0],
        lambda m: memoryview(m)[0], lambda m: m.as_file().read(1), lambda m: m.count(0),
        lambda m: m.startswith(b"a"), lambda m: m.function(None)(),
    ]
    writers = [
        lambda m: m.__setitem__(0, 1), lambda m: m.__setitem__(slice(0, 1), b"a"),
        lambda m: m.fill(1), lambda m: m.copy_within(range(1), 1),
        lambda m: m.copy_from_slice(bytes(len(m))), lambda m: m.as_mut_slice().__setitem__(0, 1),
        lambda m: memoryview(m).__setitem__(0, 1), lambda m: m.as_file().write(b"a"),
        lambda m: (ctypes.c_char * 1).from_buffer(m).__setattr__("value", b"a"),
    ]
    others = [
        lambda m: m.size(), repr, lambda m: m.lock(), lambda m: m.unlock(), lambda m: m.flush(),
        lambda m: m.flush_icache(), lambda m: m.advise(MmapFlags.WILLNEED),
        lambda m: m.merge(m.split_off(MmapOptions.page_size())),
        lambda m: Mmap.try_from(m), lambda m: MmapMut.try_from(m), lambda m: m.make_none(),
        lambda m: m.make_mut(), lambda m: m.close(),
    ]
    for name in makers:
        for cls in [*classes, *hidden]:
            for call in readers + writers + others:
                m = getattr(options, name)()
                own = type(m)
                try:
                    assign(m, cls)
                except TypeError:
                    assert type(m) is own
                    continue
                if call in readers and own in (Mmap, MmapMut) or call in writers and own is MmapMut:
                    continue
                try:
                    call(m)
                except (AttributeError, TypeError, ValueError, OSError, BufferError):
                    continue
                assert call in others or own is cls, (own, cls)
    print("done")
"""


def test_a_swapped_class_gives_no_access() -> None:
    # All six classes have the same layout, so that `object` itself lets `__class__` be assigned. What the
    # memory allows is then still asked of the mapping, not of the name of its class.
    assert check_child(CLASS_SWAP).strip() == "done"


@every_class
def test_the_class_can_not_be_assigned(cls: type[Mapping]) -> None:
    mapping: Any = getattr(MmapOptions(4096), MAKERS[cls])()
    for other in (*MAKERS, Mapping, int, None):
        with pytest.raises(TypeError, match=r"class of this .* can't be assigned"):
            mapping.__class__ = other
        with pytest.raises(TypeError, match="make_"):
            object.__setattr__(mapping, "__class__", other)
    assert mapping.__class__ is type(mapping) is cls
    assert isinstance(mapping, Mapping)


def test_a_buffer_is_given_back_to_the_class_that_gave_it() -> None:
    mapping: Any = MmapOptions(4096).map_mut()
    with memoryview(mapping), pytest.raises(TypeError):
        mapping.__class__ = MmapNone
    mapping.close()


FOREIGN_METHODS = """
    from mmap_rs import *
    options = MmapOptions(MmapOptions.page_size())
    none, reserved, fixed = options.map_none(), options.reserve(), options.map()
    def refused(call):
        try:
            call()
        except TypeError:
            return
        raise SystemExit("not refused")
    for cls in Mmap, MmapMut:
        for victim in (none, reserved, options.reserve_mut(), options.reserve_none(), None, b"abc"):
            refused(lambda: cls.__getitem__(victim, 0))
            refused(lambda: cls.find(victim, b"a"))
            refused(lambda: cls.as_slice(victim))
            refused(lambda: cls.function(victim, None))
            refused(lambda: cls.__iter__(victim))
            refused(lambda: cls.__contains__(victim, 0))
    for victim in (none, reserved, fixed, None):
        refused(lambda: MmapMut.fill(victim, 1))
        refused(lambda: MmapMut.__setitem__(victim, 0, 1))
        refused(lambda: MmapMut.as_mut_slice(victim))
        refused(lambda: MmapMut.copy_within(victim, range(1), 1))
        refused(lambda: MmapMut.copy_from_slice(victim, b""))
    refused(lambda: MmapNone.lock(reserved))
    refused(lambda: Mapping.size(None))
    print("done")
"""


def test_methods_refuse_another_class() -> None:
    assert check_child(FOREIGN_METHODS).strip() == "done"
