"""The platform tables of README.md and docs/platforms.md, made of tiers.toml and of what was seen."""

from __future__ import annotations

import re
from pathlib import Path

import results
from results import Result
from targets import ROOT, Target, load

BEGIN = "<!-- made by `python tools/tiers table --write` -->"
END = "<!-- end of what is made -->"

SYSTEMS = {
    "linux": "Linux (glibc)",
    "musl": "Linux (musl)",
    "windows": "Windows",
    "macos": "macOS",
    "ios": "iOS",
    "freebsd": "FreeBSD",
    "android": "Android",
}


def _named(found: list[Result], step: str) -> Result | None:
    return next((result for result in found if result.step == step), None)


def _cell(result: Result | None) -> str:
    """Say what came of compiling or of a wheel."""
    if result is None:
        return "not yet"
    if result.verdict != "ok":
        return f"fails ({result.date})"
    return f"yes, {result.date}"


def _compiled(target: Target, check: Result | None, wheel: Result | None) -> str:
    """Say whether the target compiles: of a wheel that was built, all of the package's code does."""
    # For Windows the wheel is made of another target, which MinGW's libraries go with.
    if check is None and wheel is not None and wheel.verdict == "ok" and target.system != "windows":
        return f"{_cell(wheel)} (its wheel)"
    return _cell(check)


def _tests(target: Target, found: list[Result]) -> str:
    """Say on which Pythons the tests ran, and where."""
    parts: list[str] = []
    for result in found:
        if not result.step.startswith("test "):
            continue
        counts, _, under = result.detail.partition(": ")
        parts.append(f"{under or result.step.removeprefix('test ')}: {counts}, {result.date}")
    if parts:
        return "<br>".join(parts)
    return "not run" if target.local.place == "none" else "not yet"


def _size(result: Result | None) -> str:
    match = re.search(r"\d+ KiB", result.detail) if result is not None else None
    return f", {match[0]}" if match is not None else ""


def platforms(targets: list[Target], found: list[Result]) -> str:
    """Return the table of docs/platforms.md."""
    rows = [
        "| target | upstream's tier | wheel | compiles | wheel built and inspected | tests of the wheel |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for target in targets:
        own = [result for result in found if result.triple == target.triple]
        wheel = _named(own, "wheel")
        built = _cell(wheel)
        if wheel is not None and wheel.verdict == "ok":
            other = " (stubs)" if target.local.link == "stubs" else ""
            other = " (gnu)" if target.system == "windows" else other
            built += f"{_size(wheel)}{other}"
        cells = [
            f"`{target.triple}`",
            str(target.tier or "beyond"),
            f"`{target.tag}`",
            _compiled(target, _named(own, "check"), wheel),
            built,
            _tests(target, own),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def differences(targets: list[Target]) -> str:
    """Return the list of what is different on some targets."""
    rows = [
        f"- `{target.triple}`: {'; '.join(target.differs)}." for target in targets if target.differs
    ]
    return "\n".join(rows)


def readme(targets: list[Target], found: list[Result]) -> str:
    """Return the table of README.md: a line for each system."""
    rows = ["| system | tested | compiled, not run |", "| --- | --- | --- |"]
    for system, name in SYSTEMS.items():
        tested: list[str] = []
        compiled: list[str] = []
        for target in (target for target in targets if target.system == system):
            own = [result for result in found if result.triple == target.triple]
            passed = [r for r in own if r.step.startswith("test ") and r.verdict == "ok"]
            steps = {result.step for result in own if result.verdict == "ok"}
            arch = target.arch.replace("_", r"\_") if "_" in target.arch else target.arch
            if passed:
                pythons = ", ".join(result.step.removeprefix("test ") for result in passed)
                tested.append(f"{arch} (Python {pythons})")
            elif steps & {"check", "wheel"}:
                compiled.append(arch)
        rows.append(f"| {name} | {', '.join(tested) or '-'} | {', '.join(compiled) or '-'} |")
    return "\n".join(rows)


def _around(text: str) -> list[str]:
    """Return what stands before, between and after the tables of a page."""
    return re.split(f"{re.escape(BEGIN)}.*?{re.escape(END)}", text, flags=re.DOTALL)


def without(text: str) -> str:
    """Return a page without its tables."""
    return "".join(_around(text))


def replaced(text: str, tables: list[str]) -> str:
    """Put tables between the marks of a page, in their order."""
    parts = _around(text)
    if len(parts) != len(tables) + 1:
        raise ValueError(f"the page has {len(parts) - 1} places for tables, not {len(tables)}")
    page = parts[0]
    for table, rest in zip(tables, parts[1:], strict=True):
        page += f"{BEGIN}\n\n{table}\n\n{END}{rest}"
    return page


def pages() -> dict[Path, str]:
    """Return each page that has tables, as it should be."""
    targets, found = load(), results.load()
    made = {
        ROOT / "docs" / "platforms.md": [platforms(targets, found), differences(targets)],
        ROOT / "README.md": [readme(targets, found)],
    }
    return {
        path: replaced(path.read_text(encoding="utf-8"), tables) for path, tables in made.items()
    }


def stale() -> list[Path]:
    """Return the pages whose tables are not what they should be."""
    return [path for path, text in pages().items() if path.read_text(encoding="utf-8") != text]


def write() -> None:
    """Write the tables into their pages."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
