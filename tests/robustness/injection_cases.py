"""Operations whose system calls `test_fault_injection.py` makes fail, and what must hold after a failure."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from mmap_rs import (
    Inherit,
    MemoryAreas,
    MemoryFile,
    Mmap,
    MmapFlags,
    MmapMut,
    MmapNone,
    MmapOptions,
    Seals,
    SystemCallError,
)
from tests.support.address_space import hole, malloc_reserve
from tests.support.procfs import area_at, areas, descriptors
from tests.support.syscall_injection import Call, Failure, Injector

PAGE = MmapOptions.page_size()
SIZE = 3 * PAGE
ROOM = 6 * PAGE
ERRNOS = (errno.ENOMEM, errno.EACCES, errno.EAGAIN, errno.EINVAL, errno.EINTR)

# What the message must name when a function fails; None where the caller does without its answer.
NAMES: dict[str, str | None] = {
    "mmap": "mmap of",
    "munmap": "munmap of",
    "mremap": "mremap",
    "mincore": "mincore of",
    "prctl": "prctl",
    "mprotect": "mprotect of",
    "madvise": "madvise ",
    "msync": "msync of",
    "mlock": "mlock of",
    "munlock": "munlock of",
    "open": "open ",
    # The duplication, and the question what the file was opened for.
    "fcntl": "of descriptor",
    "fstat": "fstat of",
    "statx": "fstat of",
    "fstatfs": None,
    "read": "read of",
    "ioctl": None,
    # memfd_create, of all calls without a function of the C library, but for statx.
    "syscall": "memfd_create of",
    "ftruncate": "ftruncate of",
}
# What needs no system call at all: upstream's objects are put side by side, or cut in two.
WITHOUT_CALLS = ("split_", "merge", "flush_icache", "commit")
# The numbers of statx, which says when a file was made; the caller does without its answer.
STATX = {332, 291, 383, 397, 379}
# What is begun again where a signal came in between, as the C library's own callers do.
RETRIED = {"open", "read", "fcntl", "ftruncate"}


@dataclass
class Context:
    """What an operation works on: free addresses, a file, and the mappings that it finds there."""

    address: int
    path: Path
    file: int
    live: list[Any] = field(default_factory=list[Any])

    def options(self, size: int = SIZE, at: int = 0) -> MmapOptions:
        """Return options for a mapping at a place within the free addresses."""
        return MmapOptions(size).with_address(self.address + at)

    def state(self) -> tuple[object, ...]:
        """Return all that a failed operation may not change."""
        inside = [
            area
            for area in areas()
            if self.address <= area.start and area.end <= self.address + ROOM
        ]
        locked = next(
            line for line in Path("/proc/self/status").read_text().split("\n") if "VmLck" in line
        )
        objects = [
            (repr(real), real[:] if isinstance(real, (Mmap, MmapMut)) else None)
            for real in self.live
        ]
        return tuple(inside), tuple(sorted(descriptors())), locked, tuple(objects)


Setup = Callable[[Context], list[Any]]
Act = Callable[[Context], Any]


@dataclass
class Operation:
    """Something to do; `setup` makes the mappings that it is done to, `act` returns the new ones."""

    setup: Setup
    act: Act
    # Whether it may do without what failed: a look-up that the kernel refuses is made from the list.
    has_other_ways: bool = False
    # What the message must name where that is not as in `NAMES`.
    names: Mapping[str, str] = field(default_factory=dict[str, str])


def nothing(_: Context) -> list[Any]:
    """Return no mappings."""
    return []


def one(make: str, **kinds: Any) -> Setup:
    """Return a setup of one mapping of three pages."""

    def setup(context: Context) -> list[Any]:
        options = context.options()
        if kinds.get("file"):
            options = options.with_file(context.file)
        if kinds.get("shared"):
            options = options.with_flags(MmapFlags.SHARED)
        real = getattr(options, make)()
        if isinstance(real, MmapMut) and not kinds.get("file"):
            real[:5] = b"bytes"
        return [real]

    return setup


def parts(make: str) -> Setup:
    """Return a setup of one mapping that is made of three, each of its own system call."""

    def setup(context: Context) -> list[Any]:
        # From the last to the first, and then joined: three objects side by side.
        made = [getattr(context.options(PAGE, at), make)() for at in (0, PAGE, 2 * PAGE)]
        for number, real in enumerate(made):
            if isinstance(real, MmapMut):
                real.fill(number + 1)
        first, *rest = made
        for real in rest:
            first.merge(real)
        return [first]

    return setup


def call(name: str, *arguments: Any) -> Act:
    """Return an act that calls a method of the first mapping."""
    return lambda context: getattr(context.live[0], name)(*arguments)


def make_plain(name: str, context: Context) -> Any:
    """Map or reserve without a flag."""
    return getattr(context.options(), name)()


def make_flagged(flags: MmapFlags, context: Context) -> Any:
    """Map with flags."""
    return context.options().with_flags(flags).map_mut()


def resizes() -> dict[str, Operation]:
    """Return the operations that give a mapping another size, or another place, by name."""
    private, file = one("map_mut"), one("map_mut", file=True, shared=True)

    def blocked(context: Context) -> list[Any]:
        # What lies behind the first has it move.
        return [*private(context), context.options(PAGE, SIZE).map_none()]

    def over(context: Context) -> Any:
        options = MmapOptions(SIZE).with_reservation(context.live[0])
        return options.with_file(context.file).map()

    return {
        "resize, smaller": Operation(private, call("resize", PAGE)),
        "resize, less of a page": Operation(private, call("resize", SIZE - 5)),
        "resize, in place": Operation(private, call("resize", SIZE + PAGE)),
        "resize of a shared file": Operation(file, call("resize", PAGE)),
        "resize of parts": Operation(parts("map_mut"), call("resize", PAGE + 5)),
        # A mapping that could not be made where it was wanted is unmapped, and nobody asks whether it was.
        "resize, elsewhere": Operation(blocked, call("resize", 2 * SIZE), True),
        "at an exact place": Operation(
            nothing,
            lambda context: MmapOptions(SIZE).with_address(context.address, exact=True).map_mut(),
        ),
        "in the place of a reservation": Operation(one("reserve_none"), over, True),
        "set_inheritance": Operation(private, call("set_inheritance", Inherit.NONE)),
        "set_inheritance, zeros": Operation(private, call("set_inheritance", Inherit.ZERO)),
        "resident": Operation(private, lambda context: context.live[0].resident() and None),
        "populate": Operation(private, call("populate"), True),
    }


def memory_files() -> dict[str, Operation]:
    """Return the operations of files in memory, by name."""

    def make(_: Context) -> list[Any]:
        return [MemoryFile(SIZE)]

    def asked_for_seals(context: Context) -> None:
        context.live[0].seals()

    def mapped(context: Context) -> Any:
        options = MmapOptions.for_file(context.live[0]).with_address(context.address)
        return options.with_flags(MmapFlags.SHARED).map_mut()

    seals = {"fcntl": "of a memory file"}
    return {
        # Older kernels don't know all flags, so the call is made again without them.
        "memory file": Operation(nothing, lambda _: MemoryFile(SIZE), True),
        "memory file, size": Operation(make, lambda context: context.live[0].size() and None),
        "memory file, resize": Operation(make, call("resize", SIZE + PAGE)),
        "memory file, seal": Operation(make, call("seal", Seals.SHRINK), names=seals),
        "memory file, seals": Operation(make, asked_for_seals, names=seals),
        "memory file, map": Operation(make, mapped),
    }


def operations() -> dict[str, Operation]:
    """Return every operation by its name."""
    found: dict[str, Operation] = {}
    for prefix in ("map", "reserve"):
        for suffix in ("_none", "", "_exec", "_mut"):
            name = prefix + suffix
            found[name] = Operation(nothing, partial(make_plain, name))
    advice = [
        MmapFlags.NO_CORE_DUMP,
        MmapFlags.SEQUENTIAL,
        MmapFlags.RANDOM_ACCESS,
        MmapFlags.WILLNEED,
        MmapFlags.DONTNEED,
        MmapFlags.SEQUENTIAL | MmapFlags.NO_CORE_DUMP | MmapFlags.WILLNEED,
    ]
    for flags in [*advice, MmapFlags.LOCKED, MmapFlags.POPULATE, MmapFlags.SHARED]:
        found[f"map_mut with {flags.name}"] = Operation(nothing, partial(make_flagged, flags))
    for flags in advice:
        found[f"advise {flags.name}"] = Operation(one("map_mut"), call("advise", flags))
    shared = MmapFlags.SHARED
    found |= {
        "map a descriptor": Operation(
            nothing, lambda context: context.options().with_file(context.file).map()
        ),
        "map a descriptor past its end": Operation(
            nothing, lambda context: context.options().with_file(context.file, past_end=True).map()
        ),
        "map a path": Operation(
            nothing, lambda context: context.options().with_file(context.path).map()
        ),
        "map a path to write": Operation(
            nothing,
            lambda context: context.options().with_file(context.path).with_flags(shared).map_mut(),
        ),
        "for_file of a path": Operation(
            nothing,
            lambda context: (
                MmapOptions.for_file(context.path).with_address(context.address).map_exec()
            ),
        ),
        "for_file of a descriptor": Operation(
            nothing,
            lambda context: (
                MmapOptions.for_file(context.file).with_address(context.address).map_mut()
            ),
        ),
        "map with a guard": Operation(
            nothing,
            lambda context: context.options().with_file(context.file).with_fault_guard().map(),
        ),
        "list of areas": Operation(nothing, lambda _: len(list(MemoryAreas.open())) and None),
        "list of areas of a pid": Operation(
            nothing, lambda _: len(list(MemoryAreas.open(os.getpid()))) and None
        ),
        "query": Operation(
            nothing, lambda context: MemoryAreas.query(context.address) and None, True
        ),
        "query_range": Operation(
            nothing,
            lambda context: len(list(MemoryAreas.query_range(range(context.address)))) and None,
            True,
        ),
        "query_process": Operation(
            nothing,
            lambda context: MemoryAreas.query_process(os.getpid(), context.address) and None,
            True,
        ),
        "merge": Operation(
            lambda context: [context.options(PAGE, at).map_mut() for at in (0, PAGE)],
            lambda context: context.live[0].merge(context.live[1]),
        ),
        "with block": Operation(one("map_mut"), call("__exit__", None, None, None)),
    }
    found |= resizes()
    found |= memory_files()
    makes = ("make_none", "make_read_only", "make_exec", "make_exec_no_flush", "make_mut")
    for name in makes:
        for kind in ("map_none", "map", "map_mut", "reserve_none", "reserve", "reserve_mut"):
            found[f"{kind}, {name}"] = Operation(one(kind), call(name))
        found[f"parts, {name}"] = Operation(parts("map_mut"), call(name))
        found[f"reserved parts, {name}"] = Operation(parts("reserve_none"), call(name))
    found["Mmap.try_from"] = Operation(
        one("map_none"), lambda context: Mmap.try_from(context.live[0])
    )
    found["MmapMut.try_from"] = Operation(
        one("map_none"), lambda context: MmapMut.try_from(context.live[0])
    )
    found["commit"] = Operation(
        one("reserve_none"), lambda context: MmapNone.try_from(context.live[0])
    )
    for name, setup in (
        ("mapping", one("map_mut")),
        ("parts", parts("map_mut")),
        ("shared file", one("map_mut", file=True, shared=True)),
        ("private file", one("map", file=True)),
    ):
        for method in ("lock", "unlock", "flush", "flush_async", "flush_icache", "close"):
            found[f"{name}, {method}"] = Operation(setup, call(method))
        found[f"{name}, flush of a range"] = Operation(setup, call("flush", range(5, PAGE + 5)))
        found[f"{name}, split_off"] = Operation(setup, call("split_off", PAGE))
        found[f"{name}, split_to"] = Operation(setup, call("split_to", 2 * PAGE))
    return found


OPERATIONS = operations()


def base_name(call: Call) -> str:
    """Return a function's name without the size of its file offsets."""
    return call.name.removesuffix("64")


