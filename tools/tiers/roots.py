"""The test suite on other machines: a Debian root of each, by qemu where this processor can't run it."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

import chroots
import debian
import suite
from targets import Target
from work import Absent, Tally, Work

SUITE = "bookworm"
PYTHON = "3.11"
PACKAGES = [
    "libc6",
    "dash",
    "coreutils",
    "libgcc-s1",  # ends threads
    "jq",
    f"python{PYTHON}",
    "python3-numpy",  # PyPI has it for none of the 32-bit machines
    "python3-yaml",
]
NATIVE = ("x86_64", "i686")
TIMEOUT = 4 * 3600.0


def _only_programs(root: Path) -> None:
    """Keep the programs that are used: the package holds dozens."""
    kept = {program for program, _, _ in chroots.MAGIC.values()}
    programs = root / "usr" / "bin"
    moved = root / "kept"
    moved.mkdir()
    for name in kept:
        shutil.copyfile((programs / name).resolve(), moved / name)
        (moved / name).chmod(0o755)
    shutil.rmtree(root / "usr")
    programs.mkdir(parents=True)
    for name in kept:
        (moved / name).rename(programs / name)
    moved.rmdir()


def qemu(work: Work) -> Path:
    """Return the folder with qemu's programs: sid's, which need no libraries and get most right."""
    if platform.machine() != "x86_64":
        raise Absent("runs other machines' programs on x86_64 only")
    root = debian.unpacked(work, "qemu", "sid", "x86_64", ["qemu-user"], finish=_only_programs)
    return root / "usr" / "bin"


def pure(work: Work) -> Path:
    """Return a folder with the suite's requirements that are pure Python."""
    # With pytest-xdist, as emulators are slow: --pytest="-n 2".
    without = ("numpy", "psutil", "pyyaml")
    return suite.site(
        work, f"site-{PYTHON}-any", PYTHON, ["any"], without=without, more=["pytest-xdist"]
    )


def emulated(work: Work, programs: Path, machine: str) -> str:
    """Return the emulator's name and version, in words."""
    said = work.run([programs / chroots.MAGIC[machine][0], "--version"], log="qemu-version")
    return next(f"qemu-user {line.split()[2]}" for line in said.splitlines() if " version " in line)


def test(work: Work, target: Target, wheel: Path, python: str, arguments: list[str]) -> Tally:
    """Run the suite on the wheel in a root of the target's machine."""
    if python != PYTHON:
        raise Absent(f"the roots of Debian {SUITE} have Python {PYTHON} only")
    root = debian.root(work, f"root-{target.arch}", SUITE, target.arch, PACKAGES)
    # Of the requirements only those of pure Python; the rest is Debian's, or done without.
    packages = pure(work)
    programs = None if target.arch in NATIVE else qemu(work)
    how = "natively" if programs is None else emulated(work, programs, target.arch)
    return chroots.run_suite(
        work,
        root,
        wheel,
        packages,
        f"/usr/bin/python{PYTHON}",
        arguments,
        name=f"{target.triple}-{PYTHON}",
        under=f"{how}, Linux {platform.release()}, a root of Debian {SUITE}",
        timeout=TIMEOUT,
        machine=target.arch,
        qemu=programs,
        emulators="qemu qemu-arm" if target.arch == "armv7l" else "qemu",
    )
