"""The fault guard: what a mapping does when the system can't provide a page.

All of it runs in child processes: what goes wrong here ends a process with SIGBUS.
"""

import signal
import sys
import textwrap

import pytest

from tests.support.child_process import check_child, describe, died_of, run_child

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGBUS")

# A file of eight pages, and a mapping of it whose last seven pages have just gone.
PRELUDE = """
import errno, io, os, tempfile
import mmap_rs
from mmap_rs import *

P = MmapOptions.page_size()
SIZE = 8 * P
file = tempfile.TemporaryFile()

def whole():
    file.seek(0)
    file.write(b"x" * SIZE)
    file.flush()

def guarded(kind="map_mut", flags=MmapFlags.SHARED):
    whole()
    options = MmapOptions(SIZE).with_file(file).with_flags(flags).with_fault_guard()
    return getattr(options, kind)()

def cut(to=P):
    file.truncate(to)

def faults(call):
    try:
        call()
    except FaultError as error:
        assert error.errno == errno.EIO and error.variant == "Fault", error
        assert isinstance(error, mmap_rs.Error) and isinstance(error, OSError)
        return
    raise AssertionError("no FaultError")
"""


def child(code: str, timeout: float = 60) -> str:
    return check_child(PRELUDE + textwrap.dedent(code), timeout)


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


FULL_DISK = """
import contextlib, ctypes

@contextlib.contextmanager
def small_disk():
    # Its name is that of a folder on a disk of 16 pages.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x20000):
        print("refused")
        raise SystemExit
    folder = tempfile.mkdtemp()
    libc.mount(b"none", b"/", None, 0x4000 | 1 << 18, None)
    if libc.mount(b"tmpfs", folder.encode(), b"tmpfs", 0, b"size=%d" % (16 * P)):
        os.rmdir(folder)
        print("refused")
        raise SystemExit
    try:
        yield folder
    finally:
        libc.umount(folder.encode())
        os.rmdir(folder)

def sparse_on(folder, pages):
    path = os.path.join(folder, "sparse")
    with open(path, "wb") as sparse:
        sparse.truncate(pages * P)
    return path, MmapOptions.for_file(path).with_flags(MmapFlags.SHARED).with_fault_guard().map_mut()
"""


def on_a_full_disk(code: str) -> None:
    if child(FULL_DISK + textwrap.dedent(code)) == "refused\n":
        pytest.skip("this process may not mount: it needs CAP_SYS_ADMIN")


mounts = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="mounts a file system the Linux way"
)


@mounts
def test_a_full_disk() -> None:
    on_a_full_disk("""
        with small_disk() as folder:
            path, m = sparse_on(folder, 256)
            m[0] = 1
            faults(lambda: m.fill(1))
            m.close()
    """)


@mounts
def test_single_pages_and_then_the_rest() -> None:
    # A few missing pages cost what is missing; many cost the rest of the mapping, not of the file.
    on_a_full_disk("""
        with small_disk() as folder:
            path, m = sparse_on(folder, 1000)
            view = memoryview(m)
            view[0] = view[500 * P] = view[900 * P] = 1
            with open(os.path.join(folder, "fill"), "wb", buffering=0) as fill:
                try:
                    while fill.write(bytes(P)):
                        pass
                except OSError as error:
                    assert error.errno == errno.ENOSPC
            assert not m.faulted()
            for page in range(100, 132, 2):
                view[page * P] = 2
            assert m.faulted() and view[0] == view[500 * P] == view[900 * P] == 1
            view[600 * P] = 3
            assert view[0] == view[500 * P] == 1 and view[900 * P] == 0 and view[600 * P] == 3
            # In any order: what lies between is taken too, and what lies before is not.
            for page in range(599, 300, -1):
                view[page * P] = 4
            assert view[0] == 1 and view[130 * P] == 2
            parts = list(MemoryAreas.query_range(range(m.start(), m.end())))
            assert len(parts) - 1 <= 2 * 16 + 1, len(parts)
            view.release()
            m.close()
            with open(path, "rb") as sparse:
                data = sparse.read()
            got = [data[page * P] for page in (0, 100, 500, 600, 900)]
            # Page 500 was still the file's when it was written.
            assert got == [1, 0, 4, 0, 1], got
    """)


