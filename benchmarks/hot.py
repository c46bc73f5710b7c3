"""Compare the hot paths of a mapping with those of the standard library's `mmap`, in one run.

Every operation is timed in turns, ours and theirs, and the best of many turns counts: what slows a
turn down is the machine, not the code. The table gives nanoseconds an operation and the ratio.
`--check LIMIT` ends with status 1 if a ratio is over the limit.
"""

import argparse
import gc
import mmap
import platform
import sys
import sysconfig
import timeit
from collections.abc import Sequence
from typing import NamedTuple

import mmap_rs

SIZE = 1 << 16

OPERATIONS = {
    "m[i]": "m[i]",
    "m[i] = v": "m[i] = v",
    "m[a:a+16]": "m[a:b]",
    "m[a:a+16] = v": "m[a:b] = w",
    "len(m)": "len(m)",
}


class Row(NamedTuple):
    """Best times of one operation, in nanoseconds."""

    name: str
    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        """Our time in units of theirs."""
        return self.ours / self.theirs


def timer(statement: str, mapping: object) -> timeit.Timer:
    """Make a timer of a statement over a mapping `m`; the values of each kind are the same for all."""
    names = {"m": mapping, "i": 12_345, "v": 0x5A, "a": 4_000, "b": 4_016, "w": b"0123456789abcdef"}
    setup = "; ".join(f"{name} = given_{name}" for name in names)
    return timeit.Timer(
        statement, setup, globals={f"given_{name}": value for name, value in names.items()}
    )


def measure(turns: int, loops: int) -> list[Row]:
    """Time all operations: `turns` turns of `loops` rounds each."""
    ours = mmap_rs.MmapOptions(SIZE).map_mut()
    theirs = mmap.mmap(-1, SIZE)
    timers = {
        name: (timer(statement, ours), timer(statement, theirs))
        for name, statement in OPERATIONS.items()
    }
    best = {name: (float("inf"), float("inf")) for name in timers}
    gc.disable()
    for _ in range(turns):
        for name, (first, second) in timers.items():
            least = best[name]
            best[name] = (
                min(least[0], first.timeit(loops)),
                min(least[1], second.timeit(loops)),
            )
    gc.enable()
    theirs.close()
    ours.close()
    return [Row(name, a / loops * 1e9, b / loops * 1e9) for name, (a, b) in best.items()]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Compare the hot paths with those of the mmap module."
    )
    parser.add_argument(
        "--check", type=float, metavar="LIMIT", help="fail if a ratio is over LIMIT"
    )
    parser.add_argument(
        "--turns", type=int, default=200, help="turns of each operation (%(default)s)"
    )
    parser.add_argument("--loops", type=int, default=50_000, help="rounds a turn (%(default)s)")
    options = parser.parse_args(arguments)

    threads = "free-threaded" if sysconfig.get_config_var("Py_GIL_DISABLED") else "with the GIL"
    print(f"mmap_rs {mmap_rs.__version__}, Python {platform.python_version()} {threads},")
    print(f"{platform.system()} {platform.release()} {platform.machine()}")
    print(f"best of {options.turns} turns of {options.loops:,} rounds, nanoseconds a round\n")
    rows = measure(options.turns, options.loops)
    print(f"{'operation':<16} {'mmap_rs':>9} {'mmap':>9} {'ratio':>7}")
    for row in rows:
        print(f"{row.name:<16} {row.ours:>9.1f} {row.theirs:>9.1f} {row.ratio:>7.2f}")

    if options.check is not None:
        over = [row for row in rows if row.ratio > options.check]
        for row in over:
            print(f"{row.name}: ratio {row.ratio:.2f} is over {options.check}", file=sys.stderr)
        return 1 if over else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
