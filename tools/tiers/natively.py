"""The test suite on this machine: each of its Pythons in a virtual environment of its own."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import sid
import suite
from targets import Target
from work import Tally, Work

TIMEOUT = 3600.0


def _candidates(version: str) -> Iterator[Path]:
    """Yield the places where this version of Python may be."""
    found = shutil.which(f"python{version}")
    if found:
        yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for folder in sorted((pyenv / "versions").glob(f"{version}.*"), reverse=True):
        yield folder / "bin" / "python"


def _works(path: Path, version: str) -> bool:
    """Tell whether this is that version of CPython, and whether it can make virtual environments."""
    code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2], sys.implementation.name)"
    try:
        done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return done.returncode == 0 and done.stdout.split() == [version, "cpython"]


def find(version: str) -> Path | None:
    """Return an interpreter of that version, such as 3.12, or None."""
    return next((path for path in _candidates(version) if _works(path, version)), None)


def environment(work: Work, interpreter: Path, version: str) -> Path:
    """Return the Python of a virtual environment that has what the tests need."""
    needed = suite.requirements()

    def make(folder: Path) -> None:
        work.run([interpreter, "-m", "venv", folder], log=f"venv-{version}")
        pip = ["-m", "pip", "install", "--quiet"]
        work.run([folder / "bin" / "python", *pip, *needed], log=f"venv-{version}-pip")

    exact = subprocess.run(
        [interpreter, "-VV"], capture_output=True, text=True, check=True
    ).stdout.strip()
    folder = work.once(
        f"venv-{version}", f"{interpreter} {exact} {work.root} {' '.join(needed)}", make
    )
    return folder / "bin" / "python"


def test(work: Work, target: Target, wheel: Path, python: str, arguments: list[str]) -> Tally:
    """Run the suite on the wheel with this machine's Python of that version, else with Debian sid's."""
    interpreter = find(python)
    if interpreter is None:
        return sid.test(work, target, wheel, python, arguments)
    chosen = environment(work, interpreter, python)
    pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall"]
    work.run([chosen, *pip, wheel], log=f"venv-{python}-wheel")
    project = work.folder(f"run-{python}") / "project"
    suite.copy(project)

    def tests(words: list[str], log: str) -> str:
        return work.run([chosen, *words], log=log, cwd=project, timeout=TIMEOUT, check=False)

    full = work.run(
        [chosen, "-c", "import platform; print(platform.python_version())"], log="version"
    )
    told = f"CPython {full.splitlines()[-1]}"
    return suite.run(
        tests,
        f"test-{target.triple}-{python}",
        arguments,
        python=told,
        under=f"natively, Linux {platform.release()}",
    )