@pytest.mark.hugepages
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="huge pages as Linux has them")
def test_no_free_huge_page() -> None:
    code = """
        from pathlib import Path
        text = Path("/proc/meminfo").read_text()
        size = int(text.split("Hugepagesize:")[1].split()[0]) * 1024
        free = int(text.split("HugePages_Free:")[1].split()[0])
        flags = MmapFlags.HUGE_PAGES | MmapFlags.NO_RESERVE
        m = MmapOptions(size * (free + 1)).with_flags(flags).with_fault_guard().map_mut()
        try:
            m.fill(1)
        except FaultError:
            assert m.faulted()
        else:
            print("a page came from somewhere")
        m.close()
    """
    assert child(code) == ""


LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts Linux's areas")

AREAS = """
def areas():
    return sum(1 for _ in MemoryAreas.open())

def sparse(size, kind="map", flags=MmapFlags.SHARED):
    # The zeros of the file take no room.
    file.truncate(size)
    return getattr(MmapOptions(size).with_file(file).with_flags(flags).with_fault_guard(), kind)()

# Each of 16 faults may cut a page out of the mapping, which adds two areas; one more takes the rest.
# The interpreter maps some memory of its own meanwhile.
FEW = 2 * 16 + 1 + 15
"""


def counts(code: str, timeout: float = 60) -> str:
    return child(AREAS + textwrap.dedent(code), timeout)


@LINUX
@pytest.mark.parametrize(
    ("kind", "flags"), [("map", "MmapFlags.SHARED"), ("map_mut", "MmapFlags(0)")]
)
@pytest.mark.parametrize("order", ["up", "down", "mixed"])
def test_a_hundred_thousand_missing_pages_take_a_few_areas(
    kind: str, flags: str, order: str
) -> None:
    # With one area for each, vm.max_map_count would end the process.
    counts(f"""
        import random
        SIZE = 200_000 * P
        m = sparse(SIZE, {kind!r}, {flags})
        view = memoryview(m)
        pages = list(range(P, SIZE, 2 * P))
        {order!r} == "down" and pages.reverse()
        {order!r} == "mixed" and random.Random(5).shuffle(pages)
        before = areas()
        cut(P)
        assert not any(view[at] for at in pages)
        assert areas() <= before + FEW, areas() - before
        assert m.faulted()
        view.release()
        m.close()
    """)


@LINUX
def test_one_call_over_very_many_missing_pages() -> None:
    counts("""
        m = sparse(200_000 * P)
        cut(0)
        faults(lambda: m[:: 2 * P])
        faults(lambda: m[::-P])
        m.close()
    """)


@LINUX
def test_parts_that_were_split_changed_and_merged() -> None:
    counts("""
        import ctypes
        SIZE = 4000 * P
        m = sparse(SIZE, "map_mut")
        untouched = m.split_off(3000 * P)
        end = m.split_off(2000 * P)
        middle = m.split_off(1000 * P).make_read_only()
        view = memoryview(middle)
        before = areas()
        cut(0)
        assert not any(view[:: 2 * P]) and middle.faulted()
        # Repairs stay within their part.
        assert not (m.faulted() or end.faulted() or untouched.faulted())
        view.release()
        # New pages change their protection with their part.
        middle = middle.make_mut()
        ctypes.memset(middle.as_mut_ptr(), 5, middle.size())
        faults(lambda: m.fill(1))
        m.merge(middle)
        m.merge(end)
        assert m.faulted() and m.size() == 3000 * P
        faults(lambda: m[-1])
        m = m.make_none().make_mut()
        assert m.faulted() and not untouched.faulted()
        assert areas() <= before + 3 * FEW
        again = m.split_off(P)
        assert again.faulted()
        for part in (again, m, untouched):
            part.close()
    """)


@LINUX
def test_a_merged_mapping_is_repaired_as_one() -> None:
    counts("""
        SIZE = 1000 * P
        m = sparse(SIZE)
        parts = [m.split_off(at) for at in range(SIZE - P, 0, -P)]
        for part in reversed(parts):
            m.merge(part)
        assert m.size() == SIZE
        before = areas()
        view = memoryview(m)
        cut(0)
        assert not any(view[:: -2 * P])
        assert areas() <= before + FEW
    """)


