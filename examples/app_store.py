"""A store for a phone app: a file of records that is mapped, and written back when the app may be stopped.

It takes the page size from the system, needs no other folder than the app's own, and no executable memory.
"""

import struct
import sys
import tempfile
from pathlib import Path

from mmap_rs import MmapFlags, MmapOptions

RECORD = struct.Struct("<I60s")
PAGES = 4


class Store:
    """Records of fixed size in a mapped file; the first one counts the others."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(PAGES * MmapOptions.page_size()))
        self.memory = MmapOptions.for_file(path).with_flags(MmapFlags.SHARED).map_mut()

    def __len__(self) -> int:
        return int(RECORD.unpack_from(self.memory, 0)[0])

    def add(self, text: str) -> None:
        """Write a record, then count it."""
        number = len(self) + 1
        RECORD.pack_into(self.memory, number * RECORD.size, number, text.encode())
        RECORD.pack_into(self.memory, 0, number, b"")

    def texts(self) -> list[str]:
        """Read all records."""
        places = (number * RECORD.size for number in range(1, len(self) + 1))
        return [RECORD.unpack_from(self.memory, at)[1].rstrip(b"\0").decode() for at in places]

    def pause(self) -> None:
        """Call this when the app goes to the background."""
        self.memory.flush()


def main(folder: Path) -> None:
    store = Store(folder / "notes")
    store.add("written before the app was stopped")
    store.pause()
    store.memory.close()
    print("after a restart:", Store(folder / "notes").texts())


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
