"""Many threads do everything at once to a few mappings.

`python -m tests.threads.stress SECONDS [SEED]`. Ends with status 0 unless a thread hangs (a watchdog
prints where), a child ends wrongly, or an exception comes that none of the acts explains.
"""

import contextlib
import faulthandler
import gc
import os
import random
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from typing import Any

from mmap_rs import Mapping, MmapFlags, MmapOptions

THREADS = 5
PLACES = 8
SIZE = 1 << 18
PAGE = MmapOptions.page_size()
# A thread that makes no progress for so long hangs.
PATIENCE = 40.0
EXPECTED = (ValueError, IndexError, BufferError, TypeError, AttributeError, OSError)


class Cycle:
    """Garbage that only the collector finds, and that closes a mapping when it goes."""

    def __init__(self, mapping: Any) -> None:
        self.mapping, self.me = mapping, self

    def __del__(self) -> None:
        try:
            self.mapping.close()
        except BufferError:
            self.mapping.close(defer=True)


class Stress:
    """The mappings, and what threads do to them."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.places: list[Any] = [None] * PLACES
        self.views: list[memoryview] = []
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        self.file.truncate(SIZE)
        self.seen = [time.monotonic()] * THREADS
        self.counts: dict[str, int] = {}
        self.failed: list[BaseException] = []
        self.stop = False

    def any(self, rng: random.Random) -> tuple[int, Any]:
        at = rng.randrange(PLACES)
        mapping = self.places[at]
        if mapping is None or mapping.closed:
            mapping = self.places[at] = self.make(rng)
        return at, mapping

    def make(self, rng: random.Random) -> Mapping:
        options = MmapOptions(SIZE)
        match rng.randrange(4):
            case 0:
                self.file.truncate(SIZE)
                options = options.with_file(self.file).with_fault_guard()
                if rng.random() < 0.5:
                    options = options.with_flags(MmapFlags.SHARED)
            case 1:
                return options.reserve_mut()
            case _:
                pass
        return options.map_mut() if rng.random() < 0.7 else options.map()

    # The acts

    def read(self, rng: random.Random) -> None:
        _, mapping = self.any(rng)
        match rng.randrange(7):
            case 0:
                mapping[rng.randrange(SIZE)]
            case 1:
                mapping[rng.randrange(SIZE) : SIZE]
            case 2:
                mapping.find(b"needle")
            case 3:
                mapping.count(b"\1")
            case 4:
                _ = repr(mapping), len(mapping), mapping.faulted()
            case 5:
                sum(zip(range(100), mapping, strict=False), ())
            case _:
                _ = b"x" in mapping

    def write(self, rng: random.Random) -> None:
        _, mapping = self.any(rng)
        match rng.randrange(6):
            case 0:
                mapping[rng.randrange(SIZE)] = 1
            case 1:
                mapping[100:200] = bytes(100)
            case 2:
                mapping.fill(rng.randrange(256))
            case 3:
                mapping.copy_within(range(100_000), 5)
            case 4:
                mapping[:] = self.any(rng)[1]
            case _:
                mapping.flush()
                mapping.lock()
                mapping.unlock()

    def export(self, rng: random.Random) -> None:
        view = memoryview(self.any(rng)[1])
        self.views.append(view)
        view[rng.randrange(len(view))]
        with self.any(rng)[1].as_file() as file:
            file.read(100_000)
            file.readline()
        while len(self.views) > 3:
            self.views.pop(0).release()

    def split(self, rng: random.Random) -> None:
        at, mapping = self.any(rng)
        cut = rng.randrange(1, 4) * PAGE
        part = mapping.split_off(cut) if rng.random() < 0.5 else mapping.split_to(cut)
        self.places[(at + 1) % PLACES] = part

    def merge(self, rng: random.Random) -> None:
        (_, one), (_, other) = self.any(rng), self.any(rng)
        if rng.random() < 0.5:
            other = one.split_off(PAGE * rng.randrange(1, 9))
        one.merge(other)

    def convert(self, rng: random.Random) -> None:
        at, mapping = self.any(rng)
        name = rng.choice(["make_none", "make_read_only", "make_mut", "make_exec"])
        self.places[at] = getattr(mapping, name)()

    def close(self, rng: random.Random) -> None:
        self.any(rng)[1].close(defer=rng.random() < 0.5)

    def drop(self, rng: random.Random) -> None:
        self.places[rng.randrange(PLACES)] = None

    def fail(self, rng: random.Random) -> None:
        _, mapping = self.any(rng)
        acts: list[Callable[[], object]] = [
            lambda: mapping[SIZE * 2],
            lambda: mapping.fill(0, range(SIZE * 2)),
            lambda: mapping.split_off(5),
            lambda: mapping.merge(mapping),
            lambda: mapping.flush(range(5, 3)),
            lambda: MmapOptions(SIZE).with_file(self.file, 3),
            lambda: MmapOptions(SIZE * 100).with_file(self.file).map(),
        ]
        rng.choice(acts)()

    def truncate(self, rng: random.Random) -> None:
        self.file.truncate(rng.choice([0, PAGE, SIZE]))

    def finalise(self, rng: random.Random) -> None:
        Cycle(self.any(rng)[1])
        if rng.random() < 0.1:
            gc.collect()

    def fork(self, rng: random.Random) -> None:
        if rng.random() > 0.05 or not hasattr(os, "fork"):
            return
        pid = os.fork()
        if pid == 0:
            signal.alarm(30)
            try:
                for mapping in self.places:
                    if mapping is not None:
                        with contextlib.suppress(*EXPECTED):
                            mapping.find(mapping[0:1])
                        mapping.close(defer=True)
                os._exit(0)
            finally:
                # Not reached but with an exception.
                traceback.print_exc()
                os._exit(1)
        status = os.waitpid(pid, 0)[1]
        if status != 0:
            raise AssertionError(f"a child ended with {os.waitstatus_to_exitcode(status)}")

    # The threads

    def work(self, number: int) -> None:
        rng = random.Random(f"{self.seed} {number}")
        acts = [
            *[self.read] * 6,
            *[self.write] * 4,
            *[self.export] * 2,
            *[self.split, self.merge, self.convert] * 2,
            self.close,
            self.drop,
            self.fail,
            self.truncate,
            self.finalise,
            self.fork,
        ]
        try:
            while not self.stop:
                act = rng.choice(acts)
                with contextlib.suppress(*EXPECTED):
                    act(rng)
                self.counts[act.__name__] = self.counts.get(act.__name__, 0) + 1
                self.seen[number] = time.monotonic()
        except BaseException as error:
            self.failed.append(error)
            raise

    def run(self, seconds: float) -> None:
        threads = [threading.Thread(target=self.work, args=(i,)) for i in range(THREADS)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.failed:
            faulthandler.dump_traceback_later(PATIENCE, exit=True)
            time.sleep(0.5)
            slowest = min(self.seen)
            if time.monotonic() - slowest > PATIENCE:
                print(f"a thread has hung for {PATIENCE} s", file=sys.stderr)
                faulthandler.dump_traceback()
                os._exit(3)
        self.stop = True
        for thread in threads:
            thread.join()
        faulthandler.cancel_dump_traceback_later()


def main() -> int:
    seconds = float(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
    warnings.simplefilter(
        "ignore", DeprecationWarning
    )  # of forking beside threads: that is the test
    print(f"seed {seed}", flush=True)
    stress = Stress(seed)
    gc.set_threshold(50)
    stress.run(seconds)
    print(", ".join(f"{name} {count}" for name, count in sorted(stress.counts.items())))
    return int(bool(stress.failed))


if __name__ == "__main__":
    sys.exit(main())
