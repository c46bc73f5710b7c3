"""The public items of the Rust crate that Cargo resolved, as the program in `public-items` reads them."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Kind = Literal["type", "method", "function", "constant", "flag", "variant", "field", "trait"]

ROOT = Path(__file__).resolve().parents[2]
CRATE = "mmap-rs"
READER = Path(__file__).resolve().parent / "public-items" / "Cargo.toml"
# The status with which the program refuses what it can't read.
UNKNOWN_FORM = 3


class UnknownFormError(Exception):
    """The source has a form that the program does not know; teach it the form."""


@dataclass(frozen=True)
class Item:
    """One public item: `owner` is the type it belongs to, or empty."""

    kind: Kind
    owner: str
    name: str
    value: int | None = None  # of constants and flags
    receiver: str = ""  # of methods: `self`, `&self`, `&mut self`, or empty
    parameters: tuple[str, ...] = ()  # of methods and functions, without the receiver
    source: str = ""  # of the trait `TryFrom`: what is converted
    cfg: str = ""  # the condition under which it exists


def has_cargo() -> bool:
    """Tell whether upstream's source can be found here."""
    return shutil.which("cargo") is not None and (ROOT / "Cargo.lock").exists()


def upstream_package() -> dict[str, Any]:
    """Return what Cargo knows of the resolved crate."""

    def run(*command: str) -> str:
        return subprocess.run(
            command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=100
        ).stdout

    # For this system only: the crates of others need not be here.
    host = run("rustc", "-vV").split("host: ")[1].split()[0]
    words = ("metadata", "--format-version", "1", "--locked", "--filter-platform", host)
    # Our own package may have the same name; upstream's is the one from a registry.
    (found,) = [
        package
        for package in json.loads(run("cargo", *words))["packages"]
        if package["name"] == CRATE and package["source"] is not None
    ]
    return dict(found)


def source_folder(package: dict[str, Any]) -> Path:
    """Return the folder of the crate's source."""
    return Path(package["manifest_path"]).parent / "src"


def read_items(folder: Path) -> list[Item]:
    """Read a crate's public items from the folder with its `lib.rs`. A first call compiles the program."""
    done = subprocess.run(
        [
            *("cargo", "run", "--quiet", "--locked", "--manifest-path", READER),
            *("--target-dir", ROOT / "target" / "public-items", "--", folder),
        ],
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=500,
    )
    if done.returncode == UNKNOWN_FORM:
        raise UnknownFormError(done.stderr.strip())
    if done.returncode:
        raise ChildProcessError(f"cargo run ended with status {done.returncode}: {done.stderr}")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return [Item(parameters=tuple(item.pop("parameters")), **item) for item in found]