def perform(operation: Operation, context: Context) -> None:
    """Do it, and end what came out of it."""
    made = operation.act(context)
    if made is not None:
        context.live.append(made)


def check_failure(
    injector: Injector, operation: Operation, context: Context, number: int, failure: Failure
) -> bool:
    """Fail one call, and see what is left; false where the operation makes fewer calls than that."""
    context.live = operation.setup(context)
    before = context.state()
    error: SystemCallError | None = None
    with injector.failing({number: failure}) as calls:
        try:
            perform(operation, context)
        except SystemCallError as caught:
            error = caught
    if len(calls) <= number:
        assert error is None
        end(context)
        return False
    name = base_name(calls[number])
    words = operation.names.get(name, NAMES[name])
    if name == "syscall" and calls[number].arguments[0] in STATX:
        words = None
    retried = failure.errno == errno.EINTR and name in RETRIED
    if words is None or ((retried or operation.has_other_ways) and error is None):
        assert error is None, f"{calls}: {error!r}"
    else:
        assert error is not None, f"nothing was raised: {calls}"
        assert error.errno == failure.errno, error
        assert isinstance(error, type(OSError(failure.errno, "")))
        assert words in str(error), str(error)
        assert error.operation is not None
        assert error.operation in str(error)
        error = error.with_traceback(None)
        after = context.state()
        assert after == before, f"{calls} changed\n{before}\ninto\n{after}"
        # The operation works now that the system does.
        perform(operation, context)
    end(context)
    return True


def end(context: Context) -> None:
    """Close all mappings of a context and see that nothing is left there."""
    for real in context.live:
        real.close()
    context.live = []
    assert area_at(context.address) is None
    assert area_at(context.address + 2 * PAGE) is None


def run(*names: str) -> int:
    """Fail each call of these operations in each way, and return how many failures there were."""
    injector = Injector()
    points = 0
    with tempfile.TemporaryDirectory() as directory, malloc_reserve(), hole(ROOM) as address:
        path = Path(directory) / "file"
        path.write_bytes(b"content" * SIZE)
        os.truncate(path, SIZE)
        file = os.open(path, os.O_RDWR)
        for name in names:
            context = Context(address, path, file)
            operation = OPERATIONS[name]
            # What the first use imports and finds out is not the operation's own.
            context.live = operation.setup(context)
            perform(operation, context)
            end(context)
            before = descriptors()
            for code in ERRNOS:
                number = 0
                try:
                    while check_failure(injector, operation, context, number, Failure(code)):
                        number += 1
                        points += 1
                except BaseException as error:
                    error.add_note(f"operation {name!r}, call {number}, {errno.errorcode[code]}")
                    raise
            assert descriptors() == before
        os.close(file)
    return points
