"""Running the cases, each round in new processes.

Where code and data lie makes a short call up to half as fast again, and the system lays out each
process in another way. So the best of several processes counts, not only the best of many turns.
"""

import gc
import multiprocessing
import re
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

from benchmarks import families, timing
from benchmarks.model import Measured, Scope

AGAIN = 2


def measure_family(name: str, scope: Scope, seconds: float, first: bool) -> list[Measured]:
    """Measure the cases of a family in this process; some in the first round only."""
    gc.disable()
    measured: list[Measured] = []
    for case in families.load(name).cases(scope):
        if scope.wants(case.family, case.name) and (first or not case.once):
            best = timing.measure(case, seconds)
            measured.append(Measured(case.family, case.name, case.bars, best))
    return measured


def misses(measured: Measured) -> bool:
    """Whether a limit was missed, or what is kept where the limit is out of reach."""
    return any(
        measured.value(bar) > (bar.limit if bar.kept is None else bar.kept) for bar in measured.bars
    )


def run(names: Sequence[str], scope: Scope, seconds: float, rounds: int) -> dict[str, Measured]:
    """Measure families in so many rounds, and twice in as many again what misses its limit."""
    found: dict[str, Measured] = {}
    add_rounds(found, names, scope, seconds, rounds)
    for _ in range(AGAIN):
        late = [measured for measured in found.values() if misses(measured)]
        if not late:
            break
        # Both sides' best times can only get better: on a busy machine one side may have had no luck yet.
        only = "|".join(f"^{re.escape(measured.key)}$" for measured in late)
        again = [name for name in names if name in {measured.family for measured in late}]
        add_rounds(found, again, replace(scope, only=only), 2 * seconds, rounds)
    return found


def add_rounds(
    found: dict[str, Measured], names: Iterable[str], scope: Scope, seconds: float, rounds: int
) -> None:
    """Add rounds to what was found."""
    # A forked child would have its parent's layout.
    context = multiprocessing.get_context("spawn")
    for round_ in range(rounds):
        with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
            for name in names:
                if sys.stderr.isatty():
                    print(
                        f"\r\033[Kround {round_ + 1} of {rounds}: {name}", end="", file=sys.stderr
                    )
                done = pool.submit(measure_family, name, scope, seconds, round_ == 0)
                for measured in done.result():
                    before = found.get(measured.key, measured)
                    found[measured.key] = measured.with_best_of(before)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
