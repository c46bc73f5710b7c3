"""Other processes: ended, ending, not ours, the kernel's own; and lists that change while they are read."""

import contextlib
import gc
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator

import pytest

import mmap_rs
from mmap_rs import MemoryAreas, MmapOptions
from tests.support.address_space import hole
from tests.support.child_process import check_child
from tests.support.os_features import is_root
from tests.support.procfs import areas, descriptors

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="about Linux's /proc")

LAST = sys.maxsize * 2 + 1
# Seconds for which all processes are listed again and again: a minute shows more.
SOAK = float(os.environ.get("MMAP_RS_SOAK", "2"))
SLEEP = shutil.which("sleep")


@contextlib.contextmanager
def process(code: str = "") -> Generator[subprocess.Popen[bytes]]:
    """Run a process with many areas that waits; it is killed at the end."""
    started = subprocess.Popen(
        [sys.executable, "-c", f"{code}\nprint(flush=True)\nimport time; time.sleep(100)"],
        stdout=subprocess.PIPE,
    )
    assert started.stdout is not None
    started.stdout.readline()
    try:
        yield started
    finally:
        started.kill()
        started.wait(20)
        started.stdout.close()


# Each second area is of another protection, so that the list is longer than one read.
MANY = """
import mmap_rs
kept = []
for _ in range(400):
    kept += [mmap_rs.MmapOptions(4096 * 16).map(), mmap_rs.MmapOptions(4096 * 16).map_none()]
"""


