"""Show that the source distribution holds all that a build needs: both wheels are the same.

Builds one wheel from the files of the tree and one from the source distribution, each unpacked to
the same place, with the same interpreter, and compares the wheels' names, the lists of files, and the
bytes of every file, the compiled module's too. What must be in them is checked by inspect_wheel.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from inspect_wheel import content, problems

ROOT = Path(__file__).resolve().parent.parent

# Without these a source distribution is no complete work.
NEEDED = (
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "PKG-INFO",
    "README.md",
    "THIRD-PARTY.md",
    "pyproject.toml",
    "python/mmap_rs/_mmap_rs.pyi",
    "python/mmap_rs/py.typed",
    "sbom/mmap-rs.cdx.json",
)


def maturin(*arguments: str, cwd: Path, out: Path) -> Path:
    """Run maturin and return the one file that it made."""
    subprocess.run(
        [sys.executable, "-m", "maturin", *arguments, "--out", str(out)],
        cwd=cwd,
        # What is compiled of other crates is shared with all other builds.
        env={**os.environ, "CARGO_TARGET_DIR": str(ROOT / "target")},
        check=True,
    )
    (made,) = out.iterdir()
    return made


def files_of_tree() -> list[str]:
    """List the files of the tree that are under version control, or could be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    names = filter(None, os.fsdecode(listed.stdout).split("\0"))
    return [name for name in names if (ROOT / name).is_file()]


def copy_tree(target: Path) -> None:
    """Copy the files of the tree that are under version control, or could be."""
    for name in files_of_tree():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target / name)


def sdist_problems(names: Collection[str], tree: Collection[str]) -> list[str]:
    """List what is wrong with the files of a source distribution: it is to hold the tree, and no more."""
    wanted = {*NEEDED, *tree}
    found = [f"not in the sdist: {name}" for name in sorted(wanted - set(names))]
    return found + [f"only in the sdist: {name}" for name in sorted(set(names) - wanted)]


def unpack(sdist: Path, target: Path) -> list[str]:
    """Unpack a source distribution, return the names of its files."""
    with tarfile.open(sdist) as archive:
        archive.extractall(target.parent, filter="data")
        names = [member.name.split("/", 1)[1] for member in archive if member.isfile()]
    (target.parent / sdist.name.removesuffix(".tar.gz")).rename(target)
    return names


def renew(target: Path) -> None:
    """Make all files new, so that Cargo compiles them and keeps nothing of an earlier build."""
    for path in target.rglob("*"):
        if path.is_file():
            path.touch()


def differences(ours: dict[str, bytes], theirs: dict[str, bytes]) -> list[str]:
    """List what differs between two wheels."""
    only = [f"only in one wheel: {name}" for name in sorted(ours.keys() ^ theirs.keys())]
    both = [name for name in sorted(ours.keys() & theirs.keys()) if ours[name] != theirs[name]]
    return only + [f"not the same bytes: {name}" for name in both]


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, compare, print the outcome, and return the exit status."""
    argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0]).parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="mmap-rs-dist-") as folder:
        work = Path(folder).resolve()
        place = work / "build"
        sdist = maturin("sdist", cwd=ROOT, out=work / "sdist")

        print("==> building the wheel of the tree", flush=True)
        place.mkdir()
        copy_tree(place)
        renew(place)
        from_tree = maturin("build", "--release", "--quiet", cwd=place, out=work / "wheel-of-tree")
        shutil.rmtree(place)

        print("==> building the wheel of the source distribution", flush=True)
        names = unpack(sdist, place)
        renew(place)
        from_sdist = maturin(
            "build", "--release", "--quiet", cwd=place, out=work / "wheel-of-sdist"
        )

        wrong = sdist_problems(names, files_of_tree())
        if from_tree.name != from_sdist.name:
            wrong.append(f"the wheels' names differ: {from_tree.name}, {from_sdist.name}")
        ours = content(from_tree)
        wrong += differences(ours, content(from_sdist))
        wrong += problems(from_tree.name, ours, from_tree.stat().st_size, released=False)
        print(f"{sdist.name}: {len(names)} files")
        print(
            f"{from_tree.name}: {len(ours)} files, their bytes compared, "
            f"{from_tree.stat().st_size / 1024:.1f} KiB"
        )
    for line in wrong:
        print(line, file=sys.stderr)
    print(
        "something is wrong with the sdist or the wheel"
        if wrong
        else "the sdist builds the same wheel as the tree, and nothing is missing"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
