"""Scale numbers in a file through a NumPy array over the mapping, without reading the file into memory."""

import tempfile
from pathlib import Path

import numpy as np

from mmap_rs import MmapFlags, MmapOptions


def scale(path: Path, factor: float) -> float:
    """Multiply all numbers of a file in place; return their sum."""
    with MmapOptions.for_file(path).with_flags(MmapFlags.SHARED).map_mut() as m:
        m.advise(MmapFlags.SEQUENTIAL)
        numbers = np.frombuffer(memoryview(m), dtype=np.float64)
        numbers *= factor
        total = float(numbers.sum())
        m.flush()
        del numbers  # or leaving the block would be a BufferError
    return total


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "numbers.f64"
        np.arange(100_000, dtype=np.float64).tofile(path)
        print(f"sum in the mapping: {scale(path, 0.5):.1f}")
        print(f"sum of the file: {np.fromfile(path).sum():.1f}")


if __name__ == "__main__":
    main()
