"""The list of targets, read from tiers.toml: our own, as no tool has tags and tests of all systems."""

import tomllib
from argparse import ArgumentTypeError
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "tiers.toml"


@dataclass(frozen=True)
class Release:
    """How the release workflow builds and tests a target."""

    runner: str
    build: str
    tests: str
    image: str = ""
    index: bool = True


@dataclass(frozen=True)
class Local:
    """How this tool links and runs a target on a Debian machine."""

    link: str
    place: str
    pythons: Sequence[str] = ()
    wheel: str = "abi3-py311"


@dataclass(frozen=True)
class Target:
    """One target."""

    triple: str
    tier: int
    system: str
    arch: str
    tag: str
    pythons: Sequence[str]
    release: Release
    local: Local
    differs: Sequence[str]


def systems() -> dict[str, dict[str, Any]]:
    """Return what each system is like, in the order of the file."""
    found: dict[str, dict[str, Any]] = tomllib.loads(PATH.read_text(encoding="utf-8"))["system"]
    return found


def load() -> list[Target]:
    """Return all targets, in the order of the file."""
    rows: list[dict[str, Any]] = tomllib.loads(PATH.read_text(encoding="utf-8"))["target"]
    for row in rows:
        row |= {"release": Release(**row["release"]), "local": Local(**row["local"])}
    return [Target(**row) for row in rows]


def find(triple: str) -> Target:
    """Return the target of that name, as command lines have it; the error tells the names that there are."""
    targets = {target.triple: target for target in load()}
    if triple not in targets:
        raise ArgumentTypeError(f"{triple!r} is not in tiers.toml, which has: {', '.join(targets)}")
    return targets[triple]
