"""What of an area is in memory, and what it is called: against the kernel's own text."""

import contextlib
import copy
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("compares with Linux's /proc/PID/smaps", allow_module_level=True)

from mmap_rs import (
    AreaUsage,
    MemoryArea,
    MemoryAreas,
    MmapFlags,
    MmapOptions,
    Protection,
    ShareMode,
)
from tests.support.child_process import check_child
from tests.support.os_features import is_root
from tests.support.procfs import KernelArea, areas, descriptors, smaps

# The kernel's names of what has one line of its own.
LINES = {
    "resident": "Rss",
    "proportional": "Pss",
    "shared_clean": "Shared_Clean",
    "shared_dirty": "Shared_Dirty",
    "private_clean": "Private_Clean",
    "private_dirty": "Private_Dirty",
    "referenced": "Referenced",
    "anonymous": "Anonymous",
    "swap": "Swap",
    "locked": "Locked",
}
HUGE = ("AnonHugePages", "ShmemPmdMapped", "FilePmdMapped", "Shared_Hugetlb", "Private_Hugetlb")
SLEEP = shutil.which("sleep")

Key = tuple[int, int, str, bytes | None]
Numbers = dict[str, int | frozenset[str] | None]


def kernels(area: KernelArea) -> tuple[Key, Numbers]:
    """Return what the module must say of an area."""
    numbers: Numbers = {name: area.sizes.get(line) for name, line in LINES.items()}
    huge = [area.sizes[line] for line in HUGE if line in area.sizes]
    numbers["huge"] = sum(huge) if huge else None
    numbers["vm_flags"] = area.vm_flags
    return (area.start, area.end, area.permissions, area.path), numbers


def ours(area: MemoryArea) -> tuple[Key, Numbers]:
    """Return what the module says, in the same form."""
    path = area.path()
    permissions = "".join(
        letter if flag in area.protection() else "-"
        for letter, flag in zip("rwx", Protection, strict=True)
    )
    permissions += "s" if area.share_mode() is ShareMode.Shared else "p"
    usage = area.usage()
    assert usage is not None
    numbers: Numbers = {name: getattr(usage, name) for name in (*LINES, "huge", "vm_flags")}
    key = (area.start(), area.end(), permissions, None if path is None else os.fsencode(path))
    return key, numbers


def disagreements(pid: int | None) -> set[object]:
    """Compare a process's list with the kernel's before and after it, as far as these are the same."""
    of = "self" if pid is None else pid
    before = dict(map(kernels, smaps(of)))
    found = dict(map(ours, MemoryAreas.open(pid, usage=True)))
    after = dict(map(kernels, smaps(of)))
    wrong: set[object] = set(found.keys() - before.keys() - after.keys())
    for key in before.keys() & after.keys():
        if key not in found:
            wrong.add(key)
            continue
        for name, value in before[key].items():
            if value == after[key][name] and found[key][name] != value:
                wrong.add((key, name))
    return wrong


def never_agree(pid: int | None) -> set[object]:
    """Return what disagrees again and again: something may change and change back between two looks."""
    wrong = disagreements(pid)
    for _ in range(10):
        if not wrong:
            break
        wrong &= disagreements(pid)
    return wrong


