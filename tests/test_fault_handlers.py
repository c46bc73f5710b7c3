"""Faults that are not the guard's reach whoever handled SIGBUS before, or comes after."""

import signal
import sys
import textwrap

import pytest

from child import check_child, describe, died_of, run_child

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGBUS")

PRELUDE = """
import ctypes, os, signal, sys, tempfile, threading
from mmap_rs import *

P = MmapOptions.page_size()
SIZE = 8 * P
libc = ctypes.CDLL(None, use_errno=True)

def guarded():
    file = tempfile.TemporaryFile()
    file.truncate(SIZE)
    mapping = MmapOptions(SIZE).with_file(file).with_fault_guard().map()
    file.truncate(P)
    return mapping

def bare():
    file = tempfile.TemporaryFile()
    file.truncate(SIZE)
    mapping = MmapOptions(SIZE).with_file(file).map()
    file.truncate(P)
    return mapping

def is_guarded(mapping):
    try:
        mapping[-1]
    except FaultError:
        return True
    return False
"""


def ending(code: str) -> tuple[int, str, str]:
    done = run_child(PRELUDE + textwrap.dedent(code))
    return done.returncode, done.stdout, done.stderr


def dies(code: str) -> None:
    done = run_child(PRELUDE + textwrap.dedent(code))
    assert died_of(done, signal.SIGBUS), describe(done)
    assert done.stdout == "ready\n"


def test_the_default_action() -> None:
    dies("""
        assert is_guarded(guarded())
        print("ready", flush=True)
        bare()[-1]
    """)


def test_a_signal_that_somebody_sent_ends_the_process() -> None:
    send = "os.kill(os.getpid(), signal.SIGBUS)\n"
    done = run_child(f"{PRELUDE}assert is_guarded(guarded())\n{send}")
    # Android's own handler comes after the guard's; that of Android 6 lets the process go on.
    if hasattr(sys, "getandroidapilevel") and run_child(PRELUDE + send).returncode == 0:
        assert done.returncode == 0, describe(done)
    else:
        assert died_of(done, signal.SIGBUS), describe(done)


def test_a_signal_that_was_ignored_is_ignored() -> None:
    code = """
        signal.signal(signal.SIGBUS, signal.SIG_IGN)
        assert is_guarded(guarded())
        os.kill(os.getpid(), signal.SIGBUS)
        print("alive")
    """
    assert check_child(PRELUDE + textwrap.dedent(code)) == "alive\n"


def test_a_fault_can_not_be_ignored() -> None:
    dies("""
        signal.signal(signal.SIGBUS, signal.SIG_IGN)
        assert is_guarded(guarded())
        print("ready", flush=True)
        bare()[-1]
    """)


def test_a_python_handler_gets_what_was_sent() -> None:
    code = """
        signal.signal(signal.SIGBUS, lambda number, frame: print("handled", number))
        assert is_guarded(guarded())
        os.kill(os.getpid(), signal.SIGBUS)
        print("alive")
    """
    assert check_child(PRELUDE + textwrap.dedent(code)) == f"handled {int(signal.SIGBUS)}\nalive\n"


@pytest.mark.parametrize("first", ["faulthandler", "guard"])
def test_faulthandler(first: str) -> None:
    code = f"""
        import faulthandler
        if {first!r} == "faulthandler":
            faulthandler.enable()
            assert is_guarded(guarded())
        else:
            assert is_guarded(guarded())
            faulthandler.enable()
            # The next guarded mapping puts the guard in front again.
            assert is_guarded(guarded())
        print("ready", flush=True)
        bare()[-1]
    """
    status, out, err = ending(code)
    assert (status, out) == (-signal.SIGBUS, "ready\n"), err
    assert "Fatal Python error: Bus error" in err
    assert "most recent call first" in err


