"""Bytes to search and files to map."""

import contextlib
import os
import random
import tempfile
from collections.abc import Generator
from pathlib import Path

BLOCK = 1 << 20


def random_bytes(size: int, letters: bytes, seed: int = 1) -> bytearray:
    """Return bytes out of `letters`, always the same; beyond 1 MiB they repeat."""
    block = bytes(random.Random(seed).choices(letters, k=min(size, BLOCK)))
    return bytearray(block * -(-size // len(block)))[:size]


@contextlib.contextmanager
def scratch_file(content: bytes | bytearray, size: int | None = None) -> Generator[Path]:
    """Give a file for the time of the block, in memory where the system has a place for that."""
    shm = "/dev/shm"
    descriptor, name = tempfile.mkstemp(
        prefix="mmap-rs-bench-", dir=shm if os.access(shm, os.W_OK) else None
    )
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.truncate(len(content) if size is None else size)
        yield Path(name)
    finally:
        os.unlink(name)
