"""The fault guard: what a mapping does when the system can't provide a page.

All of it runs in child processes: what goes wrong here ends a process with SIGBUS.
"""

import signal
import sys
import textwrap

import pytest

from child import check_child, describe, died_of, run_child

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
    """Run a scene that prints a line and then ends by SIGBUS."""
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


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="mounts a file system the Linux way"
)
def test_a_full_disk() -> None:
    code = """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(0x20000):
            print("refused")
            raise SystemExit
        folder = tempfile.mkdtemp()
        libc.mount(b"none", b"/", None, 0x4000 | 1 << 18, None)
        if libc.mount(b"tmpfs", folder.encode(), b"tmpfs", 0, b"size=64k"):
            os.rmdir(folder)
            print("refused")
            raise SystemExit
        try:
            path = os.path.join(folder, "sparse")
            with open(path, "wb") as sparse:
                sparse.truncate(1 << 20)
            m = MmapOptions.for_file(path).with_flags(MmapFlags.SHARED).with_fault_guard().map_mut()
            m[0] = 1
            faults(lambda: m.fill(1))
            m.close()
        finally:
            libc.umount(folder.encode())
            os.rmdir(folder)
    """
    if child(code) == "refused\n":
        pytest.skip("this process may not mount: it needs CAP_SYS_ADMIN")


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
