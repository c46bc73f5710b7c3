"""How the uses of a mapping end: by success, refusal, signal, fork, or the end of the interpreter.

Each script would hang or crash if something stayed: a pin, a request for exclusive access, an export.
"""

import sys

import pytest

from tests.support.child_process import check_child
from tests.support.child_scripts import PRELUDE, needs_fork

# A call that lets other threads run; over 1 GiB it lasts longer than a wait without a look at signals.
LONG = """
def long_call(mapping):
    started = threading.Event()
    def run():
        started.set()
        with suppress(ConsumedError):
            mapping.count(b"xyz")
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    started.wait()
    time.sleep(0.003)
    return thread
"""

# Threads that read `mapping` without a pause until it is closed.
READERS = """
def read():
    with suppress(ConsumedError):
        while True:
            mapping.count(b"xyz")

readers = [threading.Thread(target=read) for _ in range(3)]
for reader in readers:
    reader.start()
time.sleep(0.1)
"""


def test_a_refused_merge_leaves_both_usable() -> None:
    check_child(
        PRELUDE
        + LONG
        + """
low = MmapOptions(1 << 28).with_flags(MmapFlags.NO_RESERVE).map_mut()
high = low.split_off(1 << 27)
for exported, busy in ((low, high), (high, low)) * 5:
    reader = long_call(busy)
    view = memoryview(exported)
    try:
        low.merge(high)
    except BufferError:
        pass
    else:
        raise AssertionError("merged under a view")
    reader.join()
    view.release()
    # A request that had stayed would keep each of these back for ever.
    for mapping in (low, high):
        mapping[0], mapping.find(b"a", 0, 1 << 17), memoryview(mapping).release()
low.merge(high)
low.close()
"""
    )


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


def test_a_deferred_close_waits_for_nobody() -> None:
    check_child(
        PRELUDE
        + "mapping = MmapOptions(1 << 26).with_flags(MmapFlags.NO_RESERVE).map()"
        + READERS
        + """
address = mapping.start()
view = memoryview(mapping)
began, worked = time.monotonic(), time.thread_time()
mapping.close(defer=True)
# The view is released only later: a wait for it would not end.
assert time.monotonic() - began < 20, time.monotonic() - began
assert time.thread_time() - worked < 0.2
for reader in readers:
    reader.join()
assert view[0] == 0
view.release()
if sys.platform == "linux":
    assert MemoryAreas.query(address) is None
"""
    )


