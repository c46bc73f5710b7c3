"""Compile, build and test the targets of tiers.toml on one Debian machine: `python tools/tiers --help`."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import results
import tables
from targets import PLACES, Target, find, load
from work import Absent, Failed, Tally, Work

EXPLANATION = """
What is needed (a compiler with the sources of its standard library, zig, other machines' systems) is fetched
into a cache folder: $MMAP_RS_TIERS_CACHE, else mmap-rs-tiers in the folder of caches. It can be removed
at any time. Logs are in its folder `logs`. A first build of a target takes minutes; what is there already is
not made again. Exit status: 0 if nothing failed, 1 if something did, 2 for a wrong command line. A step that
this machine can't do is told as `absent`, with the reason, and is no failure.
"""

# What is set for builds on this machine, and would mislead those for others.
FOREIGN = ("PYO3_PYTHON", "RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_ENCODED_RUSTFLAGS")

Verdict = Literal["ok", "FAILED", "absent"]
Step = tuple[str, Callable[[], str]]


@dataclass(frozen=True)
class Outcome:
    """What came of one step for one target."""

    triple: str
    step: str
    verdict: Verdict
    seconds: float
    detail: str

    @property
    def line(self) -> str:
        """The first line of what came of it."""
        return self.detail.splitlines()[0] if self.detail else ""


def attempt(work: Work, target: Target, step: str, action: Callable[[], str]) -> Outcome:
    """Run one step and turn its exceptions into an outcome."""
    work.say(f"{step} {target.triple}")
    began = time.monotonic()
    verdict: Verdict = "ok"
    try:
        detail = action()
    except Failed as error:
        verdict, detail = "FAILED", str(error)
    except Absent as error:
        verdict, detail = "absent", str(error)
    outcome = Outcome(target.triple, step, verdict, time.monotonic() - began, detail)
    work.say(f"{step} {target.triple}: {verdict}" + (f"\n{detail}" if verdict == "FAILED" else ""))
    return outcome


def check(work: Work, target: Target) -> str:
    """Compile the whole crate."""
    module = importlib.import_module("compiling")
    return str(module.check(work, target))


def wheel(work: Work, target: Target, python: str) -> str:
    """Build the wheel and inspect it."""
    module = importlib.import_module("wheels")
    return str(module.inspected(work, target, python))


def test(work: Work, target: Target, python: str, arguments: list[str], given: Path | None) -> str:
    """Run the test suite on the wheel, in the place that tiers.toml names.

    `python` is a version, such as 3.11, or with the kind of wheel behind it, such as 3.15-abi3t or 3.13-msvc.
    `given` is a wheel from elsewhere, to be tested in place of the one that this tool builds.
    """
    wheels = importlib.import_module("wheels")
    name, key = f"test-{target.triple}-{python}", str(wheels.fingerprint("tests", "tools/tiers"))
    usual = not arguments and given is None
    before = work.remembered(name, key) if usual else None
    if before is not None:
        work.say(
            f"{name} was done, with the same wheel and tests: remove {work.root / 'done'} to repeat"
        )
        return before
    version, _, kind = python.partition("-")
    built: Path = given or wheels.tested(work, target, kind)
    module = importlib.import_module(PLACES[target.local.place])
    tally: Tally = module.test(work, target, built, version, arguments)
    late = f" ({tally.late} at a second try)" if tally.late else ""
    counts = f"{tally.passed} passed{late}, {tally.failed} failed, {tally.skipped} skipped"
    text = f"{counts}: {tally.python}, {tally.under}" + (f", the {kind} wheel" if kind else "")
    if tally.failed:
        raise Failed(text)
    if usual:
        work.remember(name, key, text)
    return text


def steps(work: Work, target: Target, arguments: argparse.Namespace) -> Iterator[Step]:
    """Yield the steps that the command line asks for."""
    command: str = arguments.command
    if command in {"check", "all"}:
        yield "check", partial(check, work, target)
    if command in {"wheel", "all"}:
        abi: str = getattr(arguments, "abi", "abi3-py311")
        yield (
            ("wheel" if abi == "abi3-py311" else f"wheel {abi}"),
            partial(wheel, work, target, abi),
        )
    if command in {"test", "all"} and target.local.place != "none":
        chosen: str | None = arguments.python
        for python in [chosen] if chosen else target.local.pythons:
            pytest: list[str] = arguments.pytest.split()
            given: Path | None = getattr(arguments, "wheel", None)
            yield f"test {python}", partial(test, work, target, python, pytest, given)


def show(outcomes: list[Outcome]) -> None:
    """Print the table at the end."""
    width = max((len(outcome.triple) for outcome in outcomes), default=0)
    print()
    for outcome in outcomes:
        head = f"{outcome.triple:{width}}  {outcome.step:9}  {outcome.verdict:6}"
        print(f"{head}  {outcome.seconds:5.0f} s  {outcome.line}")
    count = dict.fromkeys(("ok", "FAILED", "absent"), 0)
    for outcome in outcomes:
        count[outcome.verdict] += 1
    print(f"\nsteps: {count['ok']} passed, {count['FAILED']} failed, {count['absent']} absent")


def record(outcomes: list[Outcome]) -> None:
    """Keep what was seen, and write the tables anew. What could not be done here was not seen."""
    seen = [outcome for outcome in outcomes if outcome.verdict != "absent"]
    new = [
        results.Result(
            triple=outcome.triple,
            step=outcome.step,
            date=results.today(),
            command=command_of(outcome),
            verdict=outcome.verdict,
            detail=outcome.line,
        )
        for outcome in seen
    ]
    results.record(new, [target.triple for target in load()])
    tables.write()


def command_of(outcome: Outcome) -> str:
    """Return the command that does this step alone."""
    word, _, rest = outcome.step.partition(" ")
    option = {"test": f" --python {rest}", "wheel": f" --abi {rest}"}.get(word, "") if rest else ""
    return f"python tools/tiers {word} {outcome.triple}{option}"


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    top = argparse.ArgumentParser(prog="tools/tiers", description=__doc__, epilog=EXPLANATION)
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the targets, a line each")
    table = commands.add_parser("table", help="check the tables of README.md and docs/platforms.md")
    table.add_argument("--write", action="store_true", help="write them anew")
    for name, text in (
        ("check", "compile the whole crate"),
        ("wheel", "build the wheel and inspect it"),
        ("test", "run the test suite on the wheel"),
        ("all", "all three"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument(
            "triples", nargs="*", metavar="TARGET", help="without any: all targets"
        )
        command.add_argument(
            "--record", action="store_true", help=f"keep what was seen in {results.PATH.name}"
        )
        if name in {"test", "all"}:
            command.add_argument(
                "--python", help="only this Python, e.g. 3.13, 3.15-abi3t or 3.13-msvc"
            )
            command.add_argument("--pytest", default="", help="arguments for pytest, in one word")
        if name == "test":
            command.add_argument(
                "--wheel", type=Path, metavar="FILE", help="this wheel, not one that is built here"
            )
        if name == "wheel":
            command.add_argument(
                "--abi", default="abi3-py311", help="the kind of wheel, e.g. cp314t"
            )
    return top


def table(write: bool) -> int:
    """Check or write the tables."""
    if write:
        tables.write()
        return 0
    stale = tables.stale()
    for path in stale:
        print(f"{path}: its tables are old: run python tools/tiers table --write", file=sys.stderr)
    return 1 if stale else 0


def main() -> int:
    """Run the command."""
    arguments = parser().parse_args()
    if arguments.command == "table":
        return table(arguments.write)
    try:
        targets = [find(triple) for triple in getattr(arguments, "triples", [])] or load()
    except KeyError as error:
        print(f"tools/tiers: {error.args[0]}", file=sys.stderr)
        return 2
    part = getattr(arguments, "pytest", "") or getattr(arguments, "wheel", None)
    if getattr(arguments, "record", False) and part:
        print("tools/tiers: --record is for whole runs on the tool's own wheels", file=sys.stderr)
        return 2
    if arguments.command == "list":
        for target in targets:
            head = f"{target.triple:32} tier {target.tier or '-'}  {target.tag:36}"
            print(f"{head} {'; '.join(target.differs)}".rstrip())
        return 0
    for name in FOREIGN:
        os.environ.pop(name, None)
    work = Work()
    outcomes = [
        attempt(work, target, step, action)
        for target in targets
        for step, action in steps(work, target, arguments)
    ]
    show(outcomes)
    if arguments.record:
        record(outcomes)
    return 1 if any(outcome.verdict == "FAILED" for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
