"""Faults that are not the guard's reach whoever handled SIGBUS before, or comes after."""

import signal
import sys
import textwrap

import pytest

from tests.support.child_process import check_child, describe, died_of, run_child

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


def test_faulthandler_enabled_before() -> None:
    code = """
        import faulthandler
        faulthandler.enable()
        assert is_guarded(guarded())
        print("ready", flush=True)
        bare()[-1]
    """
    status, out, err = ending(code)
    assert (status, out) == (-signal.SIGBUS, "ready\n"), err
    assert "Fatal Python error: Bus error" in err
    assert "most recent call first" in err


def test_faulthandler_enabled_after() -> None:
    # It does not forward: it writes a traceback and ends the process, also for a guarded mapping.
    code = """
        import faulthandler
        assert is_guarded(guarded())
        faulthandler.enable()
        faulthandler.disable()
        assert is_guarded(guarded()), "it put the guard's handler back"
        faulthandler.enable()
        mapping = guarded()
        print("ready", flush=True)
        mapping[-1]
    """
    status, out, err = ending(code)
    assert (status, out) == (-signal.SIGBUS, "ready\n"), err
    assert "Fatal Python error: Bus error" in err


def test_the_handler_is_installed_again_where_there_is_none() -> None:
    dies("""
        import faulthandler
        faulthandler.enable()
        assert is_guarded(guarded())
        faulthandler.disable()  # sets the default action, which it had found
        assert is_guarded(guarded())
        signal.signal(signal.SIGBUS, signal.SIG_DFL)
        assert is_guarded(guarded())
        signal.signal(signal.SIGBUS, signal.SIG_IGN)
        assert is_guarded(guarded())
        print("ready", flush=True)
        bare()[-1]
    """)


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

    def install(function, flags, mask=0):
        # Returns the action that it replaced.
        action, before = Action(handler=ctypes.cast(function, ctypes.c_void_p), flags=flags), Action()
        if hasattr(sys, "getandroidapilevel"):
            action.mask = mask
        else:
            action.mask[0] = mask
        assert libc.sigaction(signal.SIGBUS, ctypes.byref(action), ctypes.byref(before)) == 0
        return before

    def installed():
        action = Action()
        assert libc.sigaction(signal.SIGBUS, None, ctypes.byref(action)) == 0
        return action

    def ended(*arguments):
        os.write(1, b"C %d %d\\n" % (len(arguments), bool(arguments[1:] and arguments[1])))
        os._exit(3)

    SIGINFO, RESTART, NODEFER, RESETHAND = 4, 0x10000000, 0x40000000, -0x80000000
"""


def with_c(code: str) -> str:
    """Put the helpers above in front of a script."""
    return textwrap.dedent(C_HANDLER) + textwrap.dedent(code)


linux_64 = pytest.mark.skipif(
    not sys.platform.startswith("linux") or sys.maxsize < 2**32,
    reason="knows the layout of struct sigaction of 64-bit Linux only",
)


@linux_64
@pytest.mark.parametrize("info", [False, True], ids=["plain", "SA_SIGINFO"])
def test_a_handler_in_c(info: bool) -> None:
    code = f"""
        kept = {"with_info" if info else "plain"}(ended)
        install(kept, {"SIGINFO" if info else "0"})
        assert is_guarded(guarded())
        bare()[-1]
    """
    status, out, err = ending(with_c(code))
    assert (status, out) == (3, "C 3 1\n" if info else "C 1 0\n"), err


@linux_64
def test_a_handler_that_comes_later_gets_all() -> None:
    code = """
        kept = plain(ended)
        assert is_guarded(guarded())
        install(kept, 0)
        guarded()[-1]
    """
    status, out, err = ending(with_c(code))
    assert (status, out) == (3, "C 1 0\n"), err


@linux_64
@pytest.mark.parametrize("first", ["none", "chain"])
def test_handlers_that_come_later_and_forward(first: str) -> None:
    # Each forwards to the one it replaced. Guarded mappings that are made later must not close the circle.
    dies(
        with_c(f"""
        actions, kept = [], []

        def chain():
            number = len(kept)
            def forward(signal_number, info, context):
                before = actions[number]
                if before.handler:
                    with_info(before.handler)(signal_number, info, context)
                else:
                    install(None, 0)
            kept.append(with_info(forward))
            actions.append(install(kept[-1], SIGINFO))

        {first!r} == "chain" and chain()
        assert is_guarded(guarded())
        for _ in range(3):
            chain()
            assert is_guarded(guarded())
        print("ready", flush=True)
        bare()[-1]
        """)
    )


@linux_64
def test_a_handler_runs_as_its_action_says() -> None:
    code = """
        def note(number):
            blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
            notes.append((signal.SIGUSR1 in blocked, signal.SIGBUS in blocked))

        kept, notes = plain(note), []
        install(kept, FLAGS, 1 << (signal.SIGUSR1 - 1))
        assert is_guarded(guarded())
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        # Delivered to this thread before the call returns.
        libc.raise_ = libc["raise"]
        libc.raise_(signal.SIGBUS)
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
        assert notes == [(True, not FLAGS & NODEFER)], notes
        assert bool(installed().flags & RESTART) == bool(FLAGS & RESTART)
        assert is_guarded(guarded())
        print("ready", flush=True)
        if FLAGS & RESETHAND:
            libc.raise_(signal.SIGBUS)
    """
    for flags in ("0", "NODEFER", "RESTART", "NODEFER | RESTART"):
        assert (
            check_child(f"{PRELUDE}{with_c(f'FLAGS = {flags}')}{textwrap.dedent(code)}")
            == "ready\n"
        )
    dies(with_c("FLAGS = RESETHAND") + textwrap.dedent(code))


@linux_64
def test_what_was_ignored_interrupts_no_system_call() -> None:
    code = """
        signal.signal(signal.SIGBUS, signal.SIG_IGN)
        assert is_guarded(guarded())
        assert installed().flags & RESTART
        print("done")
    """
    assert check_child(PRELUDE + with_c(code)) == "done\n"


def test_a_blocked_signal_ends_the_process() -> None:
    # The system does not call a handler then, whoever installed it.
    dies("""
        mapping = guarded()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGBUS])
        print("ready", flush=True)
        mapping[-1]
    """)


def test_many_threads_install_at_once() -> None:
    code = """
        start = threading.Barrier(8)
        found = []

        def make():
            start.wait()
            found.append(is_guarded(guarded()))

        threads = [threading.Thread(target=make) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [True] * 8
        print("done")
    """
    assert check_child(PRELUDE + textwrap.dedent(code)) == "done\n"


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
