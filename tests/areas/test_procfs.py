"""A process that is there, and a /proc that does not show it, or not its memory."""

import platform
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mmap_rs import MemoryAreas, MmapOptions
from tests.support import syscall_injection
from tests.support.child_process import check_child
from tests.support.procfs import areas

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="about Linux's /proc")

LAST = sys.maxsize * 2 + 1
NO_PROCESS = (0, 2**22 + 1, 2**31 - 1, 2**31, 2**32 - 1)

# Runs first in a child, which then has a mount namespace of its own. `ask` asks in each way that there is
# and returns the exception, which must be the same for all; `None` asks about this process.
NAMESPACE = """
import ctypes, errno, os, subprocess, sys, threading
from mmap_rs import MemoryAreas, MmapOptions, SystemCallError

CLONE_NEWNS, CLONE_NEWPID = 0x20000, 0x20000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 1 << 18
LAST = sys.maxsize * 2 + 1
libc = ctypes.CDLL(None, use_errno=True)

def refuse(what):
    print(f"skip: {what}: {os.strerror(ctypes.get_errno())}")
    raise SystemExit(0)

def unshare(flags):
    if libc.unshare(flags):
        refuse("unshare")

def mount(source, target, kind, flags=0, data=None):
    if libc.mount(source, target, kind, flags, data):
        refuse(f"mount of {target.decode()}")

def ask(pid):
    if pid is None:
        ways = (
            lambda: list(MemoryAreas.open()),
            lambda: MemoryAreas.query(id(sys)),
            lambda: list(MemoryAreas.query_range(range(LAST))),
        )
    else:
        ways = (
            lambda: list(MemoryAreas.open(pid)),
            lambda: MemoryAreas.query_process(pid, 0x1000),
            lambda: list(MemoryAreas.query_process_range(pid, range(LAST))),
        )
    errors = []
    for way in ways:
        try:
            raise AssertionError(f"of {pid}: {way()}")
        except OSError as error:
            assert isinstance(error, SystemCallError), error
            errors.append(error)
    assert len({(type(error), error.errno, str(error)) for error in errors}) == 1, errors
    return errors[0]

unshare(CLONE_NEWNS)
mount(None, b"/", None, MS_REC | MS_PRIVATE)
"""


def in_a_namespace(code: str) -> None:
    output = check_child(
        NAMESPACE + code + "\nprint('done')", arguments=tuple(map(str, NO_PROCESS))
    )
    if output.startswith("skip: "):
        pytest.skip(f"needs namespaces of its own: {output.removeprefix('skip: ').strip()}")
    assert output == "done\n"


def test_without_proc() -> None:
    in_a_namespace(
        """
mount(b"none", b"/proc", b"tmpfs")
for pid, path in ((None, "self"), (os.getpid(), "self"), (1, "1")):
    error = ask(pid)
    assert isinstance(error, FileNotFoundError), error
    assert error.filename == f"/proc/{path}/maps" and "/proc is not mounted" in str(error), error
for pid in map(int, sys.argv[1:]):
    assert isinstance(ask(pid), ProcessLookupError)

def command(pid):
    done = subprocess.run(
        [sys.executable, "-m", "mmap_rs", "areas", "--pid", str(pid)], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr.count("\\n")) == (1, "", 1), done
    return done.stderr

assert "/proc is not mounted" in command(1)
assert "No such process" in command(sys.argv[2])
"""
    )


@pytest.mark.parametrize("hidepid", [1, 2, 4])
def test_where_proc_hides_processes(hidepid: int) -> None:
    in_a_namespace(
        f"""
# Before Linux 5.8 the option is of the whole namespace of processes: so it is of a new one.
unshare(CLONE_NEWPID)
child = os.fork()
if child:
    _, status = os.waitpid(child, 0)
    assert status == 0, status
    raise SystemExit(print("done"))
mount(b"proc", b"/proc", b"proc", 0, b"hidepid={hidepid}")
root = os.getpid()
child = os.fork()
if child:
    _, status = os.waitpid(child, 0)
    os._exit(status != 0)
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
error = ask(root)
assert isinstance(error, PermissionError), error
assert {hidepid} == 1 or "hidepid" in str(error), error
for pid in map(int, sys.argv[1:]):
    assert isinstance(ask(pid), ProcessLookupError)
# This process is shown all the same.
assert list(MemoryAreas.open(os.getpid())) and MemoryAreas.query(id(sys))
os._exit(0)
"""
    )


