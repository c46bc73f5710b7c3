"""Forks beside busy threads, subinterpreters, and the collector at any moment."""

import pytest

from tests.support.child_process import check_child
from tests.support.child_scripts import PRELUDE, needs_fork

FORKS = {
    # What two threads do, and what of it the child can still do.
    "long calls": ("mapping.find(b'no'); mapping.fill(0)", "mapping[0] = 1; whole(mapping)"),
    "conversions": (
        "m = MmapOptions(1 << 20).map_mut(); box[0] = m; box[0] = m.make_read_only(); box[0].close()",
        "use(box[0])",
    ),
    "splits and merges": (
        "m = box[0]; rest = m.split_off(1 << 20); m.merge(rest)",
        "use(box[0])",
    ),
    "maps and closes": ("MmapOptions(1 << 20).map_mut().close()", "fresh()"),
    "lists of areas": ("list(areas[0]); areas[0] = MemoryAreas.open()", "MemoryAreas.query(P)"),
    "exports": ("v = memoryview(mapping); del v", "use(mapping)"),
    "deferred closes": (
        "m = MmapOptions(1 << 20).map_mut(); v = memoryview(m); m.close(defer=True); box[0] = m; del v",
        "use(box[0])",
    ),
}


@needs_fork
@pytest.mark.parametrize(("act", "child"), FORKS.values(), ids=FORKS)
def test_fork_beside_threads_inside(act: str, child: str) -> None:
    code = """
mapping = MmapOptions(4 << 20).map_mut()
box, areas = [MmapOptions(4 << 20).map_mut()], [MemoryAreas.open()]
stop = threading.Event()

def work():
    # Two threads do it to the same objects; who comes too late is told so.
    while not stop.is_set():
        with suppress(BufferError, ValueError):
            ACT

def fresh():
    with MmapOptions(4 * P).map_mut() as new:
        new.fill(1)
        new.merge(new.split_off(P))

def whole(mapping):
    size = mapping.size()
    mapping.merge(mapping.split_off(P))
    assert mapping.size() == size
    mapping.make_read_only().close()

def use(mapping):
    # Each object is as it was before or after, or lost with the thread that was changing it.
    try:
        mapping.size()
    except ConsumedError:
        assert mapping.closed
        mapping.close()
        assert "consumed" in repr(mapping) or "closed" in repr(mapping) or "lost in a fork" in repr(mapping)
        return
    with suppress(BufferError):
        if isinstance(mapping, MmapMut):
            mapping[0] = 1
        mapping.make_none().close()
        assert mapping.closed

threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
lost = 0
try:
    for number in range(40):
        time.sleep(0.001 * (number % 7))
        pid = os.fork()
        if not pid:
            status = 1
            try:
                signal.alarm(20)
                CHILD
                fresh()
                gc.collect()
                status = 0
            except BaseException:
                import traceback
                traceback.print_exc()
            finally:
                os._exit(status)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0, status
finally:
    stop.set()
    for thread in threads:
        thread.join()
assert mapping.size() == 4 << 20
"""
    check_child(PRELUDE + code.replace("ACT", act).replace("CHILD", child), timeout=100)


SUBINTERPRETER = """
import importlib
try:
    interpreters = importlib.import_module("_interpreters")     # Python 3.13 on
except ImportError:
    interpreters = importlib.import_module("_xxsubinterpreters")

def create():
    "Make one interpreter of each sort."
    if hasattr(interpreters, "new_config"):
        return [interpreters.create("legacy"), interpreters.create("isolated")]
    return [interpreters.create(isolated=False), interpreters.create(isolated=True)]

inside = '''
try:
    import mmap_rs
except ImportError as error:
    assert "subinterpreter" in str(error), error
else:
    page = mmap_rs.MmapOptions.page_size()
    mapping = mmap_rs.MmapOptions(2 * page).map_mut()
    mapping[:3] = b"abc"
    part = mapping.split_off(page)
    mapping.merge(part)
    view = memoryview(mapping)
    try:
        mapping.close()
    except BufferError:
        pass
    else:
        raise AssertionError("closed under a view")
    read_only = mmap_rs.MmapOptions(4096).map_exec()
    code = read_only.function(None)
    list(mmap_rs.MemoryAreas.open())
    try:
        mmap_rs.MmapOptions(4096).map().split_off(1)
    except mmap_rs.InvalidOffsetError:
        pass
print("fine", flush=True)
'''

def visit():
    for interpreter in create():
        failed = interpreters.run_string(interpreter, inside)
        assert failed is None, failed
        interpreters.destroy(interpreter)
"""


@pytest.mark.parametrize("first", ["main", "sub"])
def test_subinterpreters_work_or_are_refused(first: str) -> None:
    # The interpreter's own machinery may warn of itself.
    here = """
import mmap_rs
def use():
    mapping = mmap_rs.MmapOptions(8192).map_mut()
    mapping[0] = 1
    with suppress(mmap_rs.InvalidOffsetError):
        mapping.split_off(1)
    mapping.make_read_only().close()
    gc.collect()
"""
    plain = "import gc\nfrom contextlib import suppress\n"
    steps = [here, "use()\n", SUBINTERPRETER, "visit()\n"]
    if first == "sub":
        steps = [SUBINTERPRETER, "visit()\n", here, "use()\n"]
    out = check_child(plain + "".join(steps) + "for _ in range(3):\n    visit()\n    use()\n")
    assert out.split() == ["fine"] * 8


COLLECTOR = """
# A collection at every few objects, with garbage that ends mappings, and a callback that uses them.
seen = []

def callback(phase, info):
    for mapping in list(used):
        with suppress(ConsumedError, BufferError):
            mapping.size()
            mapping[0]
            repr(mapping)
            if phase == "stop" and len(seen) % 7 == 0:
                mapping.close()
        seen.append(phase)

used = []

def litter():
    cycle = [MmapOptions(P).map_mut()]
    cycle += [cycle, memoryview(cycle[0]), cycle[0].as_file(), iter(cycle[0])]

def work():
    litter()
    mapping = MmapOptions(4 * P).map_mut()
    used[:] = [mapping]
    with suppress(ConsumedError, BufferError):
        mapping[:5] = b"hello"
        assert mapping[:5] == b"hello"
        mapping.find(b"lo")
        list(mapping)[:3]
        tail = mapping.split_off(P)
        used.append(tail)
        mapping.merge(tail)
        with memoryview(mapping) as view:
            view[0]
        code = mapping.make_exec()
        used.append(code)
        function = code.function(None)
        with suppress(mmap_rs.InvalidOffsetError):
            code.split_off(1)
        with suppress(OSError):
            MmapOptions(P).with_file("/no/such/file").map()
        list(MemoryAreas.query_range(range(P)))
    used.clear()

gc.callbacks.append(callback)
gc.set_threshold(1, 1, 1)
end = time.monotonic() + 3
rounds = 0
while time.monotonic() < end:
    work()
    rounds += 1
gc.callbacks.clear()
assert rounds and len(seen) > 10, (rounds, len(seen))
"""


def test_collection_at_any_moment() -> None:
    check_child(PRELUDE + COLLECTOR)
