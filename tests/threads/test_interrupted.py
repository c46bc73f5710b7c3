"""How the uses of a mapping end that a signal handler, a fork, or other code comes between.

Each script would hang or crash if something stayed: a pin, a request for exclusive access, an export.
"""

import pytest

from tests.support.child_process import check_child
from tests.support.child_scripts import PRELUDE, needs_fork
from tests.threads.readers import LONG


@needs_fork
def test_a_signal_handler_uses_what_its_thread_waits_for() -> None:
    check_child(
        PRELUDE
        + LONG
        + """
def handler(*_):
    signal.setitimer(signal.ITIMER_REAL, 0)
    if mapping.closed:
        return
    seen.append((repr(mapping), mapping[0], mapping.find(b"a", 0, 1 << 17), len(bytes(mapping[:5]))))
    memoryview(mapping).release()
    signal.setitimer(signal.ITIMER_REAL, 0.001)

signal.signal(signal.SIGALRM, handler)
for act in ("close", "make_mut", "split"):
    seen = []
    while not seen:
        mapping = MmapOptions(1 << 30).with_flags(MmapFlags.NO_RESERVE).map()
        reader = long_call(mapping)
        signal.setitimer(signal.ITIMER_REAL, 0.001)
        if act == "close":
            mapping.close()
        elif act == "make_mut":
            mapping.make_mut()
        else:
            mapping.split_off(P)
        signal.setitimer(signal.ITIMER_REAL, 0)
        reader.join()
        mapping.close()
signal.signal(signal.SIGALRM, signal.SIG_IGN)
"""
    )


@needs_fork
def test_an_interrupted_close_is_told() -> None:
    # Not as success, though the handler itself closes the mapping; and not as a fork in its repr.
    check_child(
        PRELUDE
        + LONG
        + """
def handler(*_):
    if closes:
        mapping.close(defer=True)
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, handler)
for closes in (False, True):
    interrupted = False
    while not interrupted:
        mapping = MmapOptions(1 << 30).with_flags(MmapFlags.NO_RESERVE).map()
        reader = long_call(mapping)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.001)
            mapping.close()
            signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            # Where it came too late for that, the close had succeeded.
            interrupted = closes or not mapping.closed
            assert mapping.closed or not closes
            assert "fork" not in repr(mapping), repr(mapping)
        reader.join()
        mapping.close()
        assert repr(mapping) == "<mmap_rs.Mmap closed>", repr(mapping)
"""
    )


# Code that runs while an error is made: a finaliser that the collector finds, and a hook of imports.
INTRUDERS = {
    "finaliser": """
class Cycle:
    def __init__(self):
        self.me = self
    def __del__(self):
        act()

Cycle()
gc.set_threshold(1)
""",
    "import hook": """
import builtins
real = builtins.__import__
def hook(*arguments, **named):
    builtins.__import__ = real
    act()
    return real(*arguments, **named)

sys.modules.pop("mmap_rs._errors")
builtins.__import__ = hook
""",
}


ERRORS = {
    "a range": "mapping.fill(0, range(0, 1 << 30))",
    "an index": "mapping[1 << 30]",
    "a length": "mapping[0:5] = bytes(6)",
    "a whole length": "mapping.copy_from_slice(b'abc')",
    "a place": "mapping.copy_within(range(0, 10), 1 << 30)",
    "a split": "mapping.split_off(5)",
    "a flush": "mapping.flush(range(0, 1 << 30))",
    "advice": "mapping.advise(MmapFlags.SHARED)",
    "a merge": "mapping.merge(other)",
    "a function": "mapping.function(None)",
}


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("intruder", INTRUDERS.values(), ids=INTRUDERS)
def test_code_that_runs_while_an_error_is_made(intruder: str, error: str) -> None:
    check_child(
        PRELUDE
        + f"""
mapping = MmapOptions(1 << 20).map_mut()
other = MmapOptions(1 << 20).map_mut()
def act():
    mapping.close()
    other.close()
{intruder}
try:
    {error}
except (ValueError, IndexError, BufferError):
    pass
else:
    raise AssertionError("no error")
gc.set_threshold(700)
gc.collect()
mapping.close()
"""
    )


@needs_fork
def test_a_fork_while_an_error_is_made() -> None:
    check_child(
        PRELUDE
        + """
import builtins
mapping = MmapOptions(1 << 20).map_mut()
real, child = builtins.__import__, []
def hook(*arguments, **named):
    builtins.__import__ = real
    child.append(os.fork())
    if child[0] == 0:
        mapping.find(b"zz")
    return real(*arguments, **named)

sys.modules.pop("mmap_rs._errors")
builtins.__import__ = hook
try:
    mapping.fill(0, range(0, 1 << 30))
except ValueError:
    pass
if child[0] == 0:
    mapping.close()
    os._exit(0)
assert os.waitpid(child[0], 0)[1] == 0
mapping.close()
"""
    )


@needs_fork
def test_a_fork_in_a_signal_handler_beside_a_wait() -> None:
    # The child takes back a request that it never made, and closes what its parent's thread still reads.
    check_child(
        PRELUDE
        + LONG
        + """
children = []
def handler(*_):
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(20)
    children.append(child)

signal.signal(signal.SIGALRM, handler)
while not children:
    mapping = MmapOptions(1 << 30).with_flags(MmapFlags.NO_RESERVE).map()
    reader = long_call(mapping)
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    mapping.close()
    if 0 in children:
        os._exit(0 if mapping.closed else 1)
    signal.setitimer(signal.ITIMER_REAL, 0)
    reader.join()
for child in children:
    assert os.waitpid(child, 0)[1] == 0
"""
    )


@needs_fork
@pytest.mark.parametrize(
    "call",
    [
        "target.copy_from_slice(source)",
        "target[:] = source",
        "target[::1] = source",
        "source.find(target)",
        "source.count(target)",
    ],
)
def test_a_child_has_no_buffers_of_calls_in_flight(call: str) -> None:
    check_child(
        PRELUDE
        + f"""
source = MmapOptions(1 << 28).with_flags(MmapFlags.NO_RESERVE).map()
target = MmapOptions(1 << 28).with_flags(MmapFlags.NO_RESERVE).map_mut()
started = threading.Event()
def run():
    started.set()
    {call}
thread = threading.Thread(target=run)
thread.start()
started.wait()
time.sleep(0.02)
child = os.fork()
if child == 0:
    target.close()
    source.close()
    os._exit(0)
thread.join()
assert os.waitpid(child, 0)[1] == 0
target.close()
source.close()
"""
    )


def test_an_error_of_a_name_that_is_not_an_exception_is_told() -> None:
    class Named:
        def fileno(self) -> int:
            return 0

        @property
        def name(self) -> str:
            raise KeyboardInterrupt

    from mmap_rs import MmapOptions

    with pytest.raises(KeyboardInterrupt):
        MmapOptions(1).with_file(Named())


@needs_fork
def test_a_file_is_closed_in_a_child_of_a_fork_beside_a_read() -> None:
    check_child(
        PRELUDE
        + """
mapping = MmapOptions(64 << 20).map_mut()
file = mapping.as_file()
stop = threading.Event()

def work():
    while not stop.is_set():
        file.seek(0)
        file.read()

thread = threading.Thread(target=work)
thread.start()
for _ in range(5):
    time.sleep(0.02)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        file.seek(5)
        file.read(3)
        file.close()
        mapping.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
thread.join()
"""
    )