def test_a_proc_of_an_outer_namespace() -> None:
    in_a_namespace(
        """
unshare(CLONE_NEWPID)
child = os.fork()
if child:
    _, status = os.waitpid(child, 0)
    assert status == 0, status
else:
    # To /proc, 1 is another process.
    assert os.getpid() == 1 and os.readlink("/proc/self") != "1"
    mapping = MmapOptions.for_file(sys.executable).map()
    start, addresses = mapping.start(), range(mapping.start(), mapping.end())
    for pid in (None, 1):
        assert MemoryAreas.query_process(pid, start) == MemoryAreas.query(start) != None
        (found,) = MemoryAreas.query_process_range(pid, addresses)
        assert str(found.path()) == os.path.realpath(sys.executable), found
        assert found in list(MemoryAreas.open(pid))
    # As are 2 and all others.
    stop = os.pipe()
    child = os.fork()
    if not child:
        os.close(stop[1])
        os.read(stop[0], 1)
        os._exit(0)
    error = ask(child)
    assert child == 2 and isinstance(error, FileNotFoundError), error
    assert "another pid namespace" in str(error), error
    os.close(stop[1])
    os._exit(0)
"""
    )


def test_a_proc_of_an_inner_namespace() -> None:
    in_a_namespace(
        """
unshare(CLONE_NEWPID)
ready, stop = os.pipe(), os.pipe()
child = os.fork()
if child:
    os.close(ready[1])
    os.close(stop[0])
    assert os.read(ready[0], 1) == b"x"
    # Number 1 is another process in there, and the others are none.
    for pid in (None, os.getpid(), os.getppid(), child, 1):
        error = ask(pid)
        assert isinstance(error, FileNotFoundError), error
        assert "another pid namespace" in str(error), error
    os.close(stop[1])
    _, status = os.waitpid(child, 0)
    assert status == 0, status
else:
    os.close(stop[1])
    if libc.mount(b"proc", b"/proc", b"proc", 0, None):
        os._exit(1)
    os.write(ready[1], b"x")
    os.read(stop[0], 1)
    os._exit(0)
"""
    )


# --- one's own


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "aarch64", "riscv64") or sys.maxsize < 1 << 32,
    reason="knows the number of exit on three processors",
)
def test_the_first_thread_has_ended() -> None:
    output = check_child(
        """
        import ctypes, os, platform, sys, threading, time
        from mmap_rs import MemoryAreas, MmapOptions, _mmap_rs

        def go_on():
            while open("/proc/self/maps").read(1):
                time.sleep(0.01)
            mapping = MmapOptions.for_file(sys.executable).map()
            at = mapping.start()
            for pid in (None, os.getpid(), threading.get_native_id()):
                found = MemoryAreas.query_process(pid, at)
                assert found is not None and found.path(), (pid, found)
                assert found in list(MemoryAreas.open(pid)), pid
                addresses = range(mapping.start(), mapping.end())
                assert list(MemoryAreas.query_process_range(pid, addresses)) == [found], pid
                assert list(_mmap_rs._areas_by_text(pid, addresses)) == [found], pid
            assert MemoryAreas.query(0x1000) is None
            os.write(1, b"done")
            os._exit(0)

        def guarded():
            try:
                go_on()
            except BaseException as error:
                os.write(2, repr(error).encode())
                os._exit(1)

        threading.Thread(target=guarded).start()
        exit = {"x86_64": 60, "aarch64": 93, "riscv64": 93}[platform.machine()]
        ctypes.CDLL(None).syscall(exit, 0)
        """
    )
    assert output == "done"


def test_an_own_list_is_never_empty() -> None:
    in_a_namespace(
        """
def cover(path):
    mount(b"/dev/null", path.encode(), None, MS_BIND)

cover(f"/proc/{os.getpid()}/maps")
# The list of this thread has the same.
assert any(id(sys) in area for area in MemoryAreas.open()) and id(sys) in MemoryAreas.query(id(sys))
cover(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/maps")
error = ask(None)
assert error.errno == errno.ENODATA and "empty" in str(error) and "mounted over" in str(error), error
assert str(ask(os.getpid())) == str(error)
"""
    )


