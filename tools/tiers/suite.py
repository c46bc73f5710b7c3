"""The test suite in any place, and what it counted: our own, as tox and nox run it on this machine only."""

import re
import shutil
import sys
import tomllib
import zipfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.tiers.targets import ROOT
from tools.tiers.work import Failed, Work, last_lines

# What builds leave in the tree. Without the compiled module its package could not be imported, and nothing
# puts python/ on the path: what is tested is the wheel.
REFUSE = ".git .venv .*_cache .hypothesis __pycache__ target dist site *.so *.pyd"
COMMAND = "import sys\nfrom mmap_rs.__main__ import main\nsys.exit(main())\n"
VERSION = "import platform as p; print(p.python_implementation(), p.python_version(), p.machine())"

# The closing line of pytest, such as "= 3 failed, 3100 passed, 45 skipped, 1 error in 61.20s (0:01:01) =".
CLOSING = re.compile(r"^=* ?((?:\d+ \w+(?:, )?)+) in [\d.]+s\b.*$", re.MULTILINE)
COUNT = re.compile(r"(\d+) (\w+)")


@dataclass(frozen=True)
class Place:
    """A Python somewhere, and how to run it there."""

    # Of folders and logs.
    name: str
    # The command that starts it, as it is called there.
    python: Sequence[str]
    # A folder with the suite's requirements.
    packages: Path
    # How it is run, in words for the tables.
    under: str
    # Takes a command with `folder`, `env`, `log` and `check`, and returns what it printed.
    enter: Callable[..., str]
    # Returns the path that a file of the cache has there.
    inside: Callable[[Path], str] = str
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    separator: str = ":"
    # The emulators whose faults tests/conftest.py leaves out.
    emulators: str = ""
    # pytest's arguments where all is slow.
    patience: Sequence[str] = ()


def copy(folder: Path) -> None:
    """Copy the tests and what they read into a folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*REFUSE.split()))


def requirements(without: Collection[str] = ()) -> list[str]:
    """Return what the group `test` of pyproject.toml asks for, less some packages by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked: list[str] = project["dependency-groups"]["test"]
    return [line for line in asked if re.split(r"[^\w-]", line)[0] not in without]


def site(
    work: Work,
    name: str,
    python: str,
    platforms: Sequence[str],
    *,
    without: Collection[str] = (),
    more: Sequence[str] = (),
) -> Path:
    """Return a folder of packages with the test suite's requirements for another Python than this one.

    `python` is its version, `platforms` the tags of wheels that it takes besides those of pure Python, `more`
    what else is to be there.
    """
    words = ["--python-version", python, "--only-binary", ":all:"]
    words += [word for platform in platforms for word in ("--platform", platform)]
    words += [*requirements(without), "pytest-rerunfailures", *more]

    def make(folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder)]
        work.run([*pip, *words], log=f"{name}-pip")

    return work.once(name, " ".join(words), make)


def test(work: Work, place: Place, wheel: Path, arguments: Sequence[str]) -> str:
    """Run the suite on a wheel, and return what it counted and where; `Failed` if a test does."""
    folder = work.folder(f"run-{place.name}")
    copy(folder / "project")
    shutil.rmtree(folder / "wheel", ignore_errors=True)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "wheel")
    command = folder / "wheel" / "bin" / "mmap-rs"
    command.parent.mkdir()
    command.write_text(f"#!{' '.join(place.python)}\n{COMMAND}", encoding="utf-8")
    command.chmod(0o755)
    installed = place.inside(folder / "wheel")
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **place.env}
    env["PATH"] = f"{installed}/bin:{env['PATH']}"
    env["PYTHONPATH"] = place.separator.join([installed, place.inside(place.packages)])
    if place.emulators:
        env["MMAP_RS_EMULATOR"] = place.emulators

    def enter(words: list[str], log: str) -> str:
        argv, project = [*place.python, *words], place.inside(folder / "project")
        return place.enter(argv, folder=project, env=env, log=log, check=False)

    python = enter(["-c", VERSION], f"{place.name}-version").splitlines()[-1].strip()
    # What is quick enough on a user's machine may be too slow under an emulator, or on a busy one.
    words = ["-m", "pytest", "-q", "--reruns", "1", *place.patience, *arguments]
    counted, failed = tally(enter(words, f"test-{place.name}"))
    told = f"{counted}: {python}, {place.under}"
    if failed:
        raise Failed(told)
    return told


def tally(text: str) -> tuple[str, int]:
    """Return what pytest counted, in words, and how many tests failed; `Failed` if it broke off."""
    found = CLOSING.findall(text)
    if not found:
        raise Failed(f"the test run broke off\n{last_lines(text)}")
    number = {word.removesuffix("s"): int(count) for count, word in COUNT.findall(found[-1])}
    failed = number.get("failed", 0) + number.get("error", 0)
    repeated = number.get("rerun", 0) - failed
    late = f" ({repeated} at a second try)" if repeated > 0 else ""
    passed, skipped = number.get("passed", 0), number.get("skipped", 0)
    return f"{passed} passed{late}, {failed} failed, {skipped} skipped", failed