C_HANDLER = """
    plain = ctypes.CFUNCTYPE(None, ctypes.c_int)
    with_info = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)

    class Action(ctypes.Structure):
        # Linux on 64 bits: handler, mask of 128 bytes, flags, restorer. On Android the flags come first,
        # and the mask has 8 bytes.
        _fields_ = [("handler", ctypes.c_void_p), ("mask", ctypes.c_ulong * 16),
                    ("flags", ctypes.c_int), ("restorer", ctypes.c_void_p)]
        if hasattr(sys, "getandroidapilevel"):
            _fields_ = [_fields_[2], _fields_[0], ("mask", ctypes.c_ulong), _fields_[3]]

    def install(function, flags):
        action = Action(handler=ctypes.cast(function, ctypes.c_void_p), flags=flags)
        assert libc.sigaction(signal.SIGBUS, ctypes.byref(action), None) == 0

    def ended(*arguments):
        os.write(1, b"C %d %d\\n" % (len(arguments), bool(arguments[1:] and arguments[1])))
        os._exit(3)
"""

linux_64 = pytest.mark.skipif(
    not sys.platform.startswith("linux") or sys.maxsize < 2**32,
    reason="knows the layout of struct sigaction of 64-bit Linux only",
)


@linux_64
@pytest.mark.parametrize("info", [False, True], ids=["plain", "SA_SIGINFO"])
@pytest.mark.parametrize("first", ["handler", "guard"])
def test_a_handler_in_c(info: bool, first: str) -> None:
    code = f"""
        {textwrap.indent(textwrap.dedent(C_HANDLER), " " * 8).strip()}
        kept = {"with_info" if info else "plain"}(ended)
        if {first!r} == "handler":
            install(kept, {4 if info else 0})
            assert is_guarded(guarded())
        else:
            assert is_guarded(guarded())
            install(kept, {4 if info else 0})
            # The next guarded mapping puts the guard in front again.
            assert is_guarded(guarded())
        bare()[-1]
    """
    status, out, err = ending(code)
    assert (status, out) == (3, "C 3 1\n" if info else "C 1 0\n"), err


@linux_64
def test_on_an_alternate_stack() -> None:
    code = """
        class Stack(ctypes.Structure):
            _fields_ = [("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]

        memory = ctypes.create_string_buffer(1 << 16)
        stack = Stack(ctypes.addressof(memory), 0, len(memory))
        assert libc.sigaltstack(ctypes.byref(stack), None) == 0
        assert is_guarded(guarded())
        assert any(memory.raw), "the handler ran on that stack"
        print("done")
    """
    assert check_child(PRELUDE + textwrap.dedent(code)) == "done\n"


def test_several_threads_fault_at_once() -> None:
    code = """
        from concurrent.futures import ThreadPoolExecutor
        for _ in range(20):
            start = threading.Barrier(8)
            shared = guarded()
            view = memoryview(shared)

            def touch(number):
                start.wait()
                return view[(number + 1) % 8 * P + number] == 0

            with ThreadPoolExecutor(8) as pool:
                assert all(pool.map(touch, range(8)))
            assert shared.faulted()
        print("done")
    """
    assert check_child(PRELUDE + textwrap.dedent(code)) == "done\n"


@pytest.mark.skipif(not hasattr(signal, "SIGCHLD"), reason="needs fork")
def test_a_fault_in_a_child_of_fork() -> None:
    code = """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        one, two = guarded(), guarded()
        pid = os.fork()
        if pid == 0:
            os._exit(0 if is_guarded(one) and one.faulted() and not two.faulted() else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert not one.faulted(), "the child's mark is the child's"
        assert is_guarded(one)
        print("done")
    """
    assert check_child(PRELUDE + textwrap.dedent(code)) == "done\n"


def test_errno_survives() -> None:
    code = """
        mapping = guarded()
        view = memoryview(mapping)
        ctypes.set_errno(77)
        strlen = libc.strnlen
        strlen.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        assert strlen(mapping.as_ptr() + 5 * P, 10) == 0 and mapping.faulted()
        assert ctypes.get_errno() == 77
        print("done")
    """
    assert check_child(PRELUDE + textwrap.dedent(code)) == "done\n"


def test_many_guarded_mappings() -> None:
    code = """
        mappings = [MmapOptions(P).with_fault_guard().map() for _ in range(3000)]
        last = guarded()
        assert is_guarded(last) and not any(mapping.faulted() for mapping in mappings)
        for mapping in mappings:
            mapping.close()
        assert is_guarded(guarded())
        print("done")
    """
    assert check_child(PRELUDE + textwrap.dedent(code)) == "done\n"
