"""Check the Rust crates of Cargo.lock: where they come from, and their licences.

The rules are those of deny.toml. cargo-deny reads the same file and also knows the published
advisories; where it is installed this program runs it too, and where it is not, says so.
"""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def satisfied(expression: str, allowed: set[str]) -> bool:
    """Tell whether a licence expression can be met with the allowed licences.

    >>> satisfied("(MIT OR GPL-3.0) AND Unicode-3.0", {"MIT", "Unicode-3.0"})
    True
    >>> satisfied("MIT/Apache-2.0", {"Apache-2.0"})
    True
    >>> satisfied("MIT AND GPL-3.0", {"MIT"})
    False
    """
    words = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def any_of() -> bool:
        met = all_of()
        while words and words[0] == "OR":
            words.pop(0)
            met = all_of() or met
        return met

    def all_of() -> bool:
        met = one()
        while words and words[0] == "AND":
            words.pop(0)
            met = one() and met
        return met

    def one() -> bool:
        name = words.pop(0)
        if name == "(":
            met = any_of()
            words.pop(0)
            return met
        if words and words[0] == "WITH":
            name = f"{name} {words.pop(0)} {words.pop(0)}"
        return name in allowed

    return any_of()


def problems(
    packages: list[dict[str, Any]], rules: dict[str, Any], lock: dict[str, Any]
) -> list[str]:
    """List what is wrong with the crates, one line each."""
    allowed = set(rules["licenses"]["allow"])
    checksums = {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}
    found: list[str] = []
    for package in packages:
        name, version = package["name"], package["version"]
        source: str | None = package["source"]
        expression: str | None = package["license"]
        if not expression:
            found.append(f"{name} {version}: names no licence")
        elif not satisfied(expression, allowed):
            found.append(
                f"{name} {version}: its licence {expression!r} is not among those of deny.toml"
            )
        if source is None:
            if not Path(package["manifest_path"]).is_relative_to(ROOT):
                found.append(f"{name} {version}: comes from outside of this tree")
        elif not (source.startswith("registry+") and source.endswith("/crates.io-index")):
            found.append(f"{name} {version}: comes from {source}, not from crates.io")
        elif not checksums.get((name, version)):
            found.append(f"{name} {version}: Cargo.lock has no checksum for it")
    return found


def main() -> int:
    """Check, print the outcome, and return the exit status."""
    done = subprocess.run(
        ["cargo", "metadata", "--locked", "--all-features", "--format-version", "1"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    packages: list[dict[str, Any]] = json.loads(done.stdout)["packages"]
    rules = tomllib.loads((ROOT / "deny.toml").read_text(encoding="utf-8"))
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))
    found = problems(packages, rules, lock)
    for line in found:
        print(line, file=sys.stderr)
    print(f"licences and sources: {len(packages)} crates checked, {len(found)} problems")
    if found:
        return 1
    if shutil.which("cargo-deny") is None:
        print("advisories: not checked, as cargo-deny is not installed here")
        return 0
    return subprocess.run(["cargo-deny", "--locked", "check"], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
