"""The ends of processes and interpreters, forks beside busy threads, signals in long calls, the collector.

Each scene runs in a child, so that a crash or a hang is one failed test.
"""

from __future__ import annotations

import os
import signal
import sys

import pytest

from child import check_child, describe, run_child

unix = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork() and no SIGALRM")

PRELUDE = """
import faulthandler, gc, os, signal, sys, tempfile, threading, time, warnings
from contextlib import suppress
faulthandler.dump_traceback_later(50, exit=True)
warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads: that is the test
import mmap_rs
from mmap_rs import ConsumedError, MemoryAreas, Mmap, MmapFlags, MmapMut, MmapOptions

P = MmapOptions.page_size()
"""

ALIVE = """
file = tempfile.TemporaryFile()
file.truncate(16 * P)
live = [getattr(MmapOptions(4 * P), name)() for name in (
    "map", "map_mut", "map_none", "map_exec", "reserve", "reserve_mut", "reserve_none")]
shared = MmapOptions.for_file(file).with_flags(MmapFlags.SHARED).map_mut()
view = memoryview(shared)
reader = shared.as_file()
code = live[3].function(None)
walk, areas = iter(live[1]), MemoryAreas.open()
next(walk), next(areas)
late = MmapOptions(4 * P).map_mut()
lingering = memoryview(late)
late.close(defer=True)
me = [live]
me.append(me)

class Last:
    "Uses what is alive when the interpreter takes its modules apart."
    def __init__(self):
        self.held = live[1], shared, lingering
    def __del__(self):
        mapping, file, view = self.held
        mapping[0] = 1
        file.flush()
        view[0] = 1
        mapping.close(defer=True)

last = [Last()]
last.append(last)
"""