def test_readers_cant_starve_a_close() -> None:
    check_child(
        PRELUDE
        + "mapping = MmapOptions(1 << 26).with_flags(MmapFlags.NO_RESERVE).map()"
        + READERS
        + """
mapping.close()
for reader in readers:
    reader.join()
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


ARGUMENTS = {
    "split_off": "mapping.split_off(Number())",
    "size": "MmapOptions(Number())",
    "range": "mapping.fill(0, slice(Number(), None))",
    "flags": "MmapOptions(1).with_flags(Number())",
    "page sizes": "mmap_rs.PageSize.try_from(Number())",
    "address": "MemoryAreas.query(Number())",
    "fileno": "MmapOptions(1).with_file(File())",
    "fspath": "MmapOptions(1).with_file(Path())",
    "buffer": "mapping.find(Buffer())",
    "instance": "MmapOptions(1).with_flags(Flags())",
    "offset": "MmapOptions(1).with_file(0, Number())",
    "bound": "mapping.find(b'a', Number())",
    "key": "mapping[Number()]",
    "slice": "mapping[Number():]",
    "value": "mapping.__setitem__(0, Number())",
    "function": "code.function(None, offset=Number())",
}


@pytest.mark.parametrize("argument", ARGUMENTS.values(), ids=ARGUMENTS)
def test_the_interpreter_ends_while_a_thread_is_in_an_argument(argument: str) -> None:
    check_child(
        PRELUDE
        + f"""
mapping = MmapOptions(1 << 20).map_mut()
code = MmapOptions(P).map_exec()
def rest(*_):
    while True:
        time.sleep(0.001)
class Number:
    __index__ = rest
class Path:
    __fspath__ = rest
class File:
    name = property(rest)
    def fileno(self):
        return 0
class Buffer:
    __buffer__ = rest
    __index__ = rest
class Flags:
    __class__ = property(rest)
    def __index__(self):
        return 0
threading.Thread(target=lambda: {argument}, daemon=True).start()
time.sleep(0.1)
"""
    )


@pytest.mark.parametrize(
    "call", ["find(b'xy')", "count(b'xy')", "fill(0)", "copy_within(range(9), 0)", "lock()"]
)
def test_a_finaliser_closes_what_a_stopped_thread_was_in(call: str) -> None:
    check_child(
        PRELUDE
        + f"""
mapping = MmapOptions(16 << 20).map_mut()
class Owner:
    def __init__(self, mapping):
        self.mapping = mapping
    def __del__(self, sleep=time.sleep):
        sleep(0.3)
        # A waiter that was stopped may have left a request: only calls in flight count.
        self.mapping[0], self.mapping.find(b"a"), memoryview(self.mapping).release()
        self.mapping.close()
sys.modules["owner"] = Owner(mapping)
def work(mapping):
    while True:
        with suppress(OSError):
            mapping.{call}
def split(mapping):
    while True:
        mapping.merge(mapping.split_off(4 << 20))
threading.Thread(target=work, args=(mapping,), daemon=True).start()
threading.Thread(target=split, args=(mapping,), daemon=True).start()
time.sleep(0.2)
"""
    )


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.12 made __buffer__ callable")
def test_buffers_by_any_flags() -> None:
    # No flags crash, and a refusal leaves no export behind.
    check_child(
        PRELUDE
        + """
for mapping in (MmapOptions(P).map_mut(), MmapOptions(P).map()):
    spray = [bytes(range(95)) for _ in range(1000)]
    del spray
    flags = [1 << bit for bit in range(31)]
    for flag in [*range(1024), *flags, *(flag | 0x18 for flag in flags), -1, -(1 << 31)]:
        try:
            view = mapping.__buffer__(flag)
        except (BufferError, SystemError, ValueError, OverflowError):
            continue
        assert len(view) == P and view[0] == 0, flag
        assert not view.readonly or type(mapping) is Mmap or not flag & 1, flag
        view.release()
    mapping.close()
"""
    )


def test_flags_in_a_second_interpreter_that_shares_the_lock() -> None:
    check_child(
        PRELUDE
        + """
try:
    import _interpreters
    create, run = lambda: _interpreters.create("legacy"), _interpreters.run_string
    destroy = _interpreters.destroy
except ImportError:
    import _xxsubinterpreters
    create, run = lambda: _xxsubinterpreters.create(isolated=False), _xxsubinterpreters.run_string
    destroy = _xxsubinterpreters.destroy
code = '''if True:
    import mmap_rs as M
    m = M.MmapOptions(4096).with_flags(M.MmapFlags.SHARED).map_mut()
    m[0] = 1
    try:
        m.split_off(5)
    except M.InvalidOffsetError:
        pass
    area = M.MemoryAreas.query(m.start())
    assert area.protection() == M.Protection.READ | M.Protection.WRITE
    assert area.share_mode() is M.ShareMode.Shared
    area.path()
    m.close()
'''
for _ in range(2):
    interpreter = create()
    failed = run(interpreter, code)
    assert failed is None, failed
    destroy(interpreter)
    exec(code)
"""
    )


def test_what_becomes_executable_is_what_was_audited() -> None:
    check_child(
        PRELUDE
        + """
mapping = MmapOptions(4 * P).map_mut()
told, cut = [], []
def hook(event, arguments):
    if event == "mmap_rs.exec":
        told.append(arguments)
        if not cut:
            cut.append(mapping.split_off(2 * P))
sys.addaudithook(hook)
made = mapping.make_exec()
assert told == [(made.start(), 4 * P), (made.start(), 2 * P)], told
assert made.size() == 2 * P
"""
    )


def test_threads_that_share_an_iterator_get_each_byte_once() -> None:
    check_child(
        PRELUDE
        + """
mapping = MmapOptions(1 << 16).map_mut()
mapping[:] = bytes(range(256)) * 256
for walk in (iter(mapping), reversed(mapping)):
    got = [[] for _ in range(4)]
    threads = [threading.Thread(target=part.extend, args=(walk,)) for part in got]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(byte for part in got for byte in part) == sorted(mapping[:])
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


def test_a_file_is_closed_while_the_interpreter_ends_beside_a_read() -> None:
    check_child(
        PRELUDE
        + """
mapping = MmapOptions(16 << 20).map_mut()
file = mapping.as_file()

def work(file=file):
    while True:
        file.seek(0)
        file.read()

class Holder:
    def __del__(self, file=file, mapping=mapping):
        file.close()
        mapping.close()

sys.modules["holder"] = Holder()
threading.Thread(target=work, daemon=True).start()
time.sleep(0.2)
"""
    )


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


def test_threads_that_share_a_file_read_and_write_parts_of_their_own() -> None:
    check_child(
        PRELUDE
        + """
mapping = MmapOptions(1 << 20).map_mut()
with mapping.as_file() as file:
    def write(number):
        for _ in range(1000):
            file.write(bytes([number]) * 64)
    threads = [threading.Thread(target=write, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.tell() == 256_000
    assert [mapping[:256_000].count(number) for number in range(1, 5)] == [64_000] * 4
    file.seek(0)
    read = []
    def drain():
        while data := file.read(1000):
            read.append(data)
    threads = [threading.Thread(target=drain) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(map(len, read)) == 1 << 20
mapping.close()
"""
    )


def test_the_interpreter_ends_while_a_thread_is_in_the_callback_of_a_weak_reference() -> None:
    check_child(
        PRELUDE
        + """
import weakref
options = MmapOptions(P)

def called(_, sleep=time.sleep):
    sleep(0.0005)

def work():
    while True:
        mapping = options.map()
        reference = weakref.ref(mapping, called)
        del mapping

threading.Thread(target=work, daemon=True).start()
time.sleep(0.2)
"""
    )
