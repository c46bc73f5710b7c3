"""The test suite, as every place runs it: a copy of it, what it needs, and what it counted."""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

from targets import ROOT
from work import Failed, Tally, Work

# What the tests read of the project. Nothing puts python/ on the path, and without the compiled module it
# could not be imported: what is tested is the wheel.
COPIED = (
    ".ci",
    ".github",
    "*.md",
    "*.toml",
    "Cargo.lock",
    "LICENSE-*",
    "Makefile",
    "benchmarks",
    "build.rs",
    "core",
    "docs",
    "examples",
    "python",
    "sbom",
    "src",
    "tests",
    "tools",
)
REFUSE = shutil.ignore_patterns(
    "__pycache__", ".hypothesis", ".pytest_cache", "target", "*.so", "*.pyd"
)

# The closing line of pytest, such as "= 3 failed, 3100 passed, 45 skipped, 1 error in 61.20s (0:01:01) =".
CLOSING = re.compile(r"^=* ?((?:\d+ \w+(?:, )?)+) in ([\d.]+)s\b.*$", re.MULTILINE)
# So many failed tests may be a matter of time; more are not.
FEW = 20
COUNT = re.compile(r"(\d+) (\w+)")


def copy(folder: Path) -> None:
    """Copy the tests and what they read into a folder, which is emptied first."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    for pattern in COPIED:
        for path in ROOT.glob(pattern):
            if path.is_dir():
                shutil.copytree(path, folder / path.name, ignore=REFUSE)
            else:
                shutil.copyfile(path, folder / path.name)


def requirements(without: Collection[str] = ()) -> list[str]:
    """Return what the group `test` of pyproject.toml asks for, less some packages by name."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        asked: list[str] = tomllib.load(file)["dependency-groups"]["test"]
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
    asked = [*requirements(without), *more]
    words = ["--python-version", python, "--only-binary", ":all:"]
    for platform in platforms:
        words += ["--platform", platform]

    def make(folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder)]
        work.run([*pip, *words, *asked], log=f"{name}-pip")

    return work.once(name, " ".join([*words, *asked]), make)


def install(work: Work, wheel: Path, folder: Path, interpreter: str, log: str) -> None:
    """Unpack a wheel into a folder, which is emptied first, with its command in `bin`."""
    if folder.exists():
        shutil.rmtree(folder)
    work.run([sys.executable, "-m", "zipfile", "-e", wheel, folder], log=log)
    command = folder / "bin" / "mmap-rs"
    command.parent.mkdir()
    command.write_text(
        f"#!{interpreter}\nimport sys\nfrom mmap_rs.__main__ import main\nsys.exit(main())\n"
    )
    command.chmod(0o755)


def run(
    enter: Callable[[list[str], str], str],
    log: str,
    arguments: Sequence[str],
    *,
    python: str,
    under: str,
) -> Tally:
    """Run the suite and return what it counted.

    `enter` takes what follows `python` and the name of a log, and returns what was printed. A few tests that
    fail are tried once more by themselves, as a test that has a processor for itself on a user's machine may
    be too slow for its limits under an emulator, or on a busy machine. The tally tells how many passed then.
    """
    words = ["-m", "pytest", "-q", *arguments]
    first = tally(enter(words, log), python, under)
    if not 0 < first.failed <= FEW:
        return first
    failed_only = [*words, "--last-failed", "--last-failed-no-failures=none"]
    again = tally(enter(failed_only, f"{log}-again"), python, under)
    if again.passed + again.failed != first.failed:
        return first
    return replace(
        first, passed=first.passed + again.passed, failed=again.failed, late=again.passed
    )


def tally(text: str, python: str, under: str) -> Tally:
    """Read what pytest counted; `Failed` if it broke off."""
    found = CLOSING.findall(text)
    if not found:
        last = "\n".join("    " + line for line in text.splitlines()[-15:])
        raise Failed(f"the test run broke off\n{last}")
    counts, seconds = found[-1]
    number = {word.removesuffix("s"): int(count) for count, word in COUNT.findall(counts)}
    return Tally(
        passed=number.get("passed", 0),
        failed=number.get("failed", 0) + number.get("error", 0),
        skipped=number.get("skipped", 0),
        seconds=float(seconds),
        python=python,
        under=under,
    )
