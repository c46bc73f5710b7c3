"""Follow a log that another process writes, as `tail -f` does: resize the mapping as the file grows."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from mmap_rs import Mmap, MmapOptions

WRITER = """
import sys, time
with open(sys.argv[1], "ab", buffering=0) as log:
    for number in range(5):
        log.write(b"line %d, in " % number)
        time.sleep(0.02)
        log.write(b"two parts\\n")
    log.write(b"end\\n")
"""


def has_grown(log: Mmap, path: Path) -> bool:
    """Resize the mapping to the file's size, if the file is larger."""
    before = len(log)
    if path.stat().st_size > before:
        log.resize()
    return len(log) > before


def follow(path: Path, pause: float = 0.01) -> Generator[bytes, None, None]:
    """Yield each line as soon as it is complete, without its newline. It never ends."""
    # An empty file gives an empty mapping, which can grow too.
    with MmapOptions.for_file(path).map() as log:
        start = 0
        while True:
            end = log.find(b"\n", start)
            if end >= 0:
                yield log[start:end]
                start = end + 1
            elif not has_grown(log, path):
                time.sleep(pause)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        path.touch()
        with (
            subprocess.Popen([sys.executable, "-c", WRITER, str(path)]),
            closing(follow(path)) as lines,
        ):
            for line in lines:
                print(line.decode())
                if line == b"end":
                    break


if __name__ == "__main__":
    main()
