"""Append records to a mapped file that grows in steps, then cut it to what was used and read it back."""

import os
import struct
import tempfile
from collections.abc import Iterable
from pathlib import Path

from mmap_rs import map_file

RECORD = struct.Struct("<Id")  # a number and a measurement
STEP = 1 << 16


def append(path: Path, measurements: Iterable[float]) -> int:
    """Write a record for each measurement; return how often the file grew."""
    used = grew = 0
    m = map_file(path, "w+", size=STEP)
    for number, value in enumerate(measurements):
        if used + RECORD.size > len(m):
            os.truncate(path, len(m) + STEP)
            m.resize(len(m) + STEP)
            grew += 1
        RECORD.pack_into(m, used, number, value)
        used += RECORD.size
    m.close()
    os.truncate(path, used)
    return grew


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "measurements.bin"
        grew = append(path, (number / 4 for number in range(20_000)))
        print(f"{path.stat().st_size} bytes, grown {grew} times")
        with map_file(path) as m:
            number, value = RECORD.unpack_from(m, len(m) - RECORD.size)
        print(f"the last of them: {number}, {value}")


if __name__ == "__main__":
    main()
