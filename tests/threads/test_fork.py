"""Processes: fork with mappings, views and threads alive, and `multiprocessing` by fork and by spawn."""

import os
import sys
from pathlib import Path

import pytest

from tests.support.child_process import check_child

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork") or sys.platform == "darwin",
    reason="the system has no fork(), or its libraries do not survive one",
)

PRELUDE = """
import os, sys, threading, time
from mmap_rs import ConsumedError, Mmap, MmapFlags, MmapOptions

page = MmapOptions.page_size()

def in_child(act):
    pid = os.fork()
    if not pid:
        status = 1
        try:
            act()
            status = 0
        except BaseException as error:
            import traceback
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    deadline = time.monotonic() + 30
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            raise AssertionError("the child hangs")
        time.sleep(0.005)
    assert os.waitstatus_to_exitcode(status) == 0, status
"""


def test_private_memory_parts_and_shared_memory_does_not() -> None:
    check_child(
        PRELUDE
        + """
private = MmapOptions(2 * page).map_mut()
shared = MmapOptions(2 * page).with_flags(MmapFlags.SHARED).map_mut()
private[:5] = shared[:5] = b"start"

def child():
    assert private[:5] == shared[:5] == b"start"
    private[:5] = shared[:5] = b"child"
    assert private[:5] == b"child"

in_child(child)
assert private[:5] == b"start"
assert shared[:5] == b"child"
"""
    )


def test_both_sides_own_their_mapping() -> None:
    check_child(
        PRELUDE
        + """
mapping = MmapOptions(4 * page).map_mut()
mapping.fill(3)

def child():
    rest = mapping.split_off(page)
    code = mapping.make_exec()
    assert code.is_executable() and code[0] == 3
    rest.close()
    code.close()
    with MmapOptions(page).map_mut() as own:
        own[0] = 1

for _ in range(3):
    in_child(child)
    assert mapping.size() == 4 * page and mapping.count(3) == 4 * page
read_only = mapping.make_read_only()
assert mapping.closed
in_child(lambda: read_only.close())
assert read_only[-1] == 3
read_only.close()
"""
    )


def test_views_live_on_both_sides() -> None:
    check_child(
        PRELUDE
        + """
mapping = MmapOptions(2 * page).map_mut()
view = memoryview(mapping)
view[0] = 1

def child():
    view[0] = 2
    assert mapping[0] == 2
    for refused in (mapping.close, mapping.make_exec):
        try:
            refused()
        except BufferError:
            pass
        else:
            raise AssertionError("a view was cut off in the child")
    view.release()
    mapping.make_none().close()

in_child(child)
assert view[0] == mapping[0] == 1
try:
    mapping.close()
except BufferError:
    pass
else:
    raise AssertionError("a view was cut off in the parent")

lingering = MmapOptions(page).map_mut()
last = memoryview(lingering)
lingering.close(defer=True)

def child():
    last[0] = 5
    last.release()

in_child(child)
assert last[0] == 0
last.release()
view.release()
mapping.close()
"""
    )


def test_calls_of_other_threads_do_not_block_the_child() -> None:
    # A thread is inside a long call of each mapping when the process forks; in the child it is gone,
    # and so must be what it held.
    check_child(
        PRELUDE
        + """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads: that is the test

size = 16 << 20
mapping = MmapOptions(size).map_mut()
stop = threading.Event()

def work():
    while not stop.is_set():
        mapping.find(b"not there")
        mapping.fill(0)

threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()

def child():
    mapping[0] = 7
    part = mapping.split_off(size // 2)
    mapping.merge(part)
    read_only = mapping.make_read_only()
    assert read_only[0] == 7
    read_only.close()

try:
    for _ in range(10):
        time.sleep(0.01)
        in_child(child)
finally:
    stop.set()
    for thread in threads:
        thread.join()
assert mapping.size() == size
mapping.close()
""",
        timeout=100,
    )


def test_the_child_may_exit_in_the_ordinary_way() -> None:
    check_child(
        PRELUDE
        + """
mapping = MmapOptions(2 * page).map_mut()
view = memoryview(mapping)
pid = os.fork()
if not pid:
    raise SystemExit(0)
assert os.waitpid(pid, 0)[1] == 0
view[0] = 1
"""
    )


WORKER = """
from mmap_rs import MmapFlags, MmapOptions

def work(path, number):
    with MmapOptions.for_file(path).with_flags(MmapFlags.SHARED).map_mut() as mapping:
        assert mapping[number] == 0
        mapping[number] = number + 1
        return mapping.start() > 0
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method: str, tmp_path: Path) -> None:
    pytest.importorskip(
        "multiprocessing.synchronize", reason="the system has no semaphores", exc_type=ImportError
    )
    file = tmp_path / "shared"
    file.write_bytes(bytes(4096))
    (tmp_path / "worker.py").write_text(WORKER)
    check_child(
        PRELUDE
        + """
import multiprocessing
import warnings

method, directory, path = sys.argv[1:]
sys.path.insert(0, directory)
import worker

if method == "fork":
    warnings.simplefilter("ignore", DeprecationWarning)  # the pool has threads
mapping = MmapOptions.for_file(path).with_flags(MmapFlags.SHARED).map_mut()
view = memoryview(mapping)
with multiprocessing.get_context(method).Pool(2) as pool:
    assert all(pool.starmap(worker.work, [(path, number) for number in range(8)]))
assert mapping[:9] == bytes([1, 2, 3, 4, 5, 6, 7, 8, 0])
assert view[7] == 8
""",
        arguments=(method, str(tmp_path), str(file)),
        timeout=100,
    )


def test_a_mapping_is_not_sent_to_another_process() -> None:
    check_child(
        PRELUDE
        + """
import pickle

for make in ("map", "map_mut", "map_none", "reserve", "reserve_mut", "reserve_none"):
    mapping = getattr(MmapOptions(page), make)()
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        try:
            pickle.dumps(mapping, protocol)
        except TypeError:
            continue
        raise AssertionError(f"{make} was pickled")
"""
    )


def test_a_file_in_memory_that_other_threads_use() -> None:
    check_child(
        PRELUDE
        + """
from mmap_rs import MemoryFile

file = MemoryFile(page, name="forked")
stop = threading.Event()

def use():
    while not stop.is_set():
        assert not file.closed and file.name == "forked" and file.size() == page

def child():
    assert file.size() == page
    file.close()
    assert file.closed

threads = [threading.Thread(target=use) for _ in range(4)]
for thread in threads:
    thread.start()
try:
    for _ in range(30):
        in_child(child)
finally:
    stop.set()
    for thread in threads:
        thread.join()
"""
    )
