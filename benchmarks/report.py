"""The table: for a terminal, for a page, and as JSON."""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import families, package
from benchmarks.model import OURS, Bar, Measured, Ratio

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def duration(seconds: float) -> str:
    """Return a time with three digits and its unit."""
    for factor, unit in ((1e9, "ns"), (1e6, "µs"), (1e3, "ms")):
        value = seconds * factor
        if value < 1000:
            return f"{value:.{max(0, 2 - len(str(int(value))) + 1)}f} {unit}"
    return f"{seconds:.2f} s"


def amount(bar: Bar, value: float) -> str:
    """Return a ratio, or how many nanoseconds more."""
    return f"{value:.2f}" if isinstance(bar, Ratio) else f"{value:+,.0f} ns"


def verdict(measured: Measured, bar: Bar) -> str:
    """Return whether a limit is met. `known`: it is not, and the page on performance says why."""
    value = measured.value(bar)
    if value <= bar.limit:
        return "met"
    return "known" if bar.kept is not None and value <= bar.kept else "missed"


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of the table."""

    operation: str
    ours: str
    rival: str
    theirs: str
    value: str = ""
    limit: str = ""
    verdict: str = ""

    HEAD = ("operation", OURS, "compared with", "its time", "ratio", "at most", "")

    @property
    def cells(self) -> tuple[str, ...]:
        """Return the texts of the line, from left to right."""
        return (
            self.operation,
            self.ours,
            self.rival,
            self.theirs,
            self.value,
            self.limit,
            self.verdict,
        )


def lines(measured: Measured, everything: bool) -> list[Line]:
    """Return the lines of a case: one for each limit, and for each rival without one if asked for."""
    ours = duration(measured.seconds[OURS])
    found: list[Line] = []
    named: set[str] = set()
    for bar in measured.bars:
        rival = measured.rival(bar)
        named.add(rival)
        value, limit = amount(bar, measured.value(bar)), amount(bar, bar.limit)
        theirs = duration(measured.seconds[rival])
        found.append(Line(measured.key, ours, rival, theirs, value, limit, verdict(measured, bar)))
    for rival, seconds in measured.seconds.items():
        if rival not in {OURS, *named} and (everything or not measured.bars):
            ratio = f"{measured.seconds[OURS] / seconds:.2f}"
            found.append(Line(measured.key, ours, rival, duration(seconds), ratio))
    return found


def size_line() -> Line:
    """Return the line of the wheel's size."""
    size = package.size()
    limit = f"{package.LIMIT // 1024} KiB"
    met = "met" if size <= package.LIMIT else "missed"
    return Line("wheel: size", f"{size / 1024:.0f} KiB", "", "", "", limit, met)


def all_lines(found: Iterable[Measured], everything: bool = False) -> list[Line]:
    """Return the whole table."""
    return [*(line for measured in found for line in lines(measured, everything)), size_line()]


def text(table: Sequence[Line]) -> str:
    """Return the table for a terminal."""
    rows = [Line.HEAD, *(line.cells for line in table)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(Line.HEAD))]
    left = {0, 2, 6}
    aligned = (
        "  ".join(
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in aligned)


def row(cells: Iterable[str]) -> str:
    """Return a row of a table in Markdown."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def markdown(found: Sequence[Measured], about: Mapping[str, str], command: str) -> str:
    """Return the tables for a page, one for each family, with what they are true of."""
    of = "; ".join(f"{name} {value}" for name, value in about.items())
    said = [f"Made by `{command}` on: {of}.", ""]
    for family, title in families.TITLES.items():
        cases = [measured for measured in found if measured.family == family]
        if not cases:
            continue
        said += [
            f"### {title}",
            "",
            row(["", "`mmap_rs`", "compared with", "ratio", "at most", ""]),
        ]
        said.append("| --- | ---: | ---: | ---: | ---: | --- |")
        for measured in cases:
            said += [
                row([measured.name, line.ours, f"{line.rival} {line.theirs}", *line.cells[4:]])
                for line in lines(measured, everything=False)
            ]
        said.append("")
        reasons = dict.fromkeys(bar.reason for case in cases for bar in case.bars if bar.reason)
        if any(verdict(case, bar) == "known" for case in cases for bar in case.bars):
            said += [f"*known*: the limit can't be reached. {' '.join(reasons)}", ""]
    size = size_line()
    said += [
        "### Wheel",
        "",
        f"The package compressed as in a wheel: {size.ours}, at most {size.limit}: {size.verdict}.",
    ]
    return "\n".join(said)


def put_into(page: Path, part: str) -> None:
    """Put the table into a page, between its two marks."""
    before = page.read_text(encoding="utf-8")
    between = re.compile(f"(?<={re.escape(BEGIN)}\n).*?(?={re.escape(END)})", re.DOTALL)
    if between.search(before) is None:
        msg = f"{page} has no place for the table: a line {BEGIN} and a line {END}"
        raise ValueError(msg)
    page.write_text(between.sub(lambda _: f"{part}\n", before), encoding="utf-8")


def as_json(found: Iterable[Measured], about: Mapping[str, str]) -> dict[str, Any]:
    """Return everything that was measured."""
    cases = [
        {
            "family": measured.family,
            "name": measured.name,
            "seconds": dict(measured.seconds),
            "bars": [
                {
                    **dataclasses.asdict(bar),
                    "kind": type(bar).__name__.lower(),
                    "rival": measured.rival(bar),
                    "value": measured.value(bar),
                    "verdict": verdict(measured, bar),
                }
                for bar in measured.bars
            ],
        }
        for measured in found
    ]
    return {
        "machine": dict(about),
        "cases": cases,
        "wheel": {"size": package.size(), "limit": package.LIMIT},
    }
