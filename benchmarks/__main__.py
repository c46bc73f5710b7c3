"""The command: measure, print the table, and say whether the limits are met."""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import families, machine, package, remote, report, runner
from benchmarks.model import Measured, Scope


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--check",
        nargs="?",
        type=float,
        const=1.0,
        metavar="FACTOR",
        help="end with status 1 if a value is more than FACTOR (1) times its limit",
    )
    parser.add_argument(
        "--family", action="append", choices=families.NAMES, help="measure this family only"
    )
    parser.add_argument(
        "--only", default="", metavar="REGEX", help="measure cases whose key matches only"
    )
    parser.add_argument("--large", action="store_true", help="search 1 GiB too")
    parser.add_argument("--all", action="store_true", help="show the rivals without a limit too")
    parser.add_argument(
        "--seconds", type=float, default=0.05, help="for a case and a round (%(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="processes for a case (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all times there")
    parser.add_argument(
        "--markdown", type=Path, metavar="PAGE", help="put the table into this page"
    )
    return parser.parse_args(arguments)


def over(found: Sequence[Measured], factor: float) -> list[str]:
    """Return what is over its limit, or over what is kept where the limit is out of reach."""
    said: list[str] = []
    for measured in found:
        for bar in measured.bars:
            held = bar.limit if bar.kept is None else bar.kept
            value = measured.value(bar)
            if value > held * factor:
                against = f"{report.amount(bar, value)} against {measured.rival(bar)}"
                said.append(
                    f"{measured.key}: {against}, at most {report.amount(bar, held * factor)}"
                )
    if package.size() > package.LIMIT:
        said.append(f"wheel: {package.size():,} bytes, at most {package.LIMIT:,}")
    return said


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = parse(given)
    if sys.platform != "linux":
        print("measured on Linux only: the rivals' flags and the bare system calls are Linux's")
        return 0
    remote.build()
    scope = Scope(large=options.large, only=options.only)
    about = machine.describe()
    for name, value in about.items():
        print(f"{name + ':':<11} {value}")
    print()
    measured = runner.run(options.family or families.NAMES, scope, options.seconds, options.rounds)
    found = list(measured.values())
    print(report.text(report.all_lines(found, options.all)))
    if options.json:
        options.json.write_text(
            json.dumps(report.as_json(found, about), indent=1) + "\n", encoding="utf-8"
        )
    if options.markdown:
        command = f'make bench ARGS="{shlex.join(given)}"'
        report.put_into(options.markdown, report.markdown(found, about, command))
    if options.check is None:
        return 0
    said = over(found, options.check)
    for line in said:
        print(line, file=sys.stderr)
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
