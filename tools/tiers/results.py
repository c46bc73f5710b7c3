"""What was seen when: docs/tiers-results.json, written only when somebody asks for it."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from targets import ROOT

PATH = ROOT / "docs" / "tiers-results.json"


@dataclass(frozen=True)
class Result:
    """One step that was run: `step` is `check`, `wheel` or e.g. `test 3.11`."""

    triple: str
    step: str
    date: str
    command: str
    verdict: str
    detail: str

    @property
    def key(self) -> tuple[str, str]:
        """What a later run of the same replaces."""
        return self.triple, self.step


def load(path: Path = PATH) -> list[Result]:
    """Return all results."""
    if not path.is_file():
        return []
    return [Result(**row) for row in json.loads(path.read_text(encoding="utf-8"))]


def today() -> str:
    """Return the date in UTC, e.g. `2026-01-31`."""
    return dt.datetime.now(dt.UTC).date().isoformat()


def record(new: list[Result], order: list[str], path: Path = PATH) -> None:
    """Put results into the file, for older ones of the same steps; `order` has the targets' names."""
    found = {result.key: result for result in load(path)}
    found.update({result.key: result for result in new})
    kept = sorted(
        (result for result in found.values() if result.triple in order),
        key=lambda result: (order.index(result.triple), result.step),
    )
    text = json.dumps([asdict(result) for result in kept], indent=1)
    path.write_text(text + "\n", encoding="utf-8")