@pytest.fixture
def standing() -> Iterator[int]:
    """A process that is stopped, so that nothing in its list changes by itself."""
    code = """
import mmap_rs, os, signal
kept = [mmap_rs.MmapOptions(1 << 20).map_mut() for _ in range(3)]
kept[0].populate(write=True)
kept[1].populate(range(0, 65536), write=True)
print(flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    os.waitpid(process.pid, os.WUNTRACED)
    yield process.pid
    process.kill()
    process.communicate()


# --- against the kernel


def test_every_number_of_a_process_that_stands_still(standing: int) -> None:
    listed = list(MemoryAreas.open(standing, usage=True))
    assert [ours(area)[0] for area in listed] == [kernels(area)[0] for area in smaps(standing)]
    assert never_agree(standing) == set()
    assert any((usage := area.usage()) and usage.private_dirty for area in listed)


def test_every_number_of_this_process() -> None:
    assert never_agree(None) == set()
    assert never_agree(os.getpid()) == set()


def test_every_number_of_every_process_while_they_come_and_go() -> None:
    if SLEEP is None:
        pytest.skip("there is no program sleep")
    program, stop, seen = SLEEP, threading.Event(), 0

    def come_and_go() -> None:
        while not stop.is_set():
            for child in [subprocess.Popen([program, "0.02"]) for _ in range(3)]:
                child.wait(60)

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for _ in range(3):
            for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()]:
                # Gone since, or another user's, or another program since.
                with contextlib.suppress(ProcessLookupError, PermissionError, FileNotFoundError):
                    assert never_agree(pid) == set(), pid
                    seen += 1
    finally:
        stop.set()
        thread.join()
    assert seen >= 3


def test_the_same_areas_with_and_without(standing: int) -> None:
    plain, used = list(MemoryAreas.open(standing)), list(MemoryAreas.open(standing, usage=True))
    # How much is in memory has no part in comparisons.
    assert plain == used
    assert list(map(hash, plain)) == list(map(hash, used))
    assert [area.usage() for area in plain] == [None] * len(plain)
    assert all(isinstance(area.usage(), AreaUsage) for area in used)
    for area in (MemoryAreas.query(id(plain)), next(MemoryAreas.query_range(range(sys.maxsize)))):
        assert area is not None
        assert area.usage() is None


def usage_at(address: int) -> AreaUsage:
    (usage,) = [area.usage() for area in MemoryAreas.open(usage=True) if address in area.range()]
    assert usage is not None
    return usage


def test_what_is_written_is_resident(page: int) -> None:
    # Shared, so that it is an area of its own.
    with MmapOptions(64 * page).with_flags(MmapFlags.SHARED).map_mut() as mapping:
        assert usage_at(mapping.start()).resident == 0
        mapping[: 16 * page] = bytes([1]) * (16 * page)
        usage = usage_at(mapping.start())
        assert usage.resident == 16 * page
        assert usage.proportional == 16 * page
        assert usage.vm_flags is not None
        assert {"rd", "wr", "sh"} <= usage.vm_flags


def test_a_file_of_two_mappings(tmp_path: Path, page: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(8 * page))
    first, second = (MmapOptions.for_file(file).with_flags(MmapFlags.SHARED).map() for _ in "12")
    with first, second:
        first.populate()
        second.populate()
        usage = usage_at(first.start())
        assert usage.resident == 8 * page
        assert usage.proportional is not None
        assert usage.proportional < 8 * page


# --- where the kernel says less


def test_lists_in_a_namespace_without_all_lines(tmp_path: Path) -> None:
    """As old kernels and containers write them: a file is mounted over this process's list."""
    output = check_child(
        r"""
        import ctypes, os, sys
        from mmap_rs import AreaUsage, MemoryAreas, ParseError
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(0x20000) or libc.mount(None, b"/", None, 0x4000 | 1 << 18, None):
            print("skip")
            raise SystemExit
        made = sys.argv[1].encode()

        def ask(text):
            with open(made, "wb") as file:
                file.write(text)
            own = f"/proc/{os.getpid()}/smaps".encode()
            assert libc.mount(made, own, None, 0x1000, None) == 0, ctypes.get_errno()
            try:
                return [area.usage() for area in MemoryAreas.open(usage=True)]
            finally:
                assert libc.umount2(own, 2) == 0

        head = b"1000-2000 rw-p 00000000 00:00 0 \n"
        after = b"3000-4000 rw-p 00000000 00:00 0 \n"
        old = b"Size:                 4 kB\nRss:                  4 kB\nShared_Clean:         0 kB\n"
        first, second = ask(head + old + after)
        assert (first.resident, first.shared_clean) == (4096, 0), first
        unsaid = [getattr(first, name) for name in ("proportional", "swap", "huge", "vm_flags")]
        assert unsaid == [None] * 4, first
        assert repr(second) == "<mmap_rs.AreaUsage>", second
        # As the kernel writes them, far more than a read brings, and the last without a newline.
        many = b"".join(b"%x000-%x000 rw-p 0 00:00 0\nRss: %d kB\nNew: x\nVmFlags: rd mr\n"
            % (n, n + 1, n) for n in range(1, 5000)).rstrip(b"\n")
        found = ask(many)
        assert [usage.resident for usage in found] == [n * 1024 for n in range(1, 5000)]
        assert {usage.vm_flags for usage in found} == {frozenset({"rd", "mr"})}
        # More flags than a kernel has bits for are unknown, and the rest is read.
        first, second = ask(head + b"Rss: 4 kB\nVmFlags:" + b" rd" * 65 + b" \n" + after)
        assert (first.resident, first.vm_flags) == (4096, None), first
        for wrong in (b"Rss: x kB\n", b"Rss: 4\n", b"no colon\n", b"VmFlags: abc\n"):
            try:
                ask(head + wrong + after)
            except ParseError as error:
                assert wrong.decode().strip() in str(error), error
            else:
                raise AssertionError(wrong)
        print("done")
        """,
        arguments=(str(tmp_path / "smaps"),),
    )
    if output == "skip\n":
        pytest.skip("needs a namespace of its own for mounts")
    assert output == "done\n"


