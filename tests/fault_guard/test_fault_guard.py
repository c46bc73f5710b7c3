"""The fault guard: what a mapping does when the system can't provide a page.

All of it runs in child processes: what goes wrong here ends a process with SIGBUS.
"""

import signal
import sys
import textwrap

import pytest

from tests.fault_guard.guarded import PRELUDE, child
from tests.support.child_process import describe, died_of, run_child

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGBUS")

CALLS = {
    "index": "m[7 * P]",
    "negative index": "m[-1]",
    "slice": "m[6 * P : 6 * P + 16]",
    "long slice": "m[:]",
    "slice with a step": "m[:: P // 2]",
    "assignment": "m.__setitem__(7 * P, 1)",
    "slice assignment": "m.__setitem__(slice(6 * P, 6 * P + 3), b'abc')",
    "assignment with a step": "m.__setitem__(slice(None, None, P), bytes(8))",
    "long assignment": "m.__setitem__(slice(None), bytes(SIZE))",
    "find": "m.find(b'abc')",
    "rfind": "m.rfind(b'\\xff\\xfe')",
    "count": "m.count(b'x')",
    "index of": "m.index(0)",
    "in": "b'yy' in m",
    "endswith": "m.endswith(b'xx')",
    "startswith": "m.startswith(b'x', 7 * P)",
    "iteration": "list(m)",
    "reversed": "next(reversed(m))",
    "fill": "m.fill(1)",
    "copy_from_slice": "m.copy_from_slice(bytes(SIZE))",
    "copy_within": "m.copy_within(range(0, P), 7 * P)",
    "read of the file object": "m.as_file().read()",
    "write of the file object": "f = m.as_file(); f.seek(6 * P); f.write(b'abc')",
    "write of it to another file object": "MmapOptions(SIZE).map_mut().as_file().write(m)",
    "read into it from another file object": "MmapOptions(SIZE).map_mut().as_file().readinto(m)",
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_the_call_that_meets_it_raises(call: str) -> None:
    child(f"""
        m = guarded()
        def call():
            {call}
        call_before = m.faulted()
        cut()
        assert m[0] == ord("x") and not m.faulted() and not call_before
        faults(call)
        assert m.faulted()
        # Every later call that reads or writes, also of what is still there.
        faults(lambda: m[0])
        faults(lambda: m.find(b"x"))
        faults(lambda: m.__setitem__(0, 1))
        faults(lambda: memoryview(m))
        faults(m.flush)
        # What neither reads nor writes goes on.
        assert len(m) == SIZE and m.start() and "guarded" in repr(m)
    """)


def test_a_buffer_reads_zeros_and_the_next_call_raises() -> None:
    child("""
        m = guarded("map")
        view = memoryview(m)
        cut()
        assert view[7 * P] == 0 and bytes(view[6 * P : 6 * P + 3]) == bytes(3) and view[0] == ord("x")
        assert m.faulted()
        faults(lambda: m[0])
        view.release()
        m.close()
        assert m.closed
        try:
            m[0]
        except ConsumedError:
            pass
        else:
            raise AssertionError("a closed mapping is closed, not faulted")
    """)


def test_writes_through_a_buffer_go_nowhere() -> None:
    child("""
        m = guarded()
        view = memoryview(m)
        cut()
        view[5 * P] = 7
        assert view[5 * P] == 7 and m.faulted()
        assert os.fstat(file.fileno()).st_size == P
    """)


@pytest.mark.skipif(sys.platform != "linux", reason="about Linux's limit of areas")
def test_ordinary_mappings_have_used_up_all_areas() -> None:
    child("""
        others = []
        m, second = guarded(), guarded()
        try:
            while True:
                # Neighbours that the system can't join.
                options = MmapOptions(P)
                others.append(options.map() if len(others) % 2 else options.map_mut())
        except SystemCallError as error:
            assert error.errno == errno.ENOMEM, error
        cut()
        # Nothing that makes a mapping of its own comes before.
        for mapping in (m, second):
            try:
                mapping[4 * P]
            except FaultError:
                continue
            raise AssertionError("no FaultError")
        m.close()
        others.clear()
        faults(lambda: second[0])
    """)


def test_the_mark_goes_with_the_memory() -> None:
    child("""
        m = guarded()
        cut()
        tail = m.split_off(4 * P)
        faults(lambda: tail[0])
        assert tail.faulted() and not m.faulted() and m[0] == ord("x")
        head = m.split_to(P)
        faults(lambda: m[0])
        assert not head.faulted() and head[0] == ord("x")
        head.merge(m)
        assert head.faulted() and m.closed
        other = head.make_read_only()
        assert other.faulted()
        faults(lambda: other[0])
        again = other.make_mut()
        again.merge(tail)
        assert again.size() == SIZE and again.faulted()
        again.close()
        m = guarded()
        assert not m.faulted() and m[7 * P] == ord("x")
    """)


def test_what_takes_the_place_has_the_mappings_protection() -> None:
    code = """
        import ctypes
        m = guarded("map")
        view = memoryview(m)
        cut()
        assert view[7 * P] == 0
        print("read", flush=True)
        ctypes.memset(m.as_ptr() + 7 * P, 1, 1)
    """
    done = run_child(PRELUDE + textwrap.dedent(code))
    # Apple's systems tell of a write that the protection forbids by SIGBUS as well.
    is_apple = sys.platform in ("darwin", "ios")
    assert died_of(done, signal.SIGBUS if is_apple else signal.SIGSEGV), describe(done)
    assert done.stdout == "read\n"


def test_a_protection_that_changed_is_kept() -> None:
    child("""
        m = guarded("map").make_mut()
        view = memoryview(m)
        cut()
        view[7 * P] = 3
        assert view[7 * P] == 3
    """)


def test_guarded_and_unguarded_do_not_merge() -> None:
    child("""
        whole()
        m = MmapOptions(SIZE).with_file(file).map()
        head = m.split_to(4 * P)
        m.close()
        options = MmapOptions(4 * P).with_file(file, 4 * P).with_address(head.end())
        m = options.with_fault_guard().map()
        if m.start() == head.end():
            try:
                head.merge(m)
            except AttributeMismatchError:
                pass
            else:
                raise AssertionError("merged")
    """)


def dies(code: str) -> None:
    """Run a script that prints a line and then ends by SIGBUS."""
    done = run_child(PRELUDE + textwrap.dedent(code))
    assert died_of(done, signal.SIGBUS), describe(done)
    assert done.stdout == "before\n"


def test_without_the_guard_the_process_dies() -> None:
    code = """
        m = guarded()  # installs the handler
        whole()
        bare = MmapOptions(SIZE).with_file(file).map()
        cut()
        print("before", flush=True)
        bare[7 * P]
    """
    dies(code)


def test_nothing_is_installed_before_the_first_guarded_mapping() -> None:
    child("""
        import ctypes, struct
        libc = ctypes.CDLL(None)
        def handler():
            action = ctypes.create_string_buffer(512)
            assert libc.sigaction(7 if os.uname().sysname == "Linux" else 10, None, action) == 0
            # The handler comes first; what follows is not all written by every C library.
            return action.raw[:8]
        before = handler()
        options = MmapOptions(SIZE).with_fault_guard()
        MmapOptions(SIZE).map().close()
        assert handler() == before
        m = options.map()
        assert handler() != before
    """)


def test_a_place_that_is_given_back_is_not_guarded_any_more() -> None:
    code = """
        m = guarded()
        place = m.start()
        m.close()
        whole()
        bare = MmapOptions(SIZE).with_address(place).with_file(file).map()
        assert bare.start() == place
        cut()
        print("before", flush=True)
        bare[7 * P]
    """
    dies(code)
