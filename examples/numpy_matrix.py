"""A matrix in a file that two processes work on: one fills the rows, the other adds them up."""

import multiprocessing
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mmap_rs import MmapMut, map_file

ROWS, COLUMNS = 200, 50


def matrix(m: MmapMut) -> npt.NDArray[np.float64]:
    """Return the mapped bytes as rows of numbers; the array keeps them mapped."""
    return np.frombuffer(memoryview(m), dtype=np.float64).reshape(-1, COLUMNS)


def fill(m: MmapMut) -> None:
    """Write the number of each row into the row: in another process."""
    matrix(m)[:] = np.arange(ROWS)[:, None]
    m.flush()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "matrix.f64"
        with map_file(path, "w+", size=ROWS * COLUMNS * 8) as m:
            process = multiprocessing.Process(target=fill, args=(m,))
            process.start()
            process.join()
            print(f"the sums of the last rows: {matrix(m)[-3:].sum(axis=1)}")
        print(f"the sum of the file: {np.fromfile(path).sum()}")


if __name__ == "__main__":
    main()