# --- other processes


def test_a_process_that_ends_while_it_is_read() -> None:
    code = "import mmap_rs; kept = [mmap_rs.MmapOptions(4096).map_none() if n % 2 else "
    code += "mmap_rs.MmapOptions(4096).map() for n in range(800)]; print(flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        listed = MemoryAreas.open(process.pid, usage=True)
        next(listed)
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        with pytest.raises(ProcessLookupError):
            list(listed)
    with pytest.raises(ProcessLookupError):
        MemoryAreas.open(process.pid, usage=True)


@pytest.mark.skipif(not is_root(), reason="only root may become another user")
def test_a_process_that_is_not_ours_names_its_owner() -> None:
    output = check_child(
        """
        import os, sys
        from mmap_rs import MemoryAreas
        os.setgroups([]), os.setgid(65534), os.setuid(65534)
        for usage in (False, True):
            try:
                MemoryAreas.open(int(sys.argv[1]), usage=usage)
            except PermissionError as error:
                text = str(error)
                assert "user 0" in text and "user 65534" in text and "ptrace_scope" in text, text
            else:
                raise AssertionError(usage)
        # This process is not dumpable any more, and may look at itself all the same.
        assert list(MemoryAreas.open(usage=True))
        print("done")
        """,
        arguments=(str(os.getpid()),),
    )
    assert output == "done\n"


def test_it_holds_nothing_open() -> None:
    before = descriptors()
    for _ in range(50):
        next(MemoryAreas.open(usage=True))
        with MemoryAreas.open(usage=True) as listed:
            next(listed)
        list(MemoryAreas.open(usage=True))
    assert descriptors() == before


# --- values


def test_usage_is_a_value(standing: int) -> None:
    first, second = (next(MemoryAreas.open(standing, usage=True)).usage() for _ in "12")
    assert first is not None
    assert first == second
    assert hash(first) == hash(second)
    assert copy.copy(first) is first
    assert copy.deepcopy(first) is first
    assert repr(first).startswith(f"<mmap_rs.AreaUsage resident={first.resident} proportional=")
    untyped: Any = first
    with pytest.raises(AttributeError):
        untyped.resident = 5
    make: Any = AreaUsage
    with pytest.raises(TypeError):
        make()


def test_usage_is_given_by_name() -> None:
    open_it: Any = MemoryAreas.open
    with pytest.raises(TypeError):
        open_it(None, True)
    with pytest.raises(TypeError):
        open_it(usage=1)


# --- names


def test_names_of_the_kernel() -> None:
    found = {area.path: area for area in areas() if area.path}
    listed = {os.fsencode(path): area for area in MemoryAreas.open() if (path := area.path())}
    for shown, name in ((b"[heap]", "heap"), (b"[stack]", "stack"), (b"[vdso]", "vdso")):
        if shown in found:
            assert listed[shown].name() == name
    assert b"[stack]" in found
    files = [area.name() for shown, area in listed.items() if shown.startswith(b"/")]
    assert files
    assert set(files) == {None}


@pytest.mark.parametrize("shared", [False, True])
def test_names_of_programs(shared: bool, page: int) -> None:
    options = MmapOptions(3 * page)
    mapping = (options.with_flags(MmapFlags.SHARED) if shared else options).map_mut()
    with mapping:
        mapping.set_name("my arena")
        area = MemoryAreas.query(mapping.start())
        assert area is not None
        if area.path() in (None, Path("/dev/zero (deleted)")):
            assert area.name() is None
            pytest.skip("this kernel has no names of memory (CONFIG_ANON_VMA_NAME)")
        assert area.name() == "my arena"
        assert [each.name() for each in MemoryAreas.open() if mapping.start() in each] == [
            "my arena"
        ]
