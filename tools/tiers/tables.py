"""The tables of README.md and docs/platforms.md: our own, so that they say what was seen, and when."""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from tools import renew
from tools.tiers.targets import ROOT, Target, load, systems

RESULTS = ROOT / "tiers-results.json"

BEGIN = "<!-- made by `python -m tools.tiers table --write` -->"
END = "<!-- end of what is made -->"
MADE = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)

# The columns of README.md: how the tests ran, by the word that a result's text has for it.
WAYS = {"natively": "tested natively", "qemu": "tested under qemu", "wine": "tested under Wine"}


@dataclass(frozen=True)
class Result:
    """One step that was run: `step` is `check`, `wheel` or e.g. `test 3.11`."""

    triple: str
    step: str
    date: str
    verdict: str
    detail: str


def results(path: Path = RESULTS) -> list[Result]:
    """Return all results."""
    return [Result(**row) for row in json.loads(path.read_text(encoding="utf-8"))]


def record(new: list[Result], order: list[str], path: Path = RESULTS) -> None:
    """Put results into the file, for older ones of the same steps; `order` has the targets' names."""
    found = {(result.triple, result.step): result for result in [*results(path), *new]}
    kept = [result for result in found.values() if result.triple in order]
    kept.sort(key=lambda result: (order.index(result.triple), result.step))
    text = json.dumps([asdict(result) for result in kept], indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def _cell(result: Result | None) -> str:
    """Say what came of compiling or of a wheel."""
    if result is None:
        return "not yet"
    return f"yes, {result.date}" if result.verdict == "ok" else f"fails ({result.date})"


def _way(result: Result) -> str:
    """Say how the tests ran: a column of README.md."""
    return WAYS[next(way for way in WAYS if f", {way}" in result.detail)]


def _tests(target: Target, own: dict[str, Result]) -> str:
    """Say on which Pythons the tests ran, and where."""
    parts: list[str] = []
    for step, result in own.items():
        if step.startswith("test "):
            counts, _, under = result.detail.partition(": ")
            parts.append(f"{under or step.removeprefix('test ')}: {counts}, {result.date}")
    return "<br>".join(parts) or ("not run" if target.local.place == "none" else "not yet")


def _imported(target: Target, own: dict[str, Result]) -> str:
    """Say where the module was imported by the tests, and where the release workflow imports it."""
    here = {_way(result): None for result in own.values() if result.step.startswith("test ")}
    parts = [f"here {', '.join(way.removeprefix('tested ') for way in here)}"] if here else []
    if target.release.tests != "none":
        parts.append(f"by the release: {target.release.tests.replace('here', 'runner')}")
    return "; ".join(parts) or "nowhere"


def _row(target: Target, found: list[Result]) -> str:
    """Return a target's row of docs/platforms.md."""
    own = {result.step: result for result in found if result.triple == target.triple}
    wheel = own.get("wheel")
    compiled, linked = _cell(own.get("check")), _cell(wheel)
    inspected = linked
    if wheel is not None and wheel.verdict == "ok":
        # All of the package's code is in a wheel.
        compiled = compiled if "check" in own else f"{linked} (its wheel)"
        size = re.search(r"\d+ KiB", wheel.detail)
        inspected += f", {size[0]}" if size is not None else ""
        linked += ", with stubs" if target.local.link == "stubs" else ""
    cells = [f"`{target.triple}`", target.tier or "beyond", f"`{target.tag}`", compiled, linked, inspected]
    only = "" if target.release.index else "; release page only"
    cells += [_imported(target, own), _tests(target, own), target.release.build + only]
    return f"| {' | '.join(map(str, cells))} |"


def platforms(targets: list[Target], found: list[Result]) -> str:
    """Return the table of docs/platforms.md."""
    names = "target, upstream's tier, wheel, compiled, linked, inspected, imported, tested, release"
    head = f"| {names.replace(', ', ' | ')} |"
    return "\n".join([head, f"|{' --- |' * 9}", *(_row(target, found) for target in targets)])


def differences(targets: list[Target]) -> str:
    """Return the list of what is different on some targets."""
    told = [target for target in targets if target.differs]
    return "\n".join(f"- `{target.triple}`: {'; '.join(target.differs)}." for target in told)


def readme(targets: list[Target], found: list[Result]) -> str:
    """Return the table of README.md, which docs/platforms.md begins with: a row for each system."""
    columns = [*WAYS.values(), "compiled, not run"]
    rows = [f"| system | {' | '.join(columns)} |", f"| --- |{' --- |' * len(columns)}"]
    for system, like in systems().items():
        cells: dict[str, list[str]] = {column: [] for column in columns}
        for target in (target for target in targets if target.system == system):
            good = [it for it in found if it.triple == target.triple and it.verdict == "ok"]
            arch = target.arch.replace("_", r"\_")
            pythons: dict[str, list[str]] = {}
            for result in (result for result in good if result.step.startswith("test ")):
                pythons.setdefault(_way(result), []).append(result.step.removeprefix("test "))
            for column, versions in pythons.items():
                cells[column].append(f"{arch} (Python {', '.join(versions)})")
            if good and not pythons:
                cells["compiled, not run"].append(arch)
        row = " | ".join(", ".join(cells[column]) or "-" for column in columns)
        rows.append(f"| {like['name']} | {row} |")
    return "\n".join(rows)


def replaced(text: str, tables: list[str]) -> str:
    """Put tables between the marks of a page, in their order."""
    left = iter(tables)
    return MADE.sub(lambda _: f"{BEGIN}\n\n{next(left)}\n\n{END}", text)


def pages() -> dict[Path, str]:
    """Return each page that has tables, as it should be."""
    targets, found = load(), results()
    short = readme(targets, found)
    logs, differ = platforms(targets, found), differences(targets)
    made = {ROOT / "docs" / "platforms.md": [short, logs, differ], ROOT / "README.md": [short]}
    return {path: replaced(path.read_text(encoding="utf-8"), tables) for path, tables in made.items()}


def write(*, check: bool = False) -> int:
    """Write the tables into their pages; or only say, with status 1, which are not what they should be."""
    return renew(pages(), "python -m tools.tiers table --write", check=check)
