"""The list of targets, read from tiers.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# The module of each place that tests run in; tiers.toml says which target has which.
PLACES = {"host": "natively", "root": "roots", "wine": "wine", "bionic": "bionic", "musl": "musl"}


@dataclass(frozen=True)
class Release:
    """How the release workflow builds and tests a target; the words are explained in tiers.toml."""

    runner: str
    build: str
    tests: str


@dataclass(frozen=True)
class Local:
    """How this tool links and runs a target on a Debian machine; see tiers.toml for the words."""

    link: str
    place: str
    pythons: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """One target."""

    triple: str
    tier: int
    system: str
    arch: str
    tag: str
    pythons: tuple[str, ...]
    release: Release
    local: Local
    differs: tuple[str, ...]


def load(path: Path = ROOT / "tiers.toml") -> list[Target]:
    """Return all targets, in the order of the file."""
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["target"]
    return [
        Target(
            triple=row["triple"],
            tier=row["tier"],
            system=row["system"],
            arch=row["arch"],
            tag=row["tag"],
            pythons=tuple(row["pythons"]),
            release=Release(**row["release"]),
            local=Local(
                link=row["local"]["link"],
                place=row["local"]["place"],
                pythons=tuple(row["local"].get("pythons", ())),
            ),
            differs=tuple(row["differs"]),
        )
        for row in rows
    ]


def find(triple: str) -> Target:
    """Return the target of that name; `KeyError` tells the names that there are."""
    targets = {target.triple: target for target in load()}
    if triple not in targets:
        raise KeyError(f"{triple!r} is not in tiers.toml, which has: {', '.join(targets)}")
    return targets[triple]
