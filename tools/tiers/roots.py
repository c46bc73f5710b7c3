"""Pythons of this machine and of Debian roots, by qemu where need be: our own, as pyenv has none."""

import os
import platform
import shutil
import subprocess
from functools import partial
from pathlib import Path

from tools.tiers import chroots, debian, suite
from tools.tiers.targets import Target
from tools.tiers.work import Absent, Work

PYTHON = "3.11"
COMMON = ["libc6", "libgcc-s1", "dash", "coreutils", "jq", "python3-yaml"]
# Bookworm's NumPy too, as PyPI has it for none of the 32-bit machines.
SUITES = {
    "bookworm": [*COMMON, f"python{PYTHON}", "python3-numpy"],
    "sid": [*COMMON, "libstdc++6", "python3.14", "python3.15"],
}
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
IS_PYTHON = "import sys; print('%d.%d' % sys.version_info[:2], sys.implementation.name)"


def here(work: Work, target: Target, python: str) -> suite.Place:
    """Return this machine's Python of that version, or that of a root."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = sorted(map(str, pyenv.glob(f"{python}.*/bin/python")), reverse=True)
    for program in filter(None, [shutil.which(f"python{python}"), *found]):
        asked = [program, "-c", IS_PYTHON]
        told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
        if told.split() == [python, "cpython"]:
            return suite.Place(
                name=f"{target.triple}-{python}",
                python=[program],
                packages=suite.site(work, f"site-{python}", python, PLATFORMS),
                under=f"natively, Linux {platform.release()}",
                enter=work.run,
                env={"PATH": os.environ["PATH"]},
            )
    return place(work, target, python)


def pure(work: Work) -> Path:
    """Return a folder with the suite's requirements that are pure Python."""
    # With pytest-xdist, as emulators are slow: --pytest="-n 2".
    without, more = ("numpy", "psutil", "pyyaml"), ["pytest-xdist"]
    return suite.site(work, f"site-{PYTHON}-any", PYTHON, ["any"], without=without, more=more)


def place(work: Work, target: Target, python: str) -> suite.Place:
    """Return the Python of that version in a root of the target's machine."""
    if python == PYTHON:
        release, name, packages = "bookworm", f"root-{target.arch}", pure(work)
    elif target.arch == "x86_64" and f"python{python}" in SUITES["sid"]:
        release, name = "sid", "root-sid"
        # There is no wheel of PyYAML yet for the newest Python.
        packages = suite.site(work, f"site-{python}-sid", python, PLATFORMS, without=["pyyaml"])
    else:
        raise Absent(f"no Python {python} is on this machine, and none in a root for {target.arch}")
    root = debian.root(work, name, release, target.arch, SUITES[release])
    where, program = f", a root of Debian {release}", f"/usr/bin/python{python}"
    return inside(work, f"{target.triple}-{python}", target.arch, program, root, packages, where)


def inside(
    work: Work, name: str, machine: str, python: str, root: Path, packages: Path, where: str
) -> suite.Place:
    """Return the Python of a root by its path there, by qemu if need be."""
    native = machine in chroots.NATIVE
    emulators = "qemu qemu-arm" if machine == "armv7l" else "qemu"
    return suite.Place(
        name=name,
        python=[python],
        packages=packages,
        under=f"{chroots.how(work, machine)}{where}",
        enter=partial(chroots.run, work, root, machine=machine),
        inside=partial(chroots.inside, work),
        emulators="" if native else emulators,
        # Far from a real processor's speed.
        patience=() if native else ("-o", "timeout=300", "-o", "faulthandler_timeout=600"),
    )