# --- processes without memory, and with another one


def waiting(code: str = "pass") -> subprocess.Popen[bytes]:
    source = f"import os\nprint(flush=True); os.read(0, 1)\n{code}"
    other = subprocess.Popen(
        [sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    other.stdout.readline()
    return other


OPENERS: dict[str, Callable[[int], MemoryAreas]] = {
    "all": MemoryAreas.open,
    "range": lambda pid: MemoryAreas.query_process_range(pid, range(LAST)),
}


@pytest.mark.parametrize("opener", OPENERS.values(), ids=OPENERS)
def test_another_program_before_the_first_area(opener: Callable[[int], MemoryAreas]) -> None:
    cat = shutil.which("cat")
    if cat is None:
        pytest.skip("there is no program cat")
    with waiting(f"os.execv({cat!r}, ['cat'])") as other:
        assert other.stdin is not None
        assert other.stdout is not None
        listed = opener(other.pid)
        # `cat` gives back what comes after the byte for the code before it.
        other.stdin.write(b"xyz\n")
        other.stdin.flush()
        assert other.stdout.readline() == b"yz\n"
        found = list(listed)
        # What was opened has gone, with nothing of it told; so the list is that of the new program.
        assert [area.start() for area in found] == [area.start for area in areas(other.pid)]
        other.kill()


def test_another_program_after_the_first_area() -> None:
    cat = shutil.which("cat")
    if cat is None:
        pytest.skip("there is no program cat")
    # More areas than one read of the list returns.
    many = "maps = [mmap.mmap(-1, 4096, prot=1 + n % 2) for n in range(2000)]"
    with waiting(f"import mmap; {many}; os.execv({cat!r}, ['cat'])") as other:
        assert other.stdin is not None
        assert other.stdout is not None
        listed = MemoryAreas.open(other.pid)
        assert next(listed).start() > 0
        other.stdin.write(b"xyz\n")
        other.stdin.flush()
        assert other.stdout.readline() == b"yz\n"
        with pytest.raises(
            ProcessLookupError, match="the process has ended or started another program"
        ):
            list(listed)
        other.kill()


def test_the_number_of_a_thread() -> None:
    numbers: list[int] = []
    started, stop = threading.Event(), threading.Event()

    def run() -> None:
        numbers.append(threading.get_native_id())
        started.set()
        stop.wait()

    thread = threading.Thread(target=run)
    thread.start()
    started.wait()
    (number,) = numbers
    with MmapOptions.for_file(sys.executable).map() as mapping:
        found = MemoryAreas.query(mapping.start())
        assert found is not None
        assert MemoryAreas.query_process(number, mapping.start()) == found
        listed = MemoryAreas.open(number)
        assert found in listed
        stop.set()
        thread.join()
        while Path(f"/proc/{number}").exists():
            pass
        with pytest.raises(ProcessLookupError):
            MemoryAreas.query_process(number, mapping.start())


@pytest.mark.parametrize("pid", NO_PROCESS)
def test_no_process(pid: int) -> None:
    with pytest.raises(ProcessLookupError):
        MemoryAreas.open(pid)
    with pytest.raises(ProcessLookupError):
        MemoryAreas.query_process(pid, 0)


@pytest.mark.skipif(
    syscall_injection.unsupported() is not None, reason=str(syscall_injection.unsupported())
)
def test_a_kernel_that_refuses_to_open_a_list_without_memory() -> None:
    # As some do: `No such process` of one that is there, if only as a zombie or as a thread of the kernel's.
    check_child(
        """
        import errno, os, subprocess, sys
        from tests.support.syscall_injection import Failure, Injector
        from mmap_rs import MemoryAreas

        injector = Injector()
        with injector.failing({0: Failure(errno.ESRCH), 2: Failure(errno.ESRCH)}) as calls:
            assert list(MemoryAreas.open(os.getppid())) == []
            assert MemoryAreas.query_process(os.getppid(), 0x1000) is None
        assert [call.name for call in calls] == ["open64", "kill"] * 2, calls
        with injector.failing({0: Failure(errno.ESRCH)}):
            # This one has memory, by another list.
            assert list(MemoryAreas.open())
        """
    )
