"""The names that a Windows library exports, and libraries that hand such names on to another library."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

# Places in the headers of a library, which are those of every executable file of Windows.
PE_AT = 0x3C
SECTIONS = 6
OPTIONAL_SIZE = 20
OPTIONAL = 24
# Where the table of exports is named in the optional header of a 64-bit library.
EXPORTS = 112


def names(library: Path) -> list[str]:
    """Return the names that a 64-bit library exports, in its own order."""
    image = library.read_bytes()
    (head,) = struct.unpack_from("<I", image, PE_AT)
    (count,) = struct.unpack_from("<H", image, head + SECTIONS)
    (optional,) = struct.unpack_from("<H", image, head + OPTIONAL_SIZE)
    first = head + OPTIONAL + optional
    sections = [
        struct.unpack_from("<8xIIII", image, first + 40 * number) for number in range(count)
    ]

    def place(address: int) -> int:
        for size, start, stored, offset in sections:
            if start <= address < start + max(size, stored):
                return int(address - start + offset)
        raise ValueError(f"{library}: no section holds the address {address:#x}")

    def pointer(at: int) -> int:
        (address,) = struct.unpack_from("<I", image, at)
        return place(int(address))

    table = pointer(head + OPTIONAL + EXPORTS)
    (number,) = struct.unpack_from("<I", image, table + 24)
    listed = pointer(table + 32)

    def each() -> Iterator[str]:
        for index in range(number):
            start = pointer(listed + 4 * index)
            yield image[start : image.index(b"\0", start)].decode("ascii")

    return list(each())


def definition(library: str, target: str, exported: list[str], own: Mapping[str, str]) -> str:
    """Return a linker's definition file for `library`, which hands each name on to the library `target`.

    `own` names the symbols that it has itself, by their names outside.
    """
    inside = {name: own.get(name, f"{target}.{name}") for name in exported}
    lines = [f'  "{name}" = "{symbol}"\n' for name, symbol in inside.items()]
    return f"LIBRARY {library}\nEXPORTS\n{''.join(lines)}"
