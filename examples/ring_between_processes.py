"""A ring buffer between two processes, in a `MemoryFile`: each message is one piece, also across the end."""

import multiprocessing
import struct
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Condition

from mmap_rs import MemoryFile, MmapFlags, MmapMut, MmapOptions

MESSAGES = 2000
LENGTH = struct.Struct("<I")
COUNTER = struct.Struct("<Q")
HEAD, TAIL = 0, COUNTER.size  # bytes ever read, bytes ever written


@dataclass
class Ring:
    """A queue for one writer and one reader. Each moves its own counter, under the lock of `changed`."""

    counters: MmapMut
    memory: MmapMut  # the ring, twice
    size: int
    changed: Condition

    def at(self, counter: int) -> int:
        """Return a counter."""
        value: int = COUNTER.unpack_from(self.counters, counter)[0]
        return value

    def filled(self) -> int:
        """Return how many bytes wait to be read."""
        return self.at(TAIL) - self.at(HEAD)

    def move(self, counter: int, count: int) -> None:
        """Move a counter on, and wake the other process."""
        with self.changed:
            COUNTER.pack_into(self.counters, counter, self.at(counter) + count)
            self.changed.notify()

    def put(self, message: bytes) -> None:
        """Add a message, when there is room for it."""
        need = LENGTH.size + len(message)
        with self.changed:
            self.changed.wait_for(lambda: need <= self.size - self.filled())
            start = self.at(TAIL) % self.size
        LENGTH.pack_into(self.memory, start, len(message))
        self.memory[start + LENGTH.size : start + need] = message
        self.move(TAIL, need)

    @contextmanager
    def get(self) -> Generator[memoryview, None, None]:
        """Give the oldest message as a view of the ring; its room is free at the end of the block."""
        with self.changed:
            self.changed.wait_for(lambda: self.filled() > 0)
            start = self.at(HEAD) % self.size
        need = LENGTH.size + LENGTH.unpack_from(self.memory, start)[0]
        with memoryview(self.memory)[start + LENGTH.size : start + need] as message:
            yield message
        self.move(HEAD, need)


def produce(ring: Ring) -> None:
    for number in range(MESSAGES):
        ring.put(f"message {number}; ".encode() * 50)


def main() -> None:
    context = multiprocessing.get_context("spawn")
    step = MmapOptions.allocation_granularity()
    with MemoryFile(2 * step, name="ring") as file:
        options = MmapOptions(step).with_flags(MmapFlags.SHARED)
        counters = options.with_file(file).map_mut()
        memory = options.with_file(file, step).with_repeats(2).map_mut()
    ring = Ring(counters, memory, step, context.Condition())
    writer = context.Process(target=produce, args=(ring,))
    writer.start()
    for number in range(MESSAGES):
        with ring.get() as message:
            if message != f"message {number}; ".encode() * 50:
                raise AssertionError
    writer.join()
    print(f"{MESSAGES} messages, {ring.at(HEAD) // step} times around {step} bytes")


if __name__ == "__main__":
    main()
