"""Signals whose handlers raise, in long calls and in waits for other threads."""

import signal
import sys

import pytest

from tests.support.child_process import check_child
from tests.support.child_scripts import PRELUDE, needs_fork

LONG = """
# The page of zeros over and over: long to search, and no memory.
large = MmapOptions(256 << 20).with_flags(MmapFlags.NO_RESERVE).map()

class Rang(Exception):
    pass

def ring(*_):
    raise Rang

signal.signal(signal.SIGALRM, ring)
"""


@needs_fork
@pytest.mark.parametrize(
    "call",
    ["large.count(b'\\0\\0')", "large.find(1)", "large[: 64 << 20]", "large.rfind(b'\\1\\2')"],
)
def test_a_signal_in_a_long_call(call: str) -> None:
    # The call is not cut short, but what it held is given back, and the handler's exception comes out.
    code = """
rang = 0
for delay in (0.001, 0.01, 0.05):
    try:
        signal.setitimer(signal.ITIMER_REAL, delay)
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
    # A quarter will do here: under an emulator each call takes seconds.
    check_child(PRELUDE + LONG.replace("256 <<", "64 <<") + code.replace("CALL", call))


@needs_fork
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
    try:
        signal.setitimer(signal.ITIMER_REAL, delay)
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


@needs_fork
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
    # Ends with an error where the mapping goes away under it.
    with suppress(ConsumedError):
        while not end.is_set():
            large.count(b"\\0\\0")

thread = threading.Thread(target=search)
thread.start()
time.sleep(0.05)
try:
    signal.setitimer(signal.ITIMER_REAL, 0.1)
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
    check_child(PRELUDE + LONG + code.replace("WAIT", wait))


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
