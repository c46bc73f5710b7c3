"""The same work with the standard library's mmap and with mmap_rs: count lines, change a word, save."""

import mmap
import tempfile
from pathlib import Path

from mmap_rs import MmapFlags, MmapOptions


def with_mmap(path: Path) -> int:
    """Do it the old way."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as m:
        lines = sum(1 for _ in iter(m.readline, b""))
        at = m.find(b"grey", 0)
        m[at : at + 4] = b"gray"
        m.flush()
    return lines


def with_mmap_rs(path: Path) -> int:
    """Do it the new way."""
    with MmapOptions.for_file(path).with_flags(MmapFlags.SHARED).map_mut() as m:
        lines = m.count(b"\n")
        at = m.index(b"grey")  # a ValueError if it is not there
        m[at : at + 4] = b"gray"
        m.flush()
    return lines


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "colours"
        for work in (with_mmap, with_mmap_rs):
            path.write_bytes(b"red\ngrey\nblue\n")
            print(f"{work.__name__}: {work(path)} lines, then {path.read_bytes()!r}")


if __name__ == "__main__":
    main()
