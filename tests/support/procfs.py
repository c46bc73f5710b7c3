"""A reader of /proc: what Linux itself says of a process's memory and files.

Tests check with it what the module did, so it does not use the module.
"""

import mmap
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

_LINE = re.compile(
    rb"^([0-9a-f]+)-([0-9a-f]+) ([r-][w-][x-][ps]) ([0-9a-f]+) ([0-9a-f]+):([0-9a-f]+) (\d+)(?: +(.*))?$"
)
_SIZE = re.compile(r"^(\w+): +(\d+) kB$")


@dataclass(frozen=True)
class KernelArea:
    """One line of /proc/PID/maps, or one entry of /proc/PID/smaps with its details."""

    start: int
    end: int
    permissions: str
    offset: int
    device: tuple[int, int]
    inode: int
    path: bytes | None
    sizes: dict[str, int] = field(default_factory=dict[str, int], compare=False)
    vm_flags: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def size(self) -> int:
        """The area's size in bytes."""
        return self.end - self.start


def _parse(line: bytes) -> KernelArea:
    match = _LINE.match(line)
    assert match is not None, f"not a line of maps: {line!r}"
    start, end, permissions, offset, major, minor, inode, path = match.groups()
    return KernelArea(
        start=int(start, 16),
        end=int(end, 16),
        permissions=permissions.decode(),
        offset=int(offset, 16),
        device=(int(major, 16), int(minor, 16)),
        inode=int(inode),
        path=path.replace(rb"\012", b"\n") if path else None,
    )


# What lists are read into. It stays mapped: musl's `malloc` would map a buffer anew for each, maybe just
# where a test looks whether anything is.
_spare: list[mmap.mmap] = [mmap.mmap(-1, 32 << 20)]


def _read(pid: int | str) -> Iterator[KernelArea]:
    """Yield every area of a process, as they were at the first; takes memory for one at a time."""
    try:
        text = _spare.pop()
    except IndexError:  # another thread has it
        text = mmap.mmap(-1, 32 << 20)
    try:
        start = end = 0
        with open(f"/proc/{pid}/maps", "rb", buffering=0) as file, memoryview(text) as view:
            while count := file.readinto(view[end:]):
                end += count
        assert end < len(text), "the list is too long"
        # The kernel escapes the newlines of paths, but no other character that `splitlines` would split at.
        while start < end:
            stop = text.find(b"\n", start, end)
            yield _parse(text[start:stop])
            start = stop + 1
    finally:
        _spare.append(text)


def areas(pid: int | str = "self") -> list[KernelArea]:
    """Return every area of a process, in the order of addresses."""
    return list(_read(pid))


def area_at(address: int) -> KernelArea | None:
    """Return the area of this process that holds `address`, or None when nothing is mapped there."""
    return next((area for area in _read("self") if area.start <= address < area.end), None)


def permissions_at(address: int) -> str:
    """Return the permissions of a mapped address, such as `rw-p`."""
    area = area_at(address)
    assert area is not None, f"nothing is mapped at {address:#x}"
    return area.permissions


def mapped_bytes(start: int, end: int) -> int:
    """Return how many bytes between two addresses are mapped in this process.

    Whether all was unmapped can be asked inside of a `hole` only: elsewhere the interpreter may at any
    time get the address for itself.
    """
    overlaps = (min(area.end, end) - max(area.start, start) for area in _read("self"))
    return sum(size for size in overlaps if size > 0)


def huge_bytes() -> int:
    """Return how many bytes of anonymous huge pages, and of files of them, this process has mapped."""
    return sum(
        area.size
        for area in areas()
        if area.path is not None and area.path.startswith((b"/anon_hugepage", b"/memfd:huge"))
    )


def smaps(pid: int | str = "self") -> list[KernelArea]:
    """Return every area of a process with the details that /proc/PID/smaps has.

    `sizes` holds the entries that are given in kB (`Rss`, `Locked`, `KernelPageSize`, ...), in bytes.
    """
    found: list[KernelArea] = []
    for line in Path(f"/proc/{pid}/smaps").read_bytes().split(b"\n"):
        if _LINE.match(line):
            found.append(_parse(line))
            continue
        text = line.decode(errors="replace")
        if size := _SIZE.match(text):
            found[-1].sizes[size[1]] = int(size[2]) * 1024
        elif text.startswith("VmFlags:"):
            found[-1] = replace(found[-1], vm_flags=frozenset(text.split()[1:]))
    return found


def smaps_at(address: int) -> KernelArea:
    """Return the area that holds a mapped address, with its details."""
    for area in smaps():
        if area.start <= address < area.end:
            return area
    raise AssertionError(f"nothing is mapped at {address:#x}")


def descriptors() -> set[int]:
    """Return this process's open descriptors, without the one that reads the list."""
    found: set[int] = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            os.fstat(int(name))
        except OSError:
            continue
        found.add(int(name))
    return found


def settled_descriptors() -> set[int]:
    """Return this process's open descriptors once they have stayed the same: a thread may be closing some."""
    said, since = descriptors(), time.monotonic()
    while time.monotonic() - since < 0.1:
        time.sleep(0.01)
        now = descriptors()
        if now != said:
            said, since = now, time.monotonic()
    return said


def meminfo(name: str) -> int:
    """Return an entry of /proc/meminfo: in bytes where it is given in kB, else as it stands."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        key, _, rest = line.partition(":")
        if key == name:
            number, *unit = rest.split()
            return int(number) * (1024 if unit == ["kB"] else 1)
    raise LookupError(name)
