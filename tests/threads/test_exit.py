"""The end of an interpreter: with mappings of all sorts alive, and beside threads that are inside calls."""

import pytest

from tests.support.child_process import check_child, describe, run_child
from tests.support.child_scripts import PRELUDE

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
        # Another thread may have split it, or the buffer of another may be alive.
        with suppress(BufferError, ValueError):
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
