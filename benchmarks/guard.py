"""Measure what the fault guard costs a call that meets no fault.

Both mappings are read in turns, and the best of many turns counts. `--check LIMIT` ends with status 1
if the guard costs more than LIMIT nanoseconds a call.
"""

import argparse
import sys
import timeit

from mmap_rs import MmapOptions

SIZE = 1 << 16
OPERATIONS = {"m[i]": "m[100]", "m[i] = v": "m[100] = 7", "m[a:b]": "m[100:116]"}


def measure(statement: str, turns: int, loops: int) -> tuple[float, float]:
    """Return the least time of a call in nanoseconds, without the guard and with it."""
    timers = [
        timeit.Timer(statement, globals={"m": MmapOptions(SIZE).map_mut()}),
        timeit.Timer(statement, globals={"m": MmapOptions(SIZE).with_fault_guard().map_mut()}),
    ]
    least = [float("inf"), float("inf")]
    for _ in range(turns):
        for number, timer in enumerate(timers):
            least[number] = min(least[number], timer.timeit(loops) / loops * 1e9)
    return least[0], least[1]


def main() -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", type=float, metavar="LIMIT", help="nanoseconds it may cost")
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--loops", type=int, default=50_000)
    options = parser.parse_args()
    worst = 0.0
    print(f"{'':10} {'plain':>8} {'guarded':>8}   nanoseconds a call")
    for name, statement in OPERATIONS.items():
        plain, guarded = measure(statement, options.turns, options.loops)
        worst = max(worst, guarded - plain)
        print(f"{name:10} {plain:8.1f} {guarded:8.1f}   {guarded - plain:+.1f}")
    return 1 if options.check is not None and worst > options.check else 0


if __name__ == "__main__":
    sys.exit(main())
