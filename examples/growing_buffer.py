"""A buffer that grows in place: its address never moves, and nothing is copied."""

from mmap_rs import MmapMut, MmapOptions, ReservedMut


class Arena:
    """Bytes that grow up to a limit; `append` returns where the data is."""

    def __init__(self, limit: int, step: int = 1 << 20) -> None:
        self.step = step
        self.used = 0
        # A step more, as the last piece of a reservation can't be split off.
        self.rest: ReservedMut = MmapOptions(limit + step).reserve_mut()
        self.memory: MmapMut = MmapMut.try_from(self.rest.split_to(step))

    def append(self, data: bytes) -> int:
        """Add bytes at the end, and return their offset."""
        while self.used + len(data) > self.memory.size():
            if self.rest.size() <= self.step:
                msg = f"the arena is full: {self.used} bytes"
                raise MemoryError(msg)
            self.memory.merge(MmapMut.try_from(self.rest.split_to(self.step)))
        at = self.used
        self.memory[at : at + len(data)] = data
        self.used += len(data)
        return at


def main() -> None:
    arena = Arena(limit=64 << 20)
    start = arena.memory.start()
    offsets = [arena.append(f"record {number}\n".encode() * 10_000) for number in range(100)]
    at = offsets[-1]
    print(f"appended {arena.used:,} bytes in {len(offsets)} records")
    print(f"committed {arena.memory.size() >> 20} MiB of {64} MiB")
    print("the address stayed:", arena.memory.start() == start)
    print("the last record:", arena.memory[at : at + 9].decode())


if __name__ == "__main__":
    main()
