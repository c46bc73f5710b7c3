"""Try changes on a file in memory, and keep the file as it was."""

import tempfile
from pathlib import Path

from mmap_rs import MmapOptions


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "settings.ini"
        path.write_bytes(b"[window]\nwidth=0640\n")

        # Private, as there is no SHARED: the file is opened for reading only.
        with MmapOptions.for_file(path).map_mut() as draft:
            at = draft.index(b"width=") + len(b"width=")
            draft[at : at + 4] = b"1920"
            print("in memory:", draft[:].split(b"\n")[1].decode())

        print("in the file:", path.read_text(encoding="ascii").split("\n")[1])


if __name__ == "__main__":
    main()
