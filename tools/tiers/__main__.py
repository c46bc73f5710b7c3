"""Compile, build and test the targets of tiers.toml on one Debian machine: `python -m tools.tiers --help`."""

import argparse
import datetime as dt
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial

from tools import tell_absent
from tools.tiers import bionic, musl, roots, rust, suite, tables, wheels, wine
from tools.tiers.tables import Result
from tools.tiers.targets import Target, find, load
from tools.tiers.work import Absent, Failed, Work

EXPLANATION = """
check: clippy on the whole crate. wheel: build the wheel and inspect it. test: run the test suite on the
wheel. all: all three. table: check the tables of README.md and docs/platforms.md. What is needed is fetched
into a cache folder: $MMAP_RS_TIERS_CACHE, else mmap-rs-tiers in the folder of caches; its folder `logs` has
logs. Exit status: 0 if nothing failed, 1 if something did, 2 for a wrong command line. What this machine
can't do is `absent`, and no failure.
"""
# What is set for builds on this machine, and would mislead those for others.
FOREIGN = "PYO3_PYTHON VIRTUAL_ENV RUSTFLAGS CARGO_BUILD_TARGET CARGO_ENCODED_RUSTFLAGS"
# The kind of wheel, by what stands behind a Python's version; without that it is the target's usual one.
KINDS = {"": "", "abi3t": "abi3t-py315"}
# What finds a Python in the places that tiers.toml names.
PLACES = {
    "host": roots.here,
    "root": roots.place,
    "wine": wine.place,
    "bionic": bionic.place,
    "musl": musl.place,
}


def test(work: Work, target: Target, python: str, pytest: list[str]) -> str:
    """Run the test suite on the wheel, in the place that tiers.toml names.

    `python` is a version, such as 3.11, or with the kind of wheel behind it: 3.15-abi3t.
    """
    version, _, kind = python.partition("-")
    if kind not in KINDS:
        raise Absent(f"there is no kind of wheel {kind!r} to test; there are {', '.join(KINDS)}")
    place = PLACES[target.local.place](work, target, version)
    wheel = wheels.build(work, target, KINDS[kind] or target.local.wheel)
    if target.local.place == "wine" and not pytest:
        wine.core_tests(work, target, place)
    told = suite.test(work, place, wheel, pytest)
    return f"{told}, the {kind} wheel" if kind else told


def steps(work: Work, target: Target, given: argparse.Namespace) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield the steps that the command line asks for, with what does them."""
    if given.command in {"check", "all"}:
        yield "check", partial(rust.check, work, target)
    if given.command in {"wheel", "all"}:
        usual = target.pythons[0]
        kind = given.abi or usual
        name = "wheel" if kind == usual else f"wheel {kind}"
        yield name, partial(wheels.inspected, work, target, kind)
    if given.command in {"test", "all"} and target.local.place != "none":
        for python in [given.python] if given.python else target.local.pythons:
            action = partial(test, work, target, python, given.pytest.split())
            yield f"test {python}", action


def attempt(work: Work, target: Target, step: str, action: Callable[[], str]) -> Result:
    """Do one step, and turn its exceptions into a verdict."""
    work.say(f"{step} {target.triple}")
    try:
        verdict, detail = "ok", action()
    except (Failed, Absent) as error:
        verdict, detail = "absent" if isinstance(error, Absent) else "FAILED", str(error)
    work.say(f"{step} {target.triple}: {verdict}\n{detail}".removesuffix("\n"))
    today = dt.datetime.now(dt.UTC).date().isoformat()
    return Result(target.triple, step, today, verdict, detail.partition("\n")[0])


def show(outcomes: list[Result]) -> None:
    """Print the table at the end."""
    print()
    for it in outcomes:
        print(f"{it.triple:30}  {it.step:10}  {it.verdict:6}  {it.detail}")
    verdicts = [outcome.verdict for outcome in outcomes]
    passed, failed, absent = (verdicts.count(verdict) for verdict in ("ok", "FAILED", "absent"))
    print(f"\nsteps: {passed} passed, {failed} failed, {absent} absent")
    for it in outcomes:
        if it.verdict == "absent":
            tell_absent(f"{it.step} {it.triple}: {it.detail}")


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    top = argparse.ArgumentParser("python -m tools.tiers", description=__doc__, epilog=EXPLANATION)
    top.add_argument("command", choices=("table", "check", "wheel", "test", "all"))
    top.add_argument("targets", nargs="*", metavar="TARGET", type=find, help="without any: all of them")
    top.add_argument("--write", action="store_true", help="of table: write them anew")
    top.add_argument("--record", action="store_true", help="keep what was seen in the tables")
    top.add_argument("--abi", help="the kind of wheel to build, e.g. cp314t, and not the first")
    top.add_argument("--python", help="test with this Python only, e.g. 3.13 or 3.15-abi3t")
    top.add_argument("--pytest", default="", help="arguments for pytest, in one word")
    return top


def main() -> int:
    """Run the command."""
    top = parser()
    given = top.parse_args()
    if given.record and given.pytest:
        top.error("--record is for whole runs")
    if given.command == "table":
        return tables.write(check=not given.write)
    for name in FOREIGN.split():
        os.environ.pop(name, None)
    work = Work()
    targets: list[Target] = given.targets or load()
    outcomes = [attempt(work, it, *step) for it in targets for step in steps(work, it, given)]
    show(outcomes)
    if given.record:
        # What could not be done here was not seen.
        seen = [outcome for outcome in outcomes if outcome.verdict != "absent"]
        tables.record(seen, [target.triple for target in load()])
        tables.write()
    return 1 if any(outcome.verdict == "FAILED" for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
