"""Show that a wheel is the same, however it is built: `python -m tools.same_wheel`, or with a TARGET.

One is built from the tree, one from the source distribution, which must hold the tree's files and no others.
With a target they are those of a release, the second in another folder, time zone, language and Cargo home.

Our own: diffoscope and its like compare, but don't build.
"""

import argparse
import hashlib
import os
import shutil
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from subprocess import check_output, run

from tools import build_wheel, inspect_wheel, notices
from tools.tiers.targets import ROOT, Target, find


def copy_tree(folder: Path) -> set[str]:
    """Copy the files of the tree that are under version control, or could be; return their names."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = os.fsdecode(check_output(command, cwd=ROOT)).split("\0")
    names = {name for name in listed if (ROOT / name).is_file()}
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    return names


def maturin(*words: str, cwd: Path, out: Path) -> Path:
    """Run maturin and return the one file that it made."""
    # What is compiled of other crates is shared with all other builds.
    own = {"CARGO_TARGET_DIR": str(ROOT / "target"), "SOURCE_DATE_EPOCH": build_wheel.epoch()}
    command = [sys.executable, "-m", "maturin", *words, "--out", str(out)]
    run(command, cwd=cwd, env={**os.environ, **own}, check=True)
    (made,) = out.iterdir()
    return made


def sdist_problems(names: set[str], tree: set[str]) -> list[str]:
    """List what is wrong with the files of a source distribution: it is to hold the tree, and no more."""
    wanted = {"PKG-INFO", *tree}
    found = [f"not in the sdist: {name}" for name in sorted(wanted - names)]
    return found + [f"only in the sdist: {name}" for name in sorted(names - wanted)]


def unpack(sdist: Path, place: Path) -> set[str]:
    """Unpack a source distribution and return the names of its files, which become new ones."""

    def renewed(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo:
        # Cargo compiles what is new, and keeps nothing of an earlier build.
        return tarfile.data_filter(member, path).replace(mtime=time.time(), deep=False)

    with tarfile.open(sdist) as archive:
        archive.extractall(sdist.parent, filter=renewed)
        names = {member.name.split("/", 1)[1] for member in archive if member.isfile()}
    place.parent.mkdir(parents=True, exist_ok=True)
    sdist.with_name(sdist.name.removesuffix(".tar.gz")).rename(place)
    return names


def disturb(home: Path) -> None:
    """Change what must not matter to a build; its Cargo home has the crates that are already here."""
    usual = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    home.mkdir()
    for part in ("registry", "config.toml", "config", "credentials.toml"):
        if (usual / part).exists():
            (home / part).symlink_to(usual / part)
    os.umask(0o077)
    os.environ.update(TZ="Asia/Kolkata", LANG="de_DE.UTF-8", USER="other", CARGO_HOME=str(home))


def differences(first: Path, second: Path) -> list[str]:
    """List what is not the same in two wheels, down to the archive's own fields."""
    if first.name != second.name:
        return [f"the names differ: {first.name}, {second.name}"]
    if first.read_bytes() == second.read_bytes():
        return []
    one, other = inspect_wheel.content(first), inspect_wheel.content(second)
    both = sorted(one.keys() | other.keys())
    found = [f"not in both wheels: {name}" for name in both if one.get(name) != other.get(name)]
    return found or ["the archives differ in their files' order, times or modes"]


def main(words: list[str] | None = None) -> int:
    """Build, compare, print the outcome, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":", maxsplit=1)[0])
    parser.add_argument("target", nargs="?", metavar="TARGET", type=find, help="its name in tiers.toml")
    parser.add_argument("--python", default="abi3-py311", choices=build_wheel.TAGS)
    given = parser.parse_args(words)
    target: Target | None = given.target

    def build(place: Path, out: Path) -> Path:
        if target is None:
            return maturin("build", "--release", "--quiet", cwd=place, out=out)
        return build_wheel.build(target, given.python, out, place, place / "target")

    with tempfile.TemporaryDirectory(prefix="mmap-rs-") as name:
        work = Path(name).resolve()
        sdist = maturin("sdist", cwd=ROOT, out=work / "sdist")
        first = second = work / "tree"
        tree = copy_tree(first)
        wheels = [build(first, work / "of-tree")]
        shutil.rmtree(first)
        if target is not None:
            second = work / "another-folder" / "with-a-longer" / "name"
            disturb(work / "home")
        names = unpack(sdist, second)
        wheels.append(build(second, work / "of-sdist"))
        print(f"{sdist.name}: {len(names)} files")
        print(f"{wheels[0].name}: {hashlib.sha256(wheels[0].read_bytes()).hexdigest()}")
        files, size = inspect_wheel.content(wheels[0]), wheels[0].stat().st_size
        papers = notices.of_wheel(target, given.python) if target is not None else None
        wrong = inspect_wheel.problems(wheels[0].name, files, size, papers)
        wrong += [*sdist_problems(names, tree), *differences(*wheels)]
    for line in wrong:
        print(line, file=sys.stderr)
    print("something is wrong" if wrong else "the two wheels have the same bytes")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