def zombie(pid: int) -> None:
    """Wait until a killed child is a zombie."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


# --- processes that end


@pytest.mark.parametrize("reaped", [False, True])
@pytest.mark.parametrize("ranged", [False, True])
def test_a_process_that_ends_while_it_is_read(reaped: bool, ranged: bool) -> None:
    with process(MANY) as other:
        whole = len(areas(other.pid))
        assert whole > 400
        if ranged:
            listed = MemoryAreas.query_process_range(other.pid, range(LAST))
        else:
            listed = MemoryAreas.open(other.pid)
        seen = [next(listed) for _ in range(3)]
        other.kill()
        zombie(other.pid)
        if reaped:
            other.wait()
        # What was read already may come; then an error tells that it was not all.
        with pytest.raises(ProcessLookupError) as caught:
            seen.extend(listed)
        assert isinstance(caught.value, mmap_rs.SystemCallError)
        assert len(seen) < whole
        assert list(listed) == []


def test_a_process_that_has_ended_has_no_areas() -> None:
    with process() as other:
        other.kill()
        zombie(other.pid)
        # It has an entry in /proc until its parent asks for its end.
        assert list(MemoryAreas.open(other.pid)) == []
        assert MemoryAreas.query_process(other.pid, 0x1000) is None
        assert list(MemoryAreas.query_process_range(other.pid, range(LAST))) == []
        other.wait()
        for ask in (
            lambda: MemoryAreas.open(other.pid),
            lambda: MemoryAreas.query_process(other.pid, 0x1000),
            lambda: MemoryAreas.query_process_range(other.pid, range(LAST)),
        ):
            with pytest.raises(ProcessLookupError):
                ask()


def test_a_process_that_starts_another_program() -> None:
    if SLEEP is None:
        pytest.skip("there is no program sleep")
    code = "import os, sys; print(flush=True); sys.stdin.read(1)\n"
    code += f"os.execv({SLEEP!r}, ['sleep', '100'])"
    other = subprocess.Popen(
        [sys.executable, "-c", MANY + code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        listed = MemoryAreas.open(other.pid)
        first = next(listed)
        before = os.readlink(f"/proc/{other.pid}/exe")
        other.stdin.write(b"x")
        other.stdin.flush()
        for _ in range(1000):
            if os.readlink(f"/proc/{other.pid}/exe") != before:
                break
            time.sleep(0.01)
        # The memory that was listed is gone, though there is a process of that number.
        with pytest.raises(ProcessLookupError):
            list(listed)
        assert next(MemoryAreas.open(other.pid)) != first
        other.kill()


def test_the_kernels_own_processes_have_no_areas() -> None:
    def is_the_kernels(pid: str) -> bool:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", "rb") as file:
            flags = int(file.read().rpartition(b")")[2].split()[6])
            return bool(flags & 0x00200000)  # PF_KTHREAD
        return False

    pid = next((pid for pid in os.listdir("/proc") if pid.isdigit() and is_the_kernels(pid)), None)
    if pid is None:
        pytest.skip("no process of the kernel's own is to be seen in this namespace of processes")
    with contextlib.suppress(PermissionError):
        assert list(MemoryAreas.open(int(pid))) == []
        assert MemoryAreas.query_process(int(pid), 0x1000) is None
        assert list(MemoryAreas.query_process_range(int(pid), range(LAST))) == []


# --- processes that are not ours


@pytest.mark.skipif(not is_root(), reason="only root may become another user")
def test_nobody_may_ask_for_another_users_process() -> None:
    output = check_child(
        """
        import os, sys
        from mmap_rs import MemoryAreas, SystemCallError

        other = int(sys.argv[1])
        # Root may; and nobody may ask for itself, after it has looked as root too.
        for nobody in (False, True):
            if nobody:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            for ask in (
                lambda: list(MemoryAreas.open(other)),
                lambda: MemoryAreas.query_process(other, 0x1000),
                lambda: list(MemoryAreas.query_process_range(other, range(0x1000))),
            ):
                try:
                    ask()
                except PermissionError as error:
                    assert nobody and isinstance(error, SystemCallError), error
                    assert str(other) in str(error), error
                else:
                    assert not nobody
            assert MemoryAreas.query(id(other)) is not None
        print("done")
        """,
        arguments=(str(os.getpid()),),
    )
    assert output == "done\n"


# --- all processes


def test_all_processes_while_they_come_and_go() -> None:
    if SLEEP is None:
        pytest.skip("there is no program sleep")
    program = SLEEP
    stop = threading.Event()

    def come_and_go() -> None:
        while not stop.is_set():
            children = [subprocess.Popen([program, "0.02"]) for _ in range(3)]
            children[0].send_signal(signal.SIGKILL)
            for child in children:
                child.wait()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    refused = listed = rounds = 0
    before = descriptors()
    try:
        end = time.monotonic() + SOAK
        while time.monotonic() < end:
            rounds += 1
            for name in os.listdir("/proc"):
                if not name.isdigit():
                    continue
                try:
                    found = list(MemoryAreas.open(int(name)))
                    for area in found[:: max(len(found) // 3, 1)]:
                        MemoryAreas.query_process(int(name), area.start())
                    listed += bool(found)
                except (ProcessLookupError, PermissionError):
                    refused += 1
                else:
                    starts = [area.start() for area in found]
                    assert starts == sorted(starts)
    finally:
        stop.set()
        thread.join()
    assert rounds
    assert listed > rounds
    gc.collect()
    # The lists are all at their end.
    assert descriptors() - before == set()


# --- lists that change while they are read


@pytest.mark.parametrize("ranged", [False, True])
def test_areas_never_overlap_while_others_change(ranged: bool, page: int) -> None:
    pages = 600
    with hole(pages * page) as address:
        mapping = MmapOptions(pages * page).with_address(address).map_none()
        pieces: list[mmap_rs.Mapping] = [mapping.split_off(mapping.size() - page)]
        while mapping.size() > page:
            pieces.append(mapping.split_off(mapping.size() - page))
        pieces.append(mapping)
        stop = threading.Event()

        def change() -> None:
            # Joined with their neighbours, and apart from them again.
            while not stop.is_set():
                for number in range(0, len(pieces), 2):
                    pieces[number] = pieces[number].make_read_only()
                for number in range(0, len(pieces), 2):
                    pieces[number] = pieces[number].make_none()

        thread = threading.Thread(target=change)
        thread.start()
        try:
            for _ in range(100):
                end = 0
                covered = 0
                if ranged:
                    listed = MemoryAreas.query_range(range(address, address + pages * page))
                else:
                    listed = MemoryAreas.open()
                for area in listed:
                    assert end <= area.start() < area.end()
                    end = area.end()
                    low, high = max(area.start(), address), min(end, address + pages * page)
                    covered += max(high - low, 0)
                # Always mapped, in one way or another: so it is all in the list.
                assert covered == pages * page
        finally:
            stop.set()
            thread.join()
        for piece in pieces:
            piece.close()


def test_a_list_is_read_in_pieces(page: int) -> None:
    with contextlib.ExitStack() as kept:
        # Neighbours of two kinds make many areas, so that the list is longer than one read.
        for number in range(400):
            options = MmapOptions(page)
            kept.enter_context(options.map_none() if number % 2 else options.map())
        listed = MemoryAreas.open()
        first = next(listed)
        # Mapped above what was read already: it comes, too.
        late = max(areas(), key=lambda area: area.start if area.end < 1 << 63 else 0)
        starts = [area.start() for area in listed]
        assert first.start() < starts[0]
        assert late.start in starts
        assert len(starts) > 400


# --- ending early


OPENERS: dict[str, Callable[[], MemoryAreas]] = {
    "all": MemoryAreas.open,
    "of a process": lambda: MemoryAreas.open(os.getpid()),
    "a range": lambda: MemoryAreas.query_range(range(LAST)),
}


@pytest.mark.parametrize("opener", OPENERS.values(), ids=OPENERS)
def test_close_and_with(opener: Callable[[], MemoryAreas]) -> None:
    before = descriptors()
    with opener() as listed:
        assert len(descriptors()) == len(before) + 1
        next(listed)
    assert descriptors() == before
    assert next(listed, None) is None
    listed.close()
    with listed as again:
        assert again is listed
        assert list(again) == []
    with pytest.raises(KeyError), opener():
        raise KeyError
    assert descriptors() == before
    fresh = opener()
    fresh.close()
    assert list(fresh) == []
    assert descriptors() == before


def test_an_abandoned_iterator_holds_nothing() -> None:
    before = descriptors()
    held = [MemoryAreas.open() for _ in range(20)]
    held += [MemoryAreas.query_range(range(LAST)) for _ in range(20)]
    assert all(next(listed).end() for listed in held)
    assert len(descriptors()) == len(before) + 40
    held.clear()
    gc.collect()
    assert descriptors() == before


def test_threads_share_an_iterator() -> None:
    whole = len(areas())
    for closing in (False, True):
        listed = MemoryAreas.open()
        seen: list[int] = []

        def read(listed: MemoryAreas = listed, seen: list[int] = seen) -> None:
            seen.extend(area.start() for area in listed)

        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        if closing:
            listed.close()
        for thread in threads:
            thread.join()
        assert len(set(seen)) == len(seen)
        assert closing or len(seen) >= whole - 2