ENDS = {
    "the end of the code": "",
    "sys.exit": "sys.exit(0)",
    "os._exit": "os._exit(0)",
    "atexit": "import atexit; atexit.register(lambda: (live[0].make_none(), shared[:5], view[0]))",
    "modules deleted": "sys.modules.clear()",
    "an exit in a thread": "threading.Thread(target=sys.exit).start()",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_exit_with_all_alive(end: str) -> None:
    check_child(PRELUDE + ALIVE + end)


def test_an_exception_ends_it() -> None:
    done = run_child(PRELUDE + ALIVE + "raise ZeroDivisionError")
    assert done.returncode == 1, describe(done)
    assert "\nZeroDivisionError\n" in done.stderr


# What a daemon thread is inside of while the interpreter ends.
DAEMONS = {
    "search": "large.find(1)",
    "count": "large.count(b'\\0\\0')",
    "fill": "large.fill(0)",
    "copy": "large[: 1 << 20]",
    "flush": "shared[0] = 1; shared.flush()",
    "lock": "large.lock(); large.unlock()",
    "areas": "list(MemoryAreas.open())",
    "map and close": "MmapOptions(1 << 20).map_mut().close()",
    "convert": "MmapOptions(1 << 20).map().make_mut().make_none().close()",
    "split and merge": "part = MmapOptions(2 * P).map(); part.merge(part.split_off(P))",
    "wait to be alone": "large.merge(large.split_off(1 << 20))",
    "views": "memoryview(shared).release(); shared.as_file().close()",
    # What calls Python code from within: the thread is stopped below the module's own frames.
    "files": "shared.as_file().close()",
    "flags": "MmapOptions.page_sizes(); MmapOptions(5).with_flags(MmapFlags.SHARED)",
    "functions": "code.function(None)",
    "protections": "MemoryAreas.query(large.start()).protection()",
    "sources": "MmapOptions(5).with_file(file)",
    "errors": "refused()",
    "audit hooks": "MmapOptions(5).map().close()",
    "numbers": "large[Number()]; large.find(b'a', Number(), Number())",
}


@pytest.mark.parametrize(("name", "act"), DAEMONS.items(), ids=DAEMONS)
def test_exit_beside_daemons(name: str, act: str) -> None:
    code = """
file = tempfile.TemporaryFile()
file.truncate(1 << 20)
shared = MmapOptions(1 << 20).with_file(file).with_flags(MmapFlags.SHARED).map_mut()
large = MmapOptions(32 << 20).map_mut()

code = MmapOptions(P).map_exec()

class Number:
    def __index__(self):
        return sum(range(5))

def refused():
    with suppress(ValueError):
        code.split_off(1)

def work():
    while True:
        with suppress(BufferError):
            ACT

if "audit" in sys.argv:
    sys.addaudithook(lambda event, _: sum(range(9)) if event.startswith("mmap_rs") else None)
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.1)
"""
    for _ in range(2):
        check_child(
            PRELUDE + code.replace("ACT", act), arguments=(name.split(maxsplit=1)[0],), timeout=40
        )


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


@unix
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


LONG = """
# The page of zeros over and over: long to search, and no memory.
large = MmapOptions(256 << 20).with_flags(MmapFlags.NO_RESERVE).map()

class Rang(Exception):
    pass

def ring(*_):
    raise Rang

signal.signal(signal.SIGALRM, ring)
"""


@unix
@pytest.mark.parametrize(
    "call",
    ["large.count(b'\\0\\0')", "large.find(1)", "large[: 64 << 20]", "large.rfind(b'\\1\\2')"],
)
def test_a_signal_in_a_long_call(call: str) -> None:
    # The call is not cut short, but what it held is given back, and the handler's exception comes out.
    code = """
rang = 0
for delay in (0.001, 0.01, 0.05):
    signal.setitimer(signal.ITIMER_REAL, delay)
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            CALL
    except Rang:
        rang += 1
assert rang == 3
tail = large.split_off(P)
large.merge(tail)
large.close()
"""
    check_child(PRELUDE + LONG + code.replace("CALL", call))


@unix
def test_a_signal_in_a_long_flush() -> None:
    check_child(
        PRELUDE
        + LONG
        + """
file = tempfile.TemporaryFile()
file.truncate(16 << 20)
mapping = MmapOptions.for_file(file).with_flags(MmapFlags.SHARED).map_mut()
rang = 0
for delay in (0.001, 0.003, 0.01):
    signal.setitimer(signal.ITIMER_REAL, delay)
    try:
        while True:
            mapping.fill(rang + 1)
            mapping.flush()
    except Rang:
        rang += 1
assert rang == 3
mapping.flush()
mapping.close()
assert set(os.pread(file.fileno(), 100, 0)) <= {1, 2, 3}
""",
        timeout=100,
    )


@unix
@pytest.mark.parametrize(
    "wait",
    [
        "large.close()",
        "large.close(defer=True)",
        "large.split_off(P)",
        "large.make_none()",
        "large.merge(other)",
    ],
)
def test_a_signal_while_waiting_for_another_thread(wait: str) -> None:
    # Another thread is inside a call of a second or more; the wait for it must not last as long.
    code = """
other = large.split_off(128 << 20)
end = threading.Event()

def search():
    while not end.is_set():
        large.count(b"\\0\\0")

thread = threading.Thread(target=search)
thread.start()
time.sleep(0.05)
signal.setitimer(signal.ITIMER_REAL, 0.1)
begun = time.monotonic()
try:
    WAIT
except Rang:
    # It may also have been given its turn; then there is nothing to see.
    assert not large.closed and not other.closed
    assert large.size() == other.size() == 128 << 20
    # Others are not kept waiting by the wish of who has gone away.
    begun = time.monotonic()
    assert large[5] == 0
    assert time.monotonic() - begun < 5
else:
    with suppress(Rang):
        time.sleep(1)
end.set()
thread.join()
for mapping in (large, other):
    mapping.close()
"""
    # The searching thread ends with an error where the mapping went away under it.
    code = code.replace("while not end.is_set():", "while not end.is_set() and not large.closed:")
    code = code.replace(
        'large.count(b"\\0\\0")', "suppress(ConsumedError).__enter__()\n        count(large)"
    )
    helper = """
def count(mapping):
    with suppress(ConsumedError):
        mapping.count(b"\\0\\0")
"""
    code = code.replace("suppress(ConsumedError).__enter__()\n        ", "")
    check_child(PRELUDE + LONG + helper + code.replace("WAIT", wait))


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


def test_signals_are_as_they_were() -> None:
    # Importing the package and using it takes nobody's signal handler.
    numbers = sorted(signal.valid_signals()) if sys.platform != "win32" else []
    check_child(
        f"""
        import signal
        numbers = {[int(number) for number in numbers]}
        before = [signal.getsignal(number) for number in numbers]
        import mmap_rs
        with mmap_rs.MmapOptions(5).map_mut() as mapping:
            mapping.fill(1)
        assert [signal.getsignal(number) for number in numbers] == before
        """
    )
