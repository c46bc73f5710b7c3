"""Compile, build and test the targets of tiers.toml on one Debian machine: `python tools/tiers --help`."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from targets import Target, find, load
from work import Absent, Failed, Tally, Work

# The module of each place that tests run in; tiers.toml says which target has which.
PLACES = {"host": "natively", "root": "roots", "wine": "wine", "bionic": "bionic", "musl": "musl"}

Verdict = Literal["ok", "FAILED", "absent"]


@dataclass(frozen=True)
class Outcome:
    """What came of one step for one target."""

    triple: str
    step: str
    verdict: Verdict
    seconds: float
    detail: str


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


def test(work: Work, target: Target, python: str, arguments: list[str]) -> str:
    """Run the test suite on the wheel, in the place that tiers.toml names."""
    if target.local.place == "none":
        raise Absent("nothing here runs it")
    built: Path = importlib.import_module("wheels").build(work, target, "abi3-py311")
    module = importlib.import_module(PLACES[target.local.place])
    tally: Tally = module.test(work, target, built, python, arguments)
    counts = f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped"
    text = f"{counts}: {tally.python}, {tally.under}"
    if tally.failed:
        raise Failed(text)
    return text


def show(outcomes: list[Outcome]) -> None:
    """Print the table at the end."""
    width = max((len(outcome.triple) for outcome in outcomes), default=0)
    for outcome in outcomes:
        first = outcome.detail.splitlines()[0] if outcome.detail else ""
        head = f"{outcome.triple:{width}}  {outcome.step:5}  {outcome.verdict:6}"
        print(f"{head}  {outcome.seconds:5.0f} s  {first}")


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    top = argparse.ArgumentParser(prog="tools/tiers", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the targets, a line each")
    for name, text in (
        ("check", "compile the whole crate"),
        ("wheel", "build the wheel and inspect it"),
        ("test", "run the test suite on the wheel"),
        ("all", "all three, for every target"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument(
            "triples", nargs="*", metavar="TARGET", help="all targets if none is named"
        )
        command.add_argument(
            "--python", default="3.11", help="the Python that runs the tests, e.g. 3.13"
        )
    top.add_argument("--pytest", default="", help="arguments for pytest, in one word")
    return top


def main() -> int:
    """Run the command; 0: nothing failed, 1: something did, 2: a wrong command line."""
    arguments = parser().parse_args()
    try:
        targets = [find(triple) for triple in getattr(arguments, "triples", [])] or load()
    except KeyError as error:
        print(f"tools/tiers: {error.args[0]}", file=sys.stderr)
        return 2
    if arguments.command == "list":
        for target in targets:
            differs = "; ".join(target.differs)
            line = f"{target.triple:32} tier {target.tier or '-'}  {target.tag:36} {differs}"
            print(line.rstrip())
        return 0
    work = Work()
    steps = ("check", "wheel", "test") if arguments.command == "all" else (arguments.command,)
    outcomes: list[Outcome] = []
    for target in targets:
        for step in steps:
            if step == "check":
                action = partial(check, work, target)
            elif step == "wheel":
                action = partial(wheel, work, target, "abi3-py311")
            else:
                action = partial(test, work, target, arguments.python, arguments.pytest.split())
            outcomes.append(attempt(work, target, step, action))
    show(outcomes)
    return 1 if any(outcome.verdict == "FAILED" for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
