"""Audit events: what they say, and that a hook may refuse. In child processes: a hook can't be taken away."""

import platform
import sys
from pathlib import Path

import pytest

from tests.support.child_process import check_child

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the children read descriptors and areas from Linux's /proc"
)

PRELUDE = """
import ctypes, os, sys
from tests.support.address_space import hole
from tests.support.procfs import descriptors, mapped_bytes, permissions_at
from mmap_rs import *

page = MmapOptions.page_size()
options = MmapOptions(2 * page)
jit = options.with_unsafe_flags(UnsafeMmapFlags.JIT)
CODE = {"x86_64": b"\\xb8\\x2a\\0\\0\\0\\xc3", "aarch64": b"\\x40\\x05\\x80\\x52\\xc0\\x03\\x5f\\xd6"}
try:
    import platform
    code = CODE[platform.machine()]
except KeyError:
    code = b""

events = []
refused = None  # the event that the hook refuses
then = None  # what the hook does

class Refused(Exception):
    pass

def hook(event, arguments):
    if event.startswith("mmap_rs."):
        events.append((event.removeprefix("mmap_rs."), *arguments))
        if then is not None:
            then(event)
        if event == refused:
            raise Refused(event)

# What is imported lazily must not be so when it is looked at.
jit.map_exec_mut().make_exec().close()
for wrong in (options.map_exec_mut,):
    try:
        wrong()
    except Error:
        pass
with open(sys.executable, "rb") as program:
    MmapOptions(10).with_file(program).map().close()
sys.addaudithook(hook)

def taken():
    seen = events[:]
    events.clear()
    return seen

def must_refuse(act):
    try:
        act()
    except Refused:
        return
    raise AssertionError("the hook's refusal was not heard")
"""


def child(code: str, *arguments: str) -> None:
    check_child(PRELUDE + code, arguments=arguments)


def test_every_way_to_make_a_mapping_is_an_event() -> None:
    child("""
for name, kind in {
    "map_none": "MmapNone", "map": "Mmap", "map_mut": "MmapMut",
    "reserve_none": "ReservedNone", "reserve": "Reserved", "reserve_mut": "ReservedMut",
    "map_exec": "Mmap", "map_exec_mut": "MmapMut",
    "reserve_exec": "Reserved", "reserve_exec_mut": "ReservedMut",
}.items():
    flags = MmapFlags.NO_RESERVE | MmapFlags.SEQUENTIAL
    mapping = getattr(jit.with_flags(flags), name)()
    seen = taken()
    assert seen[0] == ("map", kind, 2 * page, int(flags), -1, 0), (name, seen)
    assert [type(argument) for argument in seen[0]] == [str, str, int, int, int, int], seen
    rest = [event[0] for event in seen[1:]]
    assert rest == (["exec"] if "exec" in name else []), (name, seen)
    mapping.close()
    assert taken() == []
""")


@pytest.mark.parametrize("way", ["descriptor", "path"])
def test_the_event_of_a_file(way: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(1 << 16))
    child(
        """
inodes = []

def then(event):
    assert events[-1][4] >= 0, events
    inodes.append(os.fstat(events[-1][4]).st_ino)

inode = os.stat(sys.argv[1]).st_ino
file = {"path": sys.argv[1], "descriptor": os.open(sys.argv[1], os.O_RDWR)}[sys.argv[2]]
options.with_file(file, page).with_flags(MmapFlags.SHARED).map_mut().close()
(event,) = taken()
assert event[:4] == ("map", "MmapMut", 2 * page, int(MmapFlags.SHARED)), event
assert event[4] >= 0 and event[5] == page, event
assert inodes == [inode]
""",
        str(file),
        way,
    )


def test_making_executable_is_an_event() -> None:
    child("""
for name in ("make_exec", "make_exec_no_flush", "make_exec_mut"):
    for make in (jit.map_mut, jit.map_none, jit.reserve, jit.map_exec):
        mapping = make()
        start = mapping.start()
        taken()
        changed = getattr(mapping, name)()
        assert taken() == [("exec", start, 2 * page)], name
        changed.close()
for name in ("make_none", "make_read_only", "make_mut"):
    mapping = jit.map_exec()
    taken()
    getattr(mapping, name)()
    assert taken() == [], name
""")


@pytest.mark.skipif(
    platform.machine() not in {"x86_64", "aarch64"},
    reason=f"no machine code for {platform.machine()} in this test",
)
def test_a_function_is_an_event() -> None:
    child("""
mapping = options.map_mut()
mapping[16 : 16 + len(code)] = code
mapping = mapping.make_exec()
taken()
function = mapping.function(ctypes.c_int, offset=16)
assert taken() == [("function", mapping.start() + 16)]
assert function() == 42
assert taken() == []

refused = "mmap_rs.function"
must_refuse(lambda: mapping.function(ctypes.c_int, offset=16))
del function
# What was refused holds no export.
mapping.make_none().close()
""")


