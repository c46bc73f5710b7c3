"""Walk the state machine for a number of steps: `python -m tests.stateful.walk 1000000`."""

import gc
import sys
import time

from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from tests.stateful.test_stateful import Mappings

SETTINGS = settings(
    max_examples=50,
    stateful_step_count=40,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


class Counted(Mappings):
    """The machine, counting."""

    steps = 0

    @invariant()
    def counted(self) -> None:
        Counted.steps += 1


def main() -> None:
    """Walk until the steps are done, and say how far it came from time to time."""
    wanted, begun = int(sys.argv[1]), time.monotonic()
    gc.freeze()  # what is imported stays; the machine collects often
    while Counted.steps < wanted:
        run_state_machine_as_test(Counted, settings=SETTINGS)
        print(f"{Counted.steps} steps, {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
