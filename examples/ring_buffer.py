"""A queue of messages in a ring buffer: a message that wraps is still one piece, and never joined."""

import struct
from collections.abc import Generator
from contextlib import contextmanager

from mmap_rs import MemoryFile, MmapFlags, MmapMut, MmapOptions

LENGTH = struct.Struct("<I")


class Ring:
    """Messages in the order in which they came. `head` and `tail` count all bytes ever read and written."""

    def __init__(self, size: int) -> None:
        self.size, self.head, self.tail = size, 0, 0
        # The mapping keeps the memory, which ends with it.
        with MemoryFile(size, name="ring") as file:
            options = MmapOptions.for_file(file).with_flags(MmapFlags.SHARED)
            # The same bytes twice: what is written past the end is at the start.
            self.memory: MmapMut = options.with_repeats(2).map_mut()

    def put(self, message: bytes) -> None:
        """Add a message; raise `BlockingIOError` if there is no room."""
        need = LENGTH.size + len(message)
        if need > self.size - (self.tail - self.head):
            msg = f"no room for {need} bytes"
            raise BlockingIOError(msg)
        at = self.tail % self.size
        LENGTH.pack_into(self.memory, at, len(message))
        self.memory[at + LENGTH.size : at + need] = message
        self.tail += need

    @contextmanager
    def get(self) -> Generator[memoryview, None, None]:
        """Give the oldest message as a view of the ring; its room is free at the end of the block."""
        at = self.head % self.size
        (length,) = LENGTH.unpack_from(self.memory, at)
        end = at + LENGTH.size + length
        with memoryview(self.memory) as whole, whole[at + LENGTH.size : end] as message:
            yield message
        self.head += LENGTH.size + length


def main() -> None:
    ring = Ring(MmapOptions.allocation_granularity())
    sent = wrapped = 0
    while ring.tail < 3 * ring.size:
        ring.put(f"message {sent}; ".encode() * 50)
        starts = ring.head % ring.size
        with ring.get() as message:
            wrapped += starts + len(message) > ring.size
            if bytes(message) != f"message {sent}; ".encode() * 50:
                raise AssertionError
        sent += 1
    print(f"{sent} messages in {ring.size} bytes, {wrapped} of them across the end")
    ring.memory.close()


if __name__ == "__main__":
    main()
