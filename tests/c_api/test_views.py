"""Views: exports that other languages hold."""

from __future__ import annotations

import ctypes
import gc
import os
import threading
import weakref

import pytest

from mmap_rs import (
    ConsumedError,
    Inherit,
    Mapping,
    MemoryAreas,
    Mmap,
    MmapFlags,
    MmapMut,
    MmapOptions,
    Protection,
    ShareMode,
)
from tests.c_api.table import KINDS, Info, info, table, view
from tests.conftest import FileFactory
from tests.support.child_process import check_child, run_child
from tests.support.child_scripts import PRELUDE, needs_fork
from tests.support.mapping_classes import MAKERS, class_name


@pytest.mark.parametrize("cls", MAKERS, ids=class_name)
def test_info_says_what_the_object_says(cls: type[Mapping], page: int) -> None:
    made: Mapping = getattr(MmapOptions(3 * page), MAKERS[cls])()
    with made as m:
        found = info(m)
        assert KINDS[found.kind] == type(m).__name__
        assert (found.start, found.len, found.page_size) == (m.start(), m.size(), page)
        assert (found.share_mode, found.faulted) == (0, 0)
        assert bool(found.protection & 1) == (KINDS[found.kind] not in ("MmapNone", "ReservedNone"))
        assert bool(found.protection & 2) == type(m).__name__.endswith("Mut")


def test_the_bits_are_those_of_python(tmp_file: FileFactory, page: int) -> None:
    options = MmapOptions(page).with_file(tmp_file(page)).with_flags(MmapFlags.SHARED)
    with options.map_exec() as m:
        found = info(m)
        area = MemoryAreas.query(m.start())
        assert area is not None
        assert found.protection == area.protection() == Protection.READ | Protection.EXECUTE
        assert found.share_mode == 1
        assert area.share_mode() is ShareMode.Shared


def test_a_view_is_an_export(page: int) -> None:
    m = MmapOptions(page).map_mut()
    one, found = view(m, writable=True)
    assert (found.start, found.len) == (m.start(), page)
    ctypes.memset(found.start + 5, 7, 1)
    assert m[5] == 7
    two = table.view_again(one)
    assert two
    table.release(one)
    for refused in (m.close, m.make_read_only, m.make_none, lambda: m.resize(2 * page)):
        with pytest.raises(BufferError, match="1 buffer is alive"):
            refused()
    assert table.view_state(two) == 0
    table.release(two)
    table.release(None)
    m.close()


def test_a_view_outlives_its_object(page: int) -> None:
    m = MmapOptions(page).map_mut()
    m[:4] = b"kept"
    made, found = view(m)
    gone = weakref.ref(m)
    del m
    gc.collect()
    assert gone() is None
    assert ctypes.string_at(found.start, 4) == b"kept"
    again = table.view_again(made)
    table.release(made)
    assert ctypes.string_at(found.start, 4) == b"kept"
    assert MemoryAreas.query(found.start) is not None
    table.release(again)
    area = MemoryAreas.query(found.start)
    assert area is None or area.protection() == Protection(0) or area.start() != found.start


def test_a_view_outlives_a_deferred_close(page: int) -> None:
    m = MmapOptions(page).map_mut()
    made, found = view(m, writable=True)
    m.close(defer=True)
    assert m.closed
    ctypes.memset(found.start, 1, page)
    again = table.view_again(made)
    table.release(made)
    assert ctypes.string_at(found.start, 2) == b"\x01\x01"
    table.release(again)


def test_other_threads_release_views(page: int) -> None:
    m = MmapOptions(page).map_mut()
    views = [view(m)[0] for _ in range(100)]
    threads = [threading.Thread(target=table.release, args=(made,)) for made in views]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    m.close()


def test_what_has_no_bytes_has_no_views(page: int) -> None:
    with (
        MmapOptions(page).map_none() as m,
        pytest.raises(TypeError, match="MmapNone can't be read"),
    ):
        table.view(m, 0, None)
    with MmapOptions(page).reserve() as r, pytest.raises(TypeError, match="Reserved can't be read"):
        table.view(r, 0, None)
    with MmapOptions(page).map() as m:
        with pytest.raises(TypeError, match="Mmap can't be written"):
            table.view(m, 1, None)
        m.make_none().close()


@pytest.mark.parametrize("wrong", [None, 1, b"", Mmap, MmapMut])
def test_what_is_no_mapping_is_refused(wrong: object) -> None:
    for call in (lambda: table.view(wrong, 0, None), lambda: info(wrong)):
        with pytest.raises(TypeError, match="a mapping of mmap_rs is needed, not"):
            call()


