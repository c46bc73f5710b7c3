"""The areas as the command shows them: plain values, with a kind for the sums."""

import os
from collections.abc import Iterable, Iterator
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

_SHARED_MEMORY = (b"/memfd:", b"/SYSV", b"/dev/shm/")
_OF_KERNEL = (b"[", b"anon_inode:", b"socket:")


@dataclass(frozen=True, slots=True)
class Row:
    """One area; the path is in the system's own bytes."""

    start: int
    end: int
    protection: str
    shared: bool
    offset: int | None
    path: bytes | None
    kind: str

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
    if request.address is not None:
        area = MemoryAreas.query_process(request.pid, request.address)
        if area is None:
            raise NotMappedError(f"nothing is mapped at {request.address:#x}")
        return (area,)
    if request.span is not None:
        return MemoryAreas.query_process_range(request.pid, request.span)
    return MemoryAreas.open(request.pid)


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
    return Row(
        area.start(),
        area.end(),
        protection,
        shared,
        area.file_offset(),
        path,
        kind_of(path, protection, shared),
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