@LINUX
def test_where_there_is_no_room_for_one_more_area() -> None:
    # All of the mapping is replaced then, which needs none.
    counts("""
        import ctypes
        from pathlib import Path
        libc = ctypes.CDLL(None)
        libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        m = sparse(8 * P)
        view = memoryview(m)
        limit = int(Path("/proc/sys/vm/max_map_count").read_text())
        if limit > 200_000:
            print("unlimited")
            raise SystemExit
        filler = MmapOptions(2 * (limit + 100) * P).with_flags(MmapFlags.NO_RESERVE).map_mut()
        first, mprotect, at = filler.start(), libc.mprotect, 0
        cut(P)
        while mprotect(first + at * P, P, 1) == 0:
            at += 2
        got = view[5 * P], view[7 * P], view[0]
        mprotect(first, at * P, 3)
        assert at > 1000 and got == (0, 0, 0) and m.faulted()
        faults(lambda: m[0])
    """)


@LINUX
def test_children_of_fork_repair_their_own() -> None:
    counts("""
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        m = sparse(20_000 * P)
        view = memoryview(m)
        cut(P)
        pid = os.fork()
        if pid == 0:
            before = areas()
            few = not any(view[::-P]) and areas() <= before + FEW
            os._exit(0 if few and m.faulted() else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert not m.faulted() and view[0] == 0
        faults(lambda: m[::P])
    """)


@LINUX
def test_no_descriptor_is_needed() -> None:
    counts("""
        import tempfile
        m = sparse(1000 * P)
        other = tempfile.TemporaryFile(buffering=0)
        cut(P)
        number = file.fileno()
        os.closerange(3, 256)
        # A larger file has the number now.
        assert os.open("/proc/self/exe", os.O_RDONLY) == 3
        os.dup2(3, number)
        faults(lambda: m[::P])
    """)


def test_who_reads_zeros_raises() -> None:
    # The mark is set before the zeros are there: no thread on the same page takes them for data.
    child("""
        import threading, time
        from concurrent.futures import ThreadPoolExecutor
        PAGES, THREADS = 16, 4
        options = MmapOptions((PAGES + 1) * P).with_file(file, past_end=True).with_flags(MmapFlags.SHARED)
        options = options.with_fault_guard()
        barrier = threading.Barrier(THREADS + 1)
        mapping, silent, stop = None, [], False

        def read():
            while True:
                barrier.wait()
                if stop:
                    return
                try:
                    silent.append(mapping.count(b"x"))
                except FaultError:
                    pass
                barrier.wait()

        threads = [threading.Thread(target=read) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 5
        while time.monotonic() < end:
            os.ftruncate(file.fileno(), 0)
            os.pwrite(file.fileno(), b"x" * (PAGES * P), 0)
            mapping = options.map()
            barrier.wait()
            barrier.wait()
            mapping.close()
        stop = True
        barrier.wait()
        assert not silent, len(silent)
    """)


STRESS = """
    import threading, time
    whole()
    m = None
    stop = time.monotonic() + SECONDS
    seen = [0] * 4
    failed = []

    def read(number):
        try:
            while time.monotonic() < stop:
                whole_options = MmapOptions(SIZE).with_file(file, past_end=True).with_flags(MmapFlags.SHARED)
                mapping = whole_options.with_fault_guard().map()
                try:
                    while time.monotonic() < stop:
                        mapping[number::P], mapping.find(b"y"), mapping[-1], mapping.count(b"x")
                except FaultError:
                    seen[number] += 1
                mapping.close()
        except BaseException as error:
            failed.append(error)

    pid = os.fork()
    if pid == 0:
        while time.monotonic() < stop:
            os.ftruncate(file.fileno(), P)
            os.ftruncate(file.fileno(), SIZE)
        os._exit(0)
    descriptors = len(os.listdir("/proc/self/fd"))
    areas = len(list(MemoryAreas.open()))
    threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.waitpid(pid, 0)
    assert not failed, failed
    assert all(seen), seen
    assert len(os.listdir("/proc/self/fd")) == descriptors
    # Threads leave stacks and arenas of the allocator behind, a few areas each; a leak would be one a round.
    assert len(list(MemoryAreas.open())) <= areas + 40, (areas, sum(seen))
    print(sum(seen))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts through /proc")
def test_a_file_truncated_again_and_again_under_four_readers(
    request: pytest.FixtureRequest,
) -> None:
    seconds = float(str(request.config.getoption("--stress-seconds")))
    code = f"SECONDS = {seconds}\n" + textwrap.dedent(STRESS)
    assert int(child(code, seconds + 60)) >= 4
