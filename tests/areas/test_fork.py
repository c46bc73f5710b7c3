"""Areas in a child of `fork`, whatever the parent's other threads did at that moment."""

import sys

import pytest

from tests.support.child_process import check_child
from tests.support.syscall_injection import unsupported

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="about Linux's /proc"),
    pytest.mark.skipif(unsupported() is not None, reason=str(unsupported())),
]

# A thread reads on in a list, and is stopped inside of the system call, with all that it holds.
STOPPED = """
import gc, os, signal, sys, threading, warnings
from tests.support.syscall_injection import Injector
from mmap_rs import InvalidOperationError, MemoryAreas

warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads: that is the test

class Stopping(Injector):
    name = "none"

    def _hook(self, name, original):
        def hook(*arguments):
            if name == self.name and threading.current_thread() is not threading.main_thread():
                inside.set()
                go.wait()
            return original(*arguments)
        return hook

inside, go = threading.Event(), threading.Event()
injector = Stopping()
call, way = sys.argv[1:]
open_list = {
    "all": MemoryAreas.open,
    "range": lambda: MemoryAreas.query_range(range(2 * sys.maxsize)),
    "pid": lambda: MemoryAreas.open(os.getppid()),
}[way]
listed = open_list()
whole = len(list(open_list()))
if call in ("open64", "close"):
    act = open_list
else:
    act = lambda: list(listed)
injector.name = call
thread = threading.Thread(target=act)
thread.start()
assert inside.wait(20)
injector.name = "none"

child = os.fork()
if not child:
    signal.alarm(20)
    for act in (lambda: next(listed), lambda: list(listed)):
        try:
            act()
        except InvalidOperationError as error:
            assert "fork" in str(error)
        else:
            raise AssertionError("went on in a child")
    listed.close()
    assert next(listed, None) is None
    with listed:
        pass
    listed = None
    gc.collect()
    for _ in range(3):
        assert MemoryAreas.query(id(sys)) is not None
        assert abs(len(list(open_list())) - whole) < whole
        assert MemoryAreas.query(2 * sys.maxsize + 1) is None
        with open_list() as fresh:
            next(fresh)
    os._exit(0)
_, status = os.waitpid(child, 0)
go.set()
thread.join()
assert status == 0, status
assert list(listed) == [] or call == "open64"
print("done")
"""


@pytest.mark.parametrize(
    ("call", "way"),
    [("read", "all"), ("read", "pid"), ("ioctl", "range"), ("open64", "all"), ("open64", "range")],
)
def test_a_child_does_not_wait_for_a_thread_that_it_has_not(call: str, way: str) -> None:
    assert check_child(STOPPED, arguments=(call, way), timeout=30) == "done\n"


def test_children_of_a_process_whose_threads_read() -> None:
    output = check_child(
        """
        import os, signal, sys, threading, time, warnings
        from mmap_rs import InvalidOperationError, MemoryAreas

        warnings.simplefilter("ignore", DeprecationWarning)

        shared = [MemoryAreas.open()]
        stop = threading.Event()

        def read():
            while not stop.is_set():
                for _ in shared[0]:
                    pass
                shared[0] = MemoryAreas.open()
                MemoryAreas.query(id(sys))
                list(MemoryAreas.query_range(range(2 * sys.maxsize)))

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 5
        while time.monotonic() < end:
            child = os.fork()
            if not child:
                signal.alarm(20)
                try:
                    list(shared[0])
                except InvalidOperationError:
                    pass
                shared[0].close()
                shared.clear()
                assert MemoryAreas.query(id(sys)) is not None
                assert len(list(MemoryAreas.open())) > 5
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        for thread in threads:
            thread.join()
        print("done")
        """
    )
    assert output == "done\n"
