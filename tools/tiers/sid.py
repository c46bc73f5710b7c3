"""The test suite on newer Pythons than this machine has: Debian sid's, in a root of their own."""

from __future__ import annotations

import platform
from pathlib import Path

import chroots
import debian
import suite
from targets import Target
from work import Absent, Tally, Work

PACKAGES = [
    "libc6",
    "libstdc++6",
    "dash",
    "coreutils",
    "jq",
    "python3.14",
    "python3.15",
    "python3-yaml",
]
VERSIONS = ("3.14", "3.15")
# Of the wheels that the requirements come in; there is none yet of PyYAML for the newest Python.
PLATFORMS = ["manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"]
TIMEOUT = 3600.0


def test(work: Work, target: Target, wheel: Path, python: str, arguments: list[str]) -> Tally:
    """Run the suite on the wheel with sid's Python of that version."""
    if python not in VERSIONS:
        raise Absent(
            f"no Python {python} is on this machine, and none in the root of {', '.join(VERSIONS)}"
        )
    root = debian.root(work, "root-sid", "sid", "x86_64", PACKAGES)
    packages = suite.site(work, f"site-{python}", python, PLATFORMS, without=["pyyaml"])
    return chroots.run_suite(
        work,
        root,
        wheel,
        packages,
        f"/usr/bin/python{python}",
        arguments,
        name=f"{target.triple}-{python}",
        under=f"natively, Linux {platform.release()}, a root of Debian sid",
        timeout=TIMEOUT,
    )
