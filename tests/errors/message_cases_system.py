"""For test_messages.py: what the system refuses, the error, and words that its message must have."""

import os
import socket
import sys
from pathlib import Path

from mmap_rs import (
    MemoryAreas,
    Mmap,
    MmapFlags,
    MmapMut,
    MmapOptions,
    SystemCallError,
    UnsafeMmapFlags,
)
from tests.errors.message_cases import PAGE, Case, small

MAP_FIXED = UnsafeMmapFlags.MAP_FIXED
# More than any 64-bit system has addresses for; on a 32-bit one several are.
TOO_MUCH = sys.maxsize // 2 + 1


def more_than_there_is() -> object:
    return [MmapOptions(TOO_MUCH).map_mut() for _ in range(8)]


# What is refused alike on all systems.
EVERYWHERE = [
    Case(
        "missing file",
        lambda _: MmapOptions(1).with_file("missing").map(),
        FileNotFoundError,
        ("open for reading", "'missing'"),
    ),
    Case(
        "missing file, writing",
        lambda _: MmapOptions(1).with_file("missing").with_flags(MmapFlags.SHARED).map_mut(),
        FileNotFoundError,
        ("writing", "'missing'"),
    ),
    Case(
        "descriptor",
        lambda _: MmapOptions(1).with_file(987),
        OSError,
        ("descriptor 987", "was it closed?"),
    ),
    Case(
        "descriptor of nothing",
        lambda _: MmapOptions(1).with_file(1 << 40),
        OverflowError,
        (str(1 << 40), str(2**31 - 1)),
    ),
    Case(
        "no such process",
        lambda _: MemoryAreas.open(2**22 + 1),
        ProcessLookupError,
        (str(2**22 + 1), "memory areas"),
    ),
]

# In the words of Linux.
LINUX = [
    Case(
        "no memory",
        lambda _: more_than_there_is(),
        SystemCallError,
        (f"mmap of {TOO_MUCH} bytes", "Errno 12", "RLIMIT_AS"),
        ("file", "huge"),
    ),
    Case(
        "lock of what can't be",
        lambda _: MmapOptions(PAGE).map_none().lock(),
        SystemCallError,
        (f"mlock of {PAGE} bytes at 0x", "inaccessible"),
        ("RLIMIT_MEMLOCK",),
    ),
    Case(
        "a file opened for reading",
        lambda folder: read_only_shared(folder),
        PermissionError,
        ("mmap of 10 bytes", "small", "opened for reading only", "writing"),
        ("noexec",),
    ),
    Case(
        "a file opened for reading, made writable",
        lambda folder: read_only_shared(folder, make=True),
        PermissionError,
        ("mprotect of 10 bytes", "opened for reading only"),
        ("execut",),
    ),
    Case(
        "a file opened for writing",
        lambda folder: small_opened(folder, os.O_WRONLY).map(),
        PermissionError,
        ("mmap of 10 bytes", "descriptor", "opened for writing only"),
    ),
    Case(
        "a file that was not opened at all",
        lambda folder: small_opened(folder, os.O_PATH).map(),
        OSError,
        ("mmap of 10 bytes", "O_PATH"),
        ("was it closed?",),
    ),
    Case(
        "a program that runs",
        lambda _: program().with_flags(MmapFlags.SHARED).map_mut(),
        OSError,
        ("open for reading and writing", "copy-on-write"),
    ),
    Case(
        "a directory",
        lambda folder: MmapOptions(10).with_file(folder, past_end=True).map(),
        OSError,
        ("mmap of 10 bytes", "can't be mapped", "directory"),
        ("socket", "pipe"),
    ),
    Case(
        "a pipe",
        lambda _: with_pipe(),
        OSError,
        ("a pipe can't be mapped",),
        ("socket", "directory"),
    ),
    Case(
        "a socket",
        lambda _: with_socket(),
        OSError,
        ("a socket can't be mapped, except a packet socket",),
        ("pipe", "directory"),
    ),
    Case(
        "a device without memory",
        lambda _: MmapOptions(10).with_file("/dev/null").map(),
        OSError,
        ("'/dev/null'", "driver"),
        ("socket", "pipe", "directory"),
    ),
    Case(
        "a file of the kernel's",
        lambda _: MmapOptions(10).with_file("/proc/self/maps").map(),
        OSError,
        ("'/proc/self/maps'", "the kernel generates this file", "read it"),
        ("socket", "holds"),
    ),
    Case(
        "fixed at no page",
        lambda _: MmapOptions(PAGE).with_unsafe_flags(MAP_FIXED).with_address(7).map(),
        OSError,
        (f"mmap of {PAGE} bytes", "MAP_FIXED", "multiple of page_size()"),
        ("HUGE_PAGES", "file"),
    ),
    Case(
        "advice that the system can't follow",
        lambda _: locked_then_dropped(),
        OSError,
        ("madvise DONTNEED", "0x", "unlock()"),
    ),
]


def small_opened(folder: Path, flags: int) -> MmapOptions:
    number = os.open(small(folder), flags)
    try:
        return MmapOptions(10).with_file(number)
    finally:
        os.close(number)


def program() -> MmapOptions:
    return MmapOptions(10).with_file(Path("/proc/self/exe").resolve())


def with_pipe() -> object:
    ends = os.pipe()
    try:
        return MmapOptions(10).with_file(ends[0]).map()
    finally:
        for end in ends:
            os.close(end)


def with_socket() -> object:
    left, right = socket.socketpair()
    with left, right:
        return MmapOptions(10).with_file(left).map()


def read_only_shared(folder: Path, *, make: bool = False) -> Mmap | MmapMut:
    with small(folder).open("rb") as file:
        options = MmapOptions(10).with_file(file).with_flags(MmapFlags.SHARED)
        return options.map().make_mut() if make else options.map_mut()


def locked_then_dropped() -> None:
    mapping = MmapOptions(PAGE).map_mut()
    mapping.lock()
    mapping.advise(MmapFlags.DONTNEED)