def test_a_hook_that_refuses_a_mapping_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(1 << 16))
    child(
        """
with hole(2 * page) as address, open(sys.argv[1], "r+b") as opened:
    end = address + 2 * page
    refused = "mmap_rs.map"
    before = descriptors()
    for name in ("map_none", "map", "map_mut", "map_exec", "reserve", "reserve_mut"):
        for source in (options, options.with_file(opened), options.with_file(sys.argv[1])):
            act = getattr(source.with_address(address), name)
            must_refuse(act)
            assert mapped_bytes(address, end) == 0, name
    del source, act
    assert descriptors() == before
    refused = None
    assert options.with_file(opened).map().size() == 2 * page
""",
        str(file),
    )


def test_a_hook_that_refuses_execution_changes_nothing() -> None:
    child("""
refused = "mmap_rs.exec"
for kind in ("map_mut", "map", "map_none", "reserve", "reserve_mut", "reserve_none"):
    for name in ("make_exec", "make_exec_no_flush", "make_exec_mut"):
        mapping = getattr(jit, kind)()
        before = permissions_at(mapping.start())
        must_refuse(getattr(mapping, name))
        assert not mapping.closed
        assert type(mapping) is type(getattr(options, kind)())
        assert permissions_at(mapping.start()) == before and "x" not in before
        assert mapping.size() == 2 * page
        mapping.make_none().close()
""")


def test_a_hook_that_refuses_execution_refuses_executable_maps() -> None:
    child("""
with hole(2 * page) as address:
    refused = "mmap_rs.exec"
    for name in ("map_exec", "map_exec_mut", "reserve_exec", "reserve_exec_mut"):
        must_refuse(getattr(jit.with_address(address), name))
        assert mapped_bytes(address, address + 2 * page) == 0, name
""")


def test_a_hook_that_refuses_an_executable_map_leaves_what_is_at_its_fixed_address() -> None:
    child("""
fixed = jit.with_unsafe_flags(UnsafeMmapFlags.MAP_FIXED)
mapping = options.map_mut()
mapping[0] = 77
for name in ("map_exec", "map_exec_mut", "reserve_exec", "reserve_exec_mut"):
    act = getattr(fixed.with_address(mapping.start()), name)
    for refused in ("mmap_rs.map", "mmap_rs.exec"):
        must_refuse(act)
        assert permissions_at(mapping.start()) == "rw-p", name
        assert mapping[0] == 77
refused = None
with hole(2 * page) as address:
    for name in ("map_exec", "map_exec_mut", "reserve_exec", "reserve_exec_mut"):
        taken()
        with getattr(fixed.with_address(address), name)() as made:
            assert made.start() == address, name
        seen = taken()
        assert [event[0] for event in seen] == ["map", "exec"], seen
        assert seen[1] == ("exec", address, 2 * page), seen
""")


def test_what_fails_before_is_no_event_of_its_own() -> None:
    child("""
mapping = options.map_mut()
taken()
for act in (mapping.make_exec_mut, lambda: mapping.split_off(1), lambda: mapping.merge(mapping)):
    try:
        act()
    except Error:
        pass
    else:
        raise AssertionError("nothing was refused")
assert [event for event in taken() if event[0] == "map"] == []
view = memoryview(mapping)
try:
    mapping.make_exec()
except BufferError:
    pass
assert permissions_at(mapping.start()) == "rw-p"
""")


def test_a_hook_may_do_anything_to_the_mapping_it_is_told_of() -> None:
    child("""
import gc

def close(event):
    mapping.close()

def split(event):
    mapping.split_off(page)

def export(event):
    views.append(memoryview(mapping))

def change(event):
    global then
    then = None
    results.append(mapping.make_exec())

def collect(event):
    gc.collect()

for act in (close, split, export, change, collect):
    views, results = [], []
    mapping = options.map_mut()
    then = act
    try:
        results.append(mapping.make_exec())
    except (ConsumedError, BufferError, Error):
        pass
    then = None
    for result in results:
        start = result.start()
        assert permissions_at(start) == "r-xp", act
        assert permissions_at(result.end() - 1) == "r-xp", act
    if views:
        assert permissions_at(mapping.start()) == "rw-p"
        views[0][0] = 1
        assert mapping[0] == 1
    assert len(results) <= 1
print("alive")
""")


def test_a_hook_may_make_mappings_of_its_own() -> None:
    child("""
def nested(event):
    global then
    then = None
    made.append(options.map_mut())

for act in (options.map, options.map_exec, lambda: options.map_mut().make_exec()):
    made = []
    then = nested
    mapping = act()
    assert mapping.size() == made[0].size() == 2 * page
    assert mapping.start() != made[0].start()
""")
