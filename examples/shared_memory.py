"""Two processes count in the same memory: the child adds, the parent reads the sum.

The board is one page of a file. Each process has its own eight bytes, so that no two write to the same place.
"""

import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from mmap_rs import MmapFlags, MmapMut, MmapOptions

WORKERS = 4
ROUNDS = 1000


def board(path: Path) -> MmapMut:
    """Map the board so that all see what is written."""
    return MmapOptions.for_file(path).with_flags(MmapFlags.SHARED).map_mut()


def work(path: Path, number: int) -> None:
    """Count to ROUNDS in this worker's own place."""
    with board(path) as m:
        for count in range(1, ROUNDS + 1):
            struct.pack_into("<Q", m, 8 * number, count)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "board"
        path.write_bytes(bytes(MmapOptions.page_size()))
        with board(path) as m:
            children = [
                subprocess.Popen([sys.executable, __file__, str(path), str(number)])
                for number in range(WORKERS)
            ]
            for child in children:
                child.wait()
            counts = struct.unpack_from(f"<{WORKERS}Q", m)
        print(f"counts: {counts}, sum: {sum(counts)}")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        work(Path(sys.argv[1]), int(sys.argv[2]))
    else:
        main()
