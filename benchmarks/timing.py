"""The best turn of each side of a case, taken in turns."""

import time
from collections.abc import Mapping

from benchmarks.model import Case, Turn

TURN = 0.002
"""Seconds a turn should take: long compared with the clock's resolution, short compared with disturbances."""
FEWEST = 4
"""How many turns each side gets at least."""


def loops_for(turn: Turn) -> int:
    """Return how many loops make a turn."""
    loops = 1
    while (took := turn(loops)) < TURN / 4 and loops < 1 << 24:
        loops *= 4 if took < TURN / 16 else 2
    return loops


def best(sides: Mapping[str, Turn], seconds: float) -> dict[str, float]:
    """Return the least time of one loop of each side, in seconds."""
    # The first loops bring pages and caches to where they stay; they count for nothing.
    loops = {name: loops_for(turn) for name, turn in sides.items()}
    least = dict.fromkeys(sides, float("inf"))
    begun, turns = time.perf_counter(), 0
    while turns < FEWEST or time.perf_counter() - begun < seconds:
        for name, turn in sides.items():
            least[name] = min(least[name], turn(loops[name]) / loops[name])
        turns += 1
    return least


def measure(case: Case, seconds: float) -> dict[str, float]:
    """Return the best time of one call of each side, in seconds; `seconds` is what the case may take."""
    least = best(case.sides, 6 * seconds if case.once else seconds)
    return {name: value / case.calls for name, value in least.items()}
