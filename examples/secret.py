"""Keep a key in memory that is not swapped, not dumped, and wiped after use."""

import hashlib
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from mmap_rs import MmapFlags, MmapMut, MmapOptions, SystemCallError


@contextmanager
def secret_memory(size: int) -> Generator[MmapMut, None, None]:
    """Give memory for a secret; wipe it at the end, whatever happens."""
    options = MmapOptions(size).with_flags(MmapFlags.NO_CORE_DUMP)
    try:
        m = options.with_flags(MmapFlags.LOCKED).map_mut()
    except SystemCallError as error:
        print("not locked:", error.hint)
        m = options.map_mut()
    try:
        yield m
    finally:
        m.fill(0)
        m.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "key"
        path.write_bytes(os.urandom(32))
        with secret_memory(MmapOptions.page_size()) as key, memoryview(key)[:32] as view:
            # Read straight into the mapping: here the key is never a bytes object of its own.
            with path.open("rb", buffering=0) as file:
                print("read", file.readinto(view), "bytes")
            tag = hashlib.blake2b(b"message", key=view, digest_size=16).hexdigest()
            print("a tag of", len(tag), "digits")
            view.release()
    print("after use:", key)


if __name__ == "__main__":
    main()
