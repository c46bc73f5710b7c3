"""Show that two builds of one commit give the same bytes: a wheel is built twice, and compared.

The two builds have their own clone of the commit, in folders of other names and depths, their own Cargo
home and target folder, so that nothing of the first is used in the second; time zone, language and creation
mask differ too.
"""

import argparse
import hashlib
import os
import sys
import tempfile
import zipfile
from pathlib import Path
from subprocess import run

sys.path.insert(0, str(Path(__file__).resolve().parent / "tiers"))

from build_wheel import FEATURES, build
from targets import ROOT, Target, find

# What must not matter, for the first and the second build.
SURROUNDINGS = (
    {"TZ": "UTC", "LANG": "C", "USER": "one"},
    {"TZ": "Asia/Kolkata", "LANG": "de_DE.UTF-8", "USER": "two"},
)
MASKS = (0o022, 0o077)


def other_cargo_home(folder: Path) -> Path:
    """Make a Cargo home in another place, with the crates that are already here."""
    folder.mkdir(parents=True)
    usual = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    for name in ("registry", "config.toml", "config", "credentials.toml"):
        if (usual / name).exists():
            (folder / name).symlink_to(usual / name)
    return folder


def build_clone(target: Target, python: str, work: Path, number: int, *, build_std: bool) -> Path:
    """Build the wheel of HEAD in a clone of its own and return its path."""
    place = work / ("a" if number == 0 else "another-folder/with-a-longer/name")
    run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(place)], check=True)
    os.environ.update(SURROUNDINGS[number])
    os.umask(MASKS[number])
    return build(
        target,
        python,
        work / f"wheel-{number}",
        source=place,
        folder=place / "target",
        cargo=other_cargo_home(work / f"home-{number}" / ("x" * number)),
        build_std=build_std,
    )


def differences(first: Path, second: Path) -> list[str]:
    """List what is not the same in two wheels, down to the archive's own fields."""
    if first.name != second.name:
        return [f"the names differ: {first.name}, {second.name}"]
    if first.read_bytes() == second.read_bytes():
        return []
    with zipfile.ZipFile(first) as one, zipfile.ZipFile(second) as other:
        found = [
            f"only in one wheel: {name}"
            for name in sorted(set(one.namelist()) ^ set(other.namelist()))
        ]
        for name in sorted(set(one.namelist()) & set(other.namelist())):
            here, there = one.getinfo(name), other.getinfo(name)
            if one.read(name) != other.read(name):
                found.append(f"not the same bytes: {name}")
            if (here.date_time, here.external_attr) != (there.date_time, there.external_attr):
                found.append(f"not the same time or mode: {name}")
    return found or ["the archives differ in the order of their files, or in their compression"]


def main(words: list[str] | None = None) -> int:
    """Build twice, compare, print the outcome, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":", maxsplit=1)[0])
    parser.add_argument("target", nargs="?", default="x86_64-unknown-linux-gnu", metavar="TARGET")
    parser.add_argument("--python", default="abi3-py311", choices=FEATURES)
    parser.add_argument("--build-std", action="store_true")
    given = parser.parse_args(words)
    target = find(given.target)
    changed = run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, check=True)
    if changed.stdout:
        print("note: what is built is the last commit, without the changes since then")
    with tempfile.TemporaryDirectory(prefix="mmap-rs-") as folder:
        work = Path(folder).resolve()
        wheels = [
            build_clone(target, given.python, work, number, build_std=given.build_std)
            for number in (0, 1)
        ]
        for wheel in wheels:
            print(
                f"{hashlib.sha256(wheel.read_bytes()).hexdigest()}  {wheel.relative_to(work).as_posix()}"
            )
        found = differences(*wheels)
    for line in found:
        print(line, file=sys.stderr)
    print("the two builds differ" if found else "the two builds gave the same bytes")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
