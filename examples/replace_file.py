"""Change a file that others have mapped: write a new one over the old name, so that none is hurt."""

import os
import tempfile
from pathlib import Path

from mmap_rs import Mmap, MmapOptions


def replace(path: Path, content: bytes) -> None:
    """Put new content under a name; processes that map the old file keep it whole."""
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(name, path)


def is_current(mapped: Path, seen: os.stat_result) -> bool:
    """Tell whether a name still means the file that was seen."""
    now = mapped.stat()
    return (now.st_dev, now.st_ino) == (seen.st_dev, seen.st_ino)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index"
        path.write_bytes(b"old index, long " * 1000)
        seen = path.stat()
        reader: Mmap = MmapOptions.for_file(path).map()

        replace(path, b"new")
        print("the reader has:", reader[-16:].decode(), "and it is", len(reader), "bytes")
        print("the reader is current:", is_current(path, seen))

        reader.close()
        with MmapOptions.for_file(path).map() as reader:
            print("mapped again:", reader[:].decode())


if __name__ == "__main__":
    main()
