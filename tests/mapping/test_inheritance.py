"""What a child of `fork` gets of a mapping."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mmap_rs import Inherit, InvalidOperationError, MmapFlags, MmapOptions
from tests.support.child_process import check_child

LINUX = sys.platform in ("linux", "android")
PAGE = MmapOptions.page_size()

FORK = """
import gc, os, sys
from mmap_rs import *
from tests.support.procfs import area_at
PAGE = MmapOptions.page_size()

def in_child(check):
    child = os.fork()
    if child == 0:
        try:
            check()
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

def refused(call):
    try:
        call()
    except ConsumedError as error:
        assert "not inherited" in str(error) and "Inherit.NONE" in str(error), error
    else:
        raise AssertionError("not refused")
"""

CASES = {
    "none": """
m = MmapOptions(PAGE).map_mut()
m[:3] = b"abc"
m.set_inheritance(Inherit.NONE)
assert not m.closed and m[:3] == b"abc"
start = m.start()

def child():
    assert m.closed
    assert "not inherited" in repr(m)
    for call in (
        lambda: m[0], lambda: m[:3], m.start, lambda: len(m), lambda: memoryview(m), m.flush, m.make_none,
        lambda: m.split_off(PAGE), lambda: m.resize(2 * PAGE), m.as_file, lambda: list(m), m.unlock,
        lambda: m.set_inheritance(Inherit.DEFAULT), lambda: m.__setitem__(0, 1), m.faulted, m.resident,
    ):
        refused(call)
    m.close()
    assert area_at(start) is None
    # Whoever has the addresses now keeps them.
    other = MmapOptions(PAGE).with_address(start, exact=True).map_mut()
    other.fill(7)
    globals().pop("m")
    gc.collect()
    assert other.count(7) == PAGE

in_child(child)
assert m[:3] == b"abc"
m.set_inheritance(Inherit.DEFAULT)

def child():
    assert m[:3] == b"abc"
    m[0] = 1

in_child(child)
assert m[0] == 97
""",
    "zero": """
m = MmapOptions(PAGE).map_mut()
m.fill(5)
m.set_inheritance(Inherit.ZERO)
def child():
    assert m[:] == bytes(PAGE)
    m.fill(1)
in_child(child)
assert m.count(5) == PAGE
m.set_inheritance(Inherit.NONE)
in_child(lambda: refused(lambda: m[0]))
m.set_inheritance(Inherit.DEFAULT)
def child():
    assert m.count(5) == PAGE
in_child(child)
""",
    "buffers": """
m = MmapOptions(PAGE).map_mut()
view = memoryview(m)
file = m.as_file()
m.set_inheritance(Inherit.NONE)
def child():
    # What must not be touched can still be let go.
    try:
        file.read()
    except ValueError:
        pass
    else:
        raise AssertionError("read")
    file.close()
    view.release()
    m.close()
in_child(child)
view[0] = 1
assert file.read(1) == b"\\1"
""",
    "deferred": """
m = MmapOptions(PAGE).map_mut()
view, file = memoryview(m), m.as_file()
start = m.start()
m.set_inheritance(Inherit.NONE)
m.close(defer=True)
def child():
    other = MmapOptions(PAGE).with_address(start, exact=True).map_mut()
    try:
        file.read()
    except ValueError:
        pass
    else:
        raise AssertionError("read")
    file.close()
    view.release()
    other.fill(7)
    assert other.count(7) == PAGE
in_child(child)
assert view[0] == 0
""",
    "guarded": """
import tempfile
with tempfile.TemporaryFile() as own, tempfile.TemporaryFile() as others:
    own.truncate(PAGE)
    others.write(b"x" * PAGE)
    others.flush()
    m = MmapOptions.for_file(own).with_fault_guard().map()
    start = m.start()
    m.set_inheritance(Inherit.NONE)
    def child():
        other = MmapOptions.for_file(others).with_address(start, exact=True).map()
        others.truncate(0)
        second = os.fork()
        if second == 0:
            other[0]
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(second, 0)[1]) == -7, "the fault is the program's own"
    in_child(child)
    own.truncate(0)
    try:
        m[0]
    except FaultError:
        pass
""",
    "parts": """
m = MmapOptions(4 * PAGE).map_mut()
m.set_inheritance(Inherit.NONE)
tail = m.split_off(2 * PAGE)
frozen = m.make_read_only()
def child():
    refused(lambda: tail[0])
    refused(lambda: frozen[0])
    assert m.closed
in_child(child)
tail.set_inheritance(Inherit.DEFAULT)
tail = tail.make_read_only()
try:
    frozen.merge(tail)
except AttributeMismatchError as error:
    assert "Inherit.NONE" in str(error)
else:
    raise AssertionError("merged")
frozen.set_inheritance(Inherit.DEFAULT)
frozen.merge(tail)
in_child(lambda: frozen[3 * PAGE])
""",
    "resized": """
m = MmapOptions(PAGE).map_mut()
m.set_inheritance(Inherit.ZERO)
m.resize(64 * PAGE)
m.fill(1)
def child():
    assert m[:] == bytes(64 * PAGE)
in_child(child)
m.set_inheritance(Inherit.NONE)
m.resize(128 * PAGE)
start = m.start()
def child():
    refused(lambda: m[0])
    for at in range(start, start + 128 * PAGE, PAGE):
        assert area_at(at) is None
in_child(child)
""",
    "grandchild": """
m = MmapOptions(PAGE).map_mut()
m.set_inheritance(Inherit.NONE)
in_child(lambda: in_child(lambda: refused(lambda: m[0])))
""",
    "shared": """
m = MmapOptions(PAGE).with_flags(MmapFlags.SHARED).map_mut()
m.set_inheritance(Inherit.NONE)
in_child(lambda: refused(lambda: m[0]))
m.set_inheritance(Inherit.DEFAULT)
def child():
    m[0] = 3
in_child(child)
assert m[0] == 3
""",
    "reserved": """
m = MmapOptions(PAGE).reserve_mut()
m.set_inheritance(Inherit.NONE)
in_child(lambda: refused(m.start))
m = MmapMut.try_from(m)
in_child(lambda: refused(lambda: m[0]))
""",
}


@pytest.mark.skipif(not LINUX, reason="looked at in Linux's /proc")
@pytest.mark.parametrize("name", CASES)
def test_a_child(name: str) -> None:
    check_child(FORK + CASES[name])


@pytest.mark.skipif(not LINUX, reason="other systems have other rules")
def test_zeros_are_for_private_anonymous_memory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(PAGE))
    for mapping in (
        MmapOptions(PAGE).with_flags(MmapFlags.SHARED).map_mut(),
        MmapOptions.for_file(path).map_mut(),
    ):
        with mapping, pytest.raises(InvalidOperationError, match="private and anonymous"):
            mapping.set_inheritance(Inherit.ZERO)


def test_only_members_are_taken() -> None:
    with MmapOptions(PAGE).map_mut() as mapping:
        for wrong in (0, 1, "NONE", None, MmapFlags.SHARED):
            with pytest.raises(TypeError, match="Inherit"):
                mapping.set_inheritance(wrong)  # type: ignore[arg-type]


@pytest.mark.skipif(os.name != "nt", reason="other systems have fork")
def test_windows_has_none() -> None:
    with MmapOptions(PAGE).map_mut() as mapping:
        for inherit in Inherit:
            with pytest.raises(InvalidOperationError):
                mapping.set_inheritance(inherit)
