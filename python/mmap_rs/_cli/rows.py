"""The areas as the command shows them: plain values, with a kind for the sums."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mmap_rs import MemoryArea, MemoryAreas, Protection, ShareMode
from mmap_rs._cli.args import AreasRequest

# In the order of the sums. "reserved" is address space that is kept free, without memory.
KINDS = (
    "file",
    "shared memory",
    "anonymous",
    "heap",
    "stack",
    "device",
    "kernel",
    "reserved",
)

# How much of an area is in memory, in the order of the output; see `mmap_rs.AreaUsage`.
NUMBERS = (
    "resident",
    "proportional",
    "shared_clean",
    "shared_dirty",
    "private_clean",
    "private_dirty",
    "referenced",
    "anonymous",
    "swap",
    "locked",
    "huge",
)

_SHARED_MEMORY = (b"/memfd:", b"/SYSV", b"/dev/shm/")
_OF_KERNEL = (b"[", b"anon_inode:", b"socket:")


@dataclass(frozen=True, slots=True)
class Row:
    """One area; the path is in the system's own bytes. `usage` has `NUMBERS`, if they were asked for."""

    start: int
    end: int
    protection: str
    shared: bool
    offset: int | None
    path: bytes | None
    kind: str
    name: str | None = None
    usage: Mapping[str, int | None] | None = None
    vm_flags: tuple[str, ...] | None = None

    @property
    def resident(self) -> int | None:
        """Return how many bytes are in memory, if that is known."""
        return None if self.usage is None else self.usage["resident"]

    @property
    def proportional(self) -> int | None:
        """Return this process's share of them, if that is known."""
        return None if self.usage is None else self.usage["proportional"]

    @property
    def size(self) -> int:
        """Return the size in bytes."""
        return self.end - self.start

    @property
    def share_mode(self) -> str:
        """Return the share mode in a word."""
        return "shared" if self.shared else "private"

    @property
    def addresses(self) -> str:
        """Return the range of addresses, which `--range` takes too."""
        return f"{self.start:#x}-{self.end:#x}"


class NotMappedError(Exception):
    """Nothing is mapped at the requested address."""


def read(request: AreasRequest) -> Iterator[Row]:
    """Yield the rows of a request; the first raises what the system refuses."""
    return map(row, _areas(request))


def _areas(request: AreasRequest) -> Iterable[MemoryArea]:
    if request.wants_usage:
        return _with_usage(request)
    if request.address is not None:
        area = MemoryAreas.query_process(request.pid, request.address)
        if area is None:
            raise NotMappedError(f"nothing is mapped at {request.address:#x}")
        return (area,)
    if request.span is not None:
        return MemoryAreas.query_process_range(request.pid, request.span)
    return MemoryAreas.open(request.pid)


def _with_usage(request: AreasRequest) -> Iterator[MemoryArea]:
    """Yield the areas with what of them is in memory, for which there is no lookup."""
    span = request.span
    if request.address is not None:
        span = range(request.address, request.address + 1)
    found = False
    with MemoryAreas.open(request.pid, usage=True) as areas:
        for area in areas:
            if span is not None and area.start() >= span.stop:
                break
            if span is None or (span and area.end() > span.start):
                found = True
                yield area
    if request.address is not None and not found:
        raise NotMappedError(f"nothing is mapped at {request.address:#x}")


def row(area: MemoryArea) -> Row:
    """Convert an area into a row."""
    name = area.path()
    path = None if name is None else os.fsencode(name)
    granted = area.protection()
    protection = "".join(
        letter if flag in granted else "-"
        for letter, flag in (
            ("r", Protection.READ),
            ("w", Protection.WRITE),
            ("x", Protection.EXECUTE),
        )
    )
    shared = area.share_mode() is ShareMode.Shared
    usage = area.usage()
    flags = None if usage is None else usage.vm_flags
    return Row(
        area.start(),
        area.end(),
        protection,
        shared,
        area.file_offset(),
        path,
        kind_of(path, protection, shared),
        area.name(),
        None if usage is None else {number: getattr(usage, number) for number in NUMBERS},
        None if flags is None else tuple(sorted(flags)),
    )


def kind_of(path: bytes | None, protection: str, shared: bool) -> str:
    """Classify an area by the name that the system gives it.

    Linux gives no other sign: files have absolute paths there, all else has a name without a slash at
    its start, or no name.
    """
    if path is None:
        return "reserved" if protection == "---" else "anonymous"
    if path == b"[heap]":
        return "heap"
    if path.startswith(b"[stack"):
        return "stack"
    if path.startswith((b"[anon:", b"/anon_hugepage")):
        return "anonymous"
    # Linux lists a shared mapping without a file like this.
    without_file = shared and path == b"/dev/zero (deleted)"
    if without_file or path.startswith((b"[anon_shmem:", *_SHARED_MEMORY)):
        return "shared memory"
    if path.startswith(_OF_KERNEL):
        return "kernel"
    return "device" if path.startswith(b"/dev/") else "file"
