"""A table of tests/test_messages.py: what the system refuses, and words that the error's text must have."""

import sys
from pathlib import Path

from message_cases import PAGE, Case, small
from mmap_rs import (
    MemoryAreas,
    Mmap,
    MmapFlags,
    MmapMut,
    MmapOptions,
    SystemCallError,
    UnsafeMmapFlags,
)

MAP_FIXED = UnsafeMmapFlags.MAP_FIXED
# More than any 64-bit system has addresses for; on a 32-bit one several are.
TOO_MUCH = sys.maxsize // 2 + 1

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
    ),
    Case(
        "lock of what can't be",
        lambda _: MmapOptions(PAGE).map_none().lock(),
        SystemCallError,
        (f"mlock of {PAGE} bytes at 0x", "RLIMIT_MEMLOCK"),
    ),
    Case(
        "a file opened for reading",
        lambda folder: read_only_shared(folder),
        PermissionError,
        ("mmap of 10 bytes", "small", "opened for", "writing"),
    ),
    Case(
        "a directory",
        lambda folder: MmapOptions(10).with_file(folder, past_end=True).map(),
        OSError,
        ("mmap of 10 bytes", "can't be mapped", "directory"),
    ),
    Case(
        "fixed at no page",
        lambda _: MmapOptions(PAGE).with_unsafe_flags(MAP_FIXED).with_address(7).map(),
        OSError,
        (f"mmap of {PAGE} bytes", "MAP_FIXED", "multiple of page_size()"),
    ),
    Case(
        "advice that the system can't follow",
        lambda _: locked_then_dropped(),
        OSError,
        ("madvise DONTNEED", "0x"),
    ),
]


def more_than_there_is() -> object:
    return [MmapOptions(TOO_MUCH).map_mut() for _ in range(8)]


def read_only_shared(folder: Path) -> Mmap | MmapMut:
    with small(folder).open("rb") as file:
        return MmapOptions(10).with_file(file).with_flags(MmapFlags.SHARED).map_mut()


def locked_then_dropped() -> None:
    mapping = MmapOptions(PAGE).map_mut()
    mapping.lock()
    mapping.advise(MmapFlags.DONTNEED)
