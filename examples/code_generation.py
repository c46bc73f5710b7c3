"""Make a function of machine code, W^X: memory is written first, and executable then, never both.

It compiles `a * x + b` for fixed numbers a and b, on x86_64 and AArch64 under Unix. Where the system forbids
that memory becomes executable, a `MemoryFile` is mapped twice: once to write to, and once to execute.
"""

import ctypes
import platform
import sys

from mmap_rs import MemoryFile, Mmap, MmapFlags, MmapOptions


def encode(a: int, b: int) -> bytes | None:
    """Return the code of `lambda x: a * x + b` for 32-bit numbers, or None on another processor."""
    machine = platform.machine().lower()
    if sys.platform == "win32":
        return None
    if machine in {"x86_64", "amd64"}:
        # imul eax, edi, a; add eax, b; ret
        return b"\x69\xc7" + a.to_bytes(4, "little") + b"\x05" + b.to_bytes(4, "little") + b"\xc3"
    if machine in {"aarch64", "arm64"} and max(a, b) < 1 << 16:
        # movz w1, #a; movz w2, #b; madd w0, w0, w1, w2; ret
        words = (0x52800001 | a << 5, 0x52800002 | b << 5, 0x1B010800, 0xD65F03C0)
        return b"".join(word.to_bytes(4, "little") for word in words)
    return None


def compiled(code: bytes) -> Mmap:
    """Put code into memory that can be executed."""
    writable = MmapOptions(MmapOptions.page_size()).map_mut()
    writable[: len(code)] = code
    try:
        return writable.make_exec()
    except PermissionError:  # SELinux, systemd's MemoryDenyWriteExecute, PR_SET_MDWE
        return compiled_twice_mapped(code)


def compiled_twice_mapped(code: bytes) -> Mmap:
    """Put code into memory that is executable from the start, through another mapping of it."""
    with MemoryFile(MmapOptions.page_size(), name="code") as file:
        options = MmapOptions.for_file(file).with_flags(MmapFlags.SHARED)
        with options.map_mut() as writable:
            writable[: len(code)] = code
        executable = options.map_exec()
    executable.flush_icache()
    return executable


def main() -> None:
    code = encode(3, 4)
    if code is None:
        print(f"no code for {platform.machine()} in this example")
        return
    for way in (compiled, compiled_twice_mapped):
        function = way(code).function(ctypes.c_int, ctypes.c_int)
        print("3 * x + 4 for x = 0, 1, 2, 10:", [function(x) for x in (0, 1, 2, 10)])


if __name__ == "__main__":
    main()
