"""Show what mmap_rs does, on a real file and on memory of this process.

Each step says what it does and shows the evidence. A step whose evidence is not there ends the demo
with status 1.
"""

import ctypes
import os
import platform
import sys
import tempfile
from pathlib import Path

from mmap_rs import (
    Mapping,
    MemoryArea,
    MemoryAreas,
    Mmap,
    MmapFlags,
    MmapMut,
    MmapOptions,
    Protection,
    ShareMode,
    __upstream_version__,
    __version__,
)

PAGE = MmapOptions.page_size()
# Where in a file a mapping may begin: at any page, but under Windows at any 64 KiB.
STEP = MmapOptions.allocation_granularity()

# A function that adds two 32-bit integers, in the machine code of this processor and system.
ADD = {
    "x86_64": bytes.fromhex("8d0437 c3"),  # lea eax, [rdi + rsi]; ret
    "AMD64": bytes.fromhex("8d0411 c3"),  # lea eax, [rcx + rdx]; ret: the registers of Windows
    "aarch64": bytes.fromhex("0000010b c0035fd6"),  # add w0, w0, w1; ret
    "arm64": bytes.fromhex("0000010b c0035fd6"),
    "ARM64": bytes.fromhex("0000010b c0035fd6"),
}


class Demo:
    """Counts the steps and the checks, and keeps the mappings that the last step shows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.steps = 0
        self.checks = 0
        self.kept: list[tuple[str, Mapping]] = []

    def step(self, title: str) -> None:
        """Print the heading of the next step."""
        self.steps += 1
        print(f"\n{self.steps}. {title}")

    def did(self, text: str) -> None:
        """Print what was done."""
        print(f"   {text}")

    def check(self, text: str, seen: object, expected: object) -> None:
        """Print what is seen; end the demo if it is not what it has to be."""
        if seen != expected:
            print(f"   FAILED: {text}: {seen!r}, and not {expected!r}")
            sys.exit(1)
        self.checks += 1
        print(f"   ok: {text}: {seen!r}")

    def keep(self, name: str, mapping: Mapping) -> None:
        """Keep a mapping alive for the table of areas, which marks it with `name`."""
        self.kept.append((name, mapping))


def shared(demo: Demo) -> None:
    demo.step(f"Map the file {demo.path} shared: what is written reaches the file")
    options = MmapOptions.for_file(demo.path).with_flags(MmapFlags.SHARED)
    mapping = options.map_mut()
    demo.did(f"{mapping!r}")
    demo.check("the first bytes of the mapping", mapping[:12], b"page 0 says ")
    mapping[12:18] = b"shared"
    mapping.flush()
    demo.did("wrote b'shared' at offset 12 of the mapping, and flushed it")
    with demo.path.open("rb") as file:
        demo.check(
            "the first bytes of the file, read with read()", file.read(18), b"page 0 says shared"
        )
    demo.keep("file, shared", mapping)


def copy_on_write(demo: Demo) -> None:
    demo.step("Map the same file privately (copy-on-write): what is written stays in this process")
    mapping = MmapOptions(PAGE).with_file(demo.path, STEP).map_mut()
    mapping[12:19] = b"private"
    demo.did(
        f"mapped a page of the file from {size(STEP)} on, and wrote b'private' at its offset 12"
    )
    demo.check("the bytes of the mapping", mapping[:19], b"page 1 says private")
    with demo.path.open("rb") as file:
        file.seek(STEP)
        demo.check("the same bytes of the file", file.read(19), b"page 1 says .......")
    demo.keep("file, private", mapping)


def code(demo: Demo) -> None:
    demo.step("Generate code: write it while the memory is writable, then make it executable (W^X)")
    machine = platform.machine()
    add = ADD.get(machine) if sys.maxsize > 2**32 else None
    if add is None:
        demo.did(f"left out: this demo has no machine code for {machine} with this Python")
        return
    writable = MmapOptions(PAGE).map_mut()
    writable[: len(add)] = add
    demo.did(f"wrote {len(add)} bytes of {machine} code to anonymous memory: {add.hex(' ')}")
    executable = writable.make_exec()
    demo.check("the writable mapping is gone (closed)", writable.closed, True)
    demo.check("the memory now is", protection(area_of(executable)), "r-x")
    function = executable.function(ctypes.c_int32, ctypes.c_int32, ctypes.c_int32)
    demo.check("the code called with 40 and 2 gives", function(40, 2), 42)
    try:
        executable.close()
        outcome = "unmapped"
    except BufferError:
        outcome = "BufferError"
    demo.check("unmapping it while the function is alive gives", outcome, "BufferError")
    # The function ends here, so the code may be unmapped later.
    del function
    demo.keep("code", executable)


def reserve_and_commit(demo: Demo) -> None:
    demo.step("Reserve address space now, commit memory of it later")
    rest = MmapOptions(64 << 20).reserve_mut()
    demo.did(f"reserved {size(rest.size())}: {rest!r}")
    head = rest.split_to(16 * PAGE)
    committed = MmapMut.try_from(head)
    committed.fill(0xA5)
    demo.did(f"split {size(committed.size())} off its start, committed and filled them")
    demo.check("the committed bytes that are 0xa5", committed.count(0xA5), 16 * PAGE)
    demo.check("the rest starts where the committed part ends", rest.start(), committed.end())
    demo.keep("committed", committed)
    demo.keep("reserved", rest)


def split_and_merge(demo: Demo) -> None:
    demo.step("Split a mapping, protect one half, and merge the halves again")
    low = MmapOptions(4 * PAGE).map_mut()
    low.fill(ord("x"))
    high = low.split_off(2 * PAGE)
    demo.did(f"split {size(4 * PAGE)} into {size(low.size())} and {size(high.size())}")
    frozen = high.make_read_only()
    demo.check("the lower half is", protection(area_of(low)), "rw-")
    demo.check("the upper half is", protection(area_of(frozen)), "r--")
    low.merge(frozen.make_mut())
    demo.check("merged again, the size is that of", f"{low.size() // PAGE} pages", "4 pages")
    demo.check("and the bytes are as they were", low.count(b"x"), 4 * PAGE)
    demo.keep("split and merged", low)


def areas(demo: Demo) -> None:
    demo.step("Ask what is mapped: the memory areas of this process, with the maps of above marked")
    print(f"      {'start':>14} {'end':<14} {'size':>10} access path  <== map of this demo")
    found: set[str] = set()
    count = 0
    for area in MemoryAreas.open():
        names = [
            name
            for name, mapping in demo.kept
            if area.start() < mapping.end() and mapping.start() < area.end()
        ]
        found.update(names)
        count += 1
        mark = f"  <== {', '.join(names)}" if names else ""
        # A path may contain bytes that are not text.
        path = os.fsencode(area.path() or "").decode(errors="backslashreplace")
        access = protection(area) + ("s" if area.share_mode() is ShareMode.Shared else "p")
        length = size(area.end() - area.start())
        print(
            f"{'==>' if names else '   '}"
            f"   {area.start():#014x}-{area.end():#014x} {length:>10}   {access} {path}{mark}"
        )
    demo.did(f"{count} areas; a neighbour with the same properties shares an area with ours")
    demo.check("mappings of this demo found among them", len(found), len(demo.kept))


def give_back(demo: Demo) -> None:
    demo.step("Give it all back")
    for _, mapping in demo.kept:
        mapping.close()
    demo.check("mappings closed", sum(mapping.closed for _, mapping in demo.kept), len(demo.kept))
    left = [area for area in MemoryAreas.open() if area.path() == demo.path]
    demo.check("areas of this process that map the file", len(left), 0)


def area_of(mapping: Mmap | MmapMut) -> MemoryArea:
    """Return the area that holds a mapping."""
    area = MemoryAreas.query(mapping.start())
    if area is None:
        print(f"   FAILED: no area holds {mapping!r}")
        sys.exit(1)
    return area


def protection(area: MemoryArea) -> str:
    """Show a protection as `ls` shows permissions."""
    pairs = zip("rwx", (Protection.READ, Protection.WRITE, Protection.EXECUTE), strict=True)
    return "".join(letter if bit in area.protection() else "-" for letter, bit in pairs)


def size(count: int) -> str:
    """Show a number of bytes in a unit that suits it."""
    for unit, one in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= one:
            return f"{count / one:.4g} {unit}"
    return f"{count} bytes"


def main() -> None:
    print(f"mmap_rs {__version__} over the Rust crate mmap-rs {__upstream_version__}")
    print(
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, pages of {size(PAGE)}"
    )

    with tempfile.TemporaryDirectory(prefix="mmap-rs-demo-") as folder:
        path = Path(folder).resolve() / "pages.txt"
        pages = [f"page {number} says ".encode().ljust(STEP, b".") for number in range(3)]
        path.write_bytes(b"".join(pages))
        print(f"Made the file {path} of {path.stat().st_size} bytes")

        demo = Demo(path)
        shared(demo)
        copy_on_write(demo)
        code(demo)
        reserve_and_commit(demo)
        split_and_merge(demo)
        areas(demo)
        give_back(demo)
    print(f"\nAll {demo.checks} checks passed; the file is removed.")


if __name__ == "__main__":
    main()