def test_a_closed_mapping_is_refused(page: int) -> None:
    m = MmapOptions(page).map()
    m.close()
    for call in (lambda: table.view(m, 0, None), lambda: info(m)):
        with pytest.raises(ConsumedError, match="Mmap was closed"):
            call()


def test_a_structure_without_its_size_is_refused(page: int) -> None:
    with MmapOptions(page).map() as m:
        for size in (0, ctypes.sizeof(Info) - 1):
            with pytest.raises(
                ValueError, match=rf"struct_size is {size}: set it to sizeof\(mmap_rs_info\)"
            ):
                table.info(m, Info(struct_size=size))
            with pytest.raises(ValueError, match="struct_size"):
                table.view(m, 0, Info(struct_size=size))
        with pytest.raises(ValueError, match="info is NULL"):
            table.info(m, None)


def test_an_empty_mapping_has_a_view(tmp_file: FileFactory) -> None:
    with MmapOptions.for_file(tmp_file(0)).map() as m:
        made, found = view(m)
        assert found.len == 0
        table.release(made)


@pytest.mark.skipif(os.name == "nt", reason="there is no fault guard on Windows")
def test_faults_are_told(tmp_file: FileFactory, page: int) -> None:
    path = tmp_file(2 * page)
    m = MmapOptions.for_file(path).with_fault_guard().map()
    made, found = view(m)
    os.truncate(path, page)
    assert table.view_state(made) == 0
    assert ctypes.string_at(found.start + page, 1) == b"\0"
    assert table.view_state(made) == 1
    with pytest.raises(OSError, match="reads as zeros"):
        table.view(m, 0, None)
    assert info(m).faulted == 1
    table.release(made)
    m.close()


@needs_fork
def test_a_child_has_the_views_of_its_parent(page: int) -> None:
    m = MmapOptions(page).map_mut()
    m[0] = 9
    made, found = view(m)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            kept = ctypes.string_at(found.start, 1) == b"\x09"
            try:
                m.close()
            except BufferError:
                table.release(made)
                m.close()
                code = 0 if kept else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    table.release(made)
    m.close()


@needs_fork
def test_a_child_has_no_view_of_what_it_does_not_inherit(page: int) -> None:
    m = MmapOptions(page).map_mut()
    m.set_inheritance(Inherit.NONE)
    made, _ = view(m)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            if not table.view_again(made) and table.view_state(made) == 2:
                table.release(made)
                code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    table.release(made)


@pytest.mark.parametrize("kept", ["object", "view only"])
def test_views_at_exit(kept: str) -> None:
    """Views that nobody releases, and one that a thread releases while Python ends."""
    ended = run_child(
        PRELUDE
        + f"""
from tests.c_api.table import table, view
m = MmapOptions(1 << 20).map_mut()
made, _ = view(m)
again = table.view_again(made)
if {kept == "view only"}:
    del m
class Late:
    def __del__(self, release=table.release, made=made):
        release(made)
sys.late = Late()
print("end")
"""
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, "end"), ended.stderr


# Each function of the table that must be called attached, by code that has a mapping `m`.
ATTACHED = {
    "info": "info(m)",
    "view": "table.release(view(m)[0])",
    "take": "give_back(take(m))",
    "refused": "refused()",
}
IMPORTS = """
from tests.c_api.table import give_back, info, table, take, view
def refused():
    try:
        table.view(b"", 0, None)
    except TypeError:
        pass
    else:
        raise AssertionError
"""


@pytest.mark.parametrize("name", ATTACHED)
def test_a_subinterpreter(name: str) -> None:
    """`PyGILState_Ensure` would wait for ever there."""
    check_child(
        f"""
        try:
            import _xxsubinterpreters as interpreters
        except ImportError:
            import _interpreters as interpreters
        code = {PRELUDE + IMPORTS + "m = MmapOptions(P).map_mut()" + chr(10) + ATTACHED[name]!r}
        try:
            made = interpreters.create("legacy")
        except TypeError:
            made = interpreters.create()
        error = interpreters.run_string(made, code)
        assert error is None, error
        interpreters.destroy(made)
        """,
        timeout=60,
    )


@pytest.mark.parametrize("name", ATTACHED)
def test_a_call_while_python_ends(name: str) -> None:
    """The first call of its kind, by a finaliser."""
    ended = run_child(
        PRELUDE
        + IMPORTS
        + f"""
class Late:
    def __init__(self, **names):
        self.names = names
    def __del__(self):
        globals().update(self.names)
        {ATTACHED[name]}
        os.write(1, b"called")
names = "info view take give_back table refused os".split()
import types
# It ends with the modules.
sys.modules["late"] = types.ModuleType("late")
sys.modules["late"].late = Late(m=MmapOptions(P).map_mut(), **{{name: globals()[name] for name in names}})
"""
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, "called"), ended.stderr
