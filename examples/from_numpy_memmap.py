"""The same array in a file with numpy.memmap and with mmap_rs; the second one has an end."""

import tempfile
from pathlib import Path

import numpy as np

from mmap_rs import MmapFlags, MmapOptions

SHAPE = (200, 50)


def with_memmap(path: Path) -> float:
    """Do it the old way: the file is unmapped some time after the array is gone."""
    array = np.memmap(path, dtype=np.float32, mode="r+", shape=SHAPE)
    array += 1
    array.flush()
    return float(array.sum())


def with_mmap_rs(path: Path) -> float:
    """Do it the new way: the file is unmapped when the block ends."""
    with MmapOptions.for_file(path).with_flags(MmapFlags.SHARED).map_mut() as m:
        array = np.frombuffer(memoryview(m), dtype=np.float32).reshape(SHAPE)
        array += 1
        total = float(array.sum())
        m.flush()
        del array
    return total


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "matrix.f32"
        np.zeros(SHAPE, dtype=np.float32).tofile(path)
        for work in (with_memmap, with_mmap_rs):
            print(f"{work.__name__}: sum {work(path):.0f}")


if __name__ == "__main__":
    main()
