"""Make the C library's functions fail as the compiled module sees them: no compiler, no kernel feature.

The module calls the C library through addresses that the dynamic linker wrote into a table of it. `Injector`
puts its own functions there, which count and note each call and then fail it or pass it on. Calls of the
interpreter and of other libraries are not touched. For 64-bit ELF systems.
"""

from __future__ import annotations

import ctypes
import gc
import mmap
import struct
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

# The functions that make system calls on mappings and files, by the names that the module imports.
FUNCTIONS = (
    "mmap",
    "mmap64",
    "mremap",
    "mincore",
    "prctl",
    "munmap",
    "mprotect",
    "madvise",
    "msync",
    "kill",
    "mlock",
    "munlock",
    "open",
    "open64",
    "fcntl",
    "fcntl64",
    "fstat",
    "fstat64",
    "fstatfs",
    "statx",
    "read",
    "ioctl",
    "syscall",
    "ftruncate",
    "ftruncate64",
)
_PT_DYNAMIC = 2
_TABLE, _STRINGS, _SYMBOLS, _SIZE = 7, 5, 6, 8  # DT_RELA, DT_STRTAB, DT_SYMTAB, DT_RELASZ
_JUMPS, _JUMPS_SIZE = 23, 2  # DT_JMPREL, DT_PLTRELSZ
_READ_WRITE = 3

# Six words fit every function here; the callee takes as many as it has parameters.
_Function = ctypes.CFUNCTYPE(ctypes.c_ssize_t, *[ctypes.c_size_t] * 6, use_errno=True)


class Call(NamedTuple):
    """A call that the module made: the function's name, and its first three arguments as they came."""

    name: str
    arguments: tuple[int, int, int]


class Failure(NamedTuple):
    """How a call is to fail: with which `errno`, and whether the system does it before it is said to fail."""

    errno: int
    done: bool = False


def unsupported() -> str | None:
    """Say why nothing can be injected here, or return None."""
    if sys.platform not in ("linux", "android"):
        return "the module's table of functions is found through /proc"
    return None if struct.calcsize("P") == 8 else "reads the 64-bit form of ELF only"


def _slots(library: Path) -> dict[str, list[int]]:
    """Return where the loaded library keeps the address of each function that it imports."""
    header = library.read_bytes()[:4096]
    assert header[:5] == b"\x7fELF\x02", "not a 64-bit ELF file"
    (offset,) = struct.unpack_from("<Q", header, 0x20)
    size, count = struct.unpack_from("<HH", header, 0x36)
    base = _base(library)
    dynamic = next(
        base + fields[3]
        for fields in (struct.unpack_from("<IIQQ", header, offset + i * size) for i in range(count))
        if fields[0] == _PT_DYNAMIC
    )
    tags: dict[int, int] = {}
    while True:
        tag, value = struct.unpack("<qQ", ctypes.string_at(dynamic, 16))
        if not tag:
            break
        tags[tag] = value
        dynamic += 16

    def place(tag: int) -> int:
        # glibc writes addresses over the offsets that the file has; other C libraries leave them.
        return tags[tag] if tags[tag] >= base else base + tags[tag]

    found: dict[str, list[int]] = {}
    for table, length in ((_TABLE, _SIZE), (_JUMPS, _JUMPS_SIZE)):
        if table not in tags:
            continue
        entries = ctypes.string_at(place(table), tags[length])
        for slot, info, addend in struct.iter_unpack("<QQq", entries):
            if symbol := info >> 32:
                (name,) = struct.unpack("<I", ctypes.string_at(place(_SYMBOLS) + symbol * 24, 4))
                text = ctypes.string_at(place(_STRINGS) + name).decode()
                if not addend:
                    found.setdefault(text, []).append(base + slot)
    return found


def _base(library: Path) -> int:
    for line in Path("/proc/self/maps").read_text().splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[5] == str(library) and int(fields[2], 16) == 0:
            return int(fields[0].split("-")[0], 16)
    raise LookupError(f"{library} is not loaded")


class Injector:
    """Stands between the compiled module and the C library for the rest of the process."""

    def __init__(self) -> None:
        import mmap_rs._mmap_rs as module

        self.calls: list[Call] = []
        self.plan: dict[int, Failure] = {}
        self.active = False
        self._kept: list[Any] = []
        libc = ctypes.CDLL(None, use_errno=True)
        slots = _slots(Path(str(module.__file__)).resolve())
        self.found = frozenset(name for name in FUNCTIONS if name in slots)
        for name in self.found:
            original = _Function(ctypes.cast(getattr(libc, name), ctypes.c_void_p).value or 0)
            hook = _Function(self._hook(name, original))
            self._kept += [original, hook]
            address = ctypes.cast(hook, ctypes.c_void_p).value
            for slot in slots[name]:
                # The linker makes the table read-only once it has filled it.
                page = slot & -mmap.PAGESIZE
                length = ctypes.c_size_t(mmap.PAGESIZE)
                status = libc.mprotect(ctypes.c_void_p(page), length, _READ_WRITE)
                assert status == 0, "the table stays read-only"
                ctypes.c_size_t.from_address(slot).value = address or 0

    def _hook(self, name: str, original: Callable[..., int]) -> Callable[..., int]:
        def hook(*arguments: int) -> int:
            if not self.active:
                return original(*arguments)
            failure = self.plan.get(len(self.calls))
            self.calls.append(Call(name, (arguments[0], arguments[1], arguments[2])))
            if failure is None:
                return original(*arguments)
            if failure.done:
                original(*arguments)
            ctypes.set_errno(failure.errno)
            return -1

        return hook

    @contextmanager
    def failing(self, plan: dict[int, Failure]) -> Generator[list[Call]]:
        """Fail the calls with these numbers, counted from 0, while the block runs; give the calls made."""
        gc.collect()
        gc.disable()
        self.calls, self.plan, self.active = [], plan, True
        try:
            yield self.calls
        finally:
            self.active = False
            gc.enable()
