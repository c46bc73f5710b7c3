"""The test suite on musl: a CPython linked with it, in a root where it is beside Debian's C library.

Nobody ships such a Python in a package, so one is made, of the sources that Debian has, in a root of its own
with Debian's compiler and musl. The root of the tests has musl's loader and that Python, and what the tests
start besides: Debian's programs, with Debian's C library. Debian's musl is 1.2.3, so a wheel that needs a
newer one than the oldest of 1.2 is likely to be seen.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
from functools import partial
from pathlib import Path

import chroots
import debian
import suite
from targets import Target
from work import Absent, Failed, Tally, Work

SUITE = "bookworm"
PYTHON = "3.11"
PACKAGES = ["libc6", "dash", "coreutils", "jq", "musl"]
COMPILER = [
    *("libc6", "dash", "coreutils", "diffutils", "findutils", "grep", "mawk", "sed"),
    *("make", "gcc", "musl-tools", "linux-libc-dev"),
]
SOURCES = ("zlib", "libffi", f"python{PYTHON}")
PLATFORMS = ["musllinux_1_2_x86_64", "musllinux_1_1_x86_64"]
# The libraries in later wheels of NumPy have packed relocations, which musl reads from 1.2.4 on.
OLD_ENOUGH = ("numpy<2.2",)
LOADER = "/lib/ld-musl-x86_64.so.1"
INTERPRETER = f"/usr/bin/python{PYTHON}"
TIMEOUT = 3600.0

# musl's compiler is Debian's gcc with other folders, and would tell the name that those of Debian's have.
CC = """#!/bin/sh
case "$*" in
*-print-multiarch*) echo x86_64-linux-musl ;;
*) exec musl-gcc "$@" ;;
esac
"""

# What makes zlib and libffi, which become parts of Python's modules, and then Python, at /mnt/made.
MAKE = f"""set -e
export CC=/mnt/cc CFLAGS='-O1 -fPIC' MAKEFLAGS=-j$1
cd /mnt/zlib
./configure --static --prefix=/mnt/libraries
make install
cd /mnt/libffi
./configure --build=x86_64-linux-musl --prefix=/mnt/libraries --libdir=/mnt/libraries/lib \\
    --disable-shared --disable-docs
make install
cd /mnt/python{PYTHON}
./configure --build=x86_64-linux-musl --prefix=/usr --without-ensurepip --disable-test-modules \\
    OPT='-O1 -DNDEBUG' CPPFLAGS=-I/mnt/libraries/include LDFLAGS=-L/mnt/libraries/lib
make
make install DESTDIR=/mnt/made
readelf --program-headers --dynamic /mnt/made{INTERPRETER}
"""

# What the tests need of Python that is only there if it was found at making.
WORKS = "import _ctypes, _posixsubprocess, _socket, mmap, resource, select, zlib"


def faults(headers: str) -> list[str]:
    """Name what is wrong with a program by what readelf says of it: it is to be musl's, and musl's alone."""
    loaders = re.findall(r"\[Requesting program interpreter: (.*)\]", headers)
    found = [] if loaders == [LOADER] else [f"it is started by {loaders}, not by {LOADER}"]
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", headers)
    return found + [f"it needs {name}" for name in needed if name != "libc.so"]


def complete(root: Path) -> None:
    """Make what the packages' scripts would have made, and show the compiler the kernel's headers.

    They are beside the C library's, and hidden with those.
    """
    (root / "usr" / "bin" / "awk").symlink_to("mawk")
    include = root / "usr" / "include"
    for name in ("linux", "asm-generic", "x86_64-linux-gnu/asm"):
        link = include / "x86_64-linux-musl" / Path(name).name
        link.symlink_to(Path("..") / name)


def make_python(work: Work, root: Path) -> None:
    """Compile Python and put it into the root."""
    tools = debian.root(work, "root-musl-compiler", SUITE, "x86_64", COMPILER, finish=complete)
    folder = root / "build"
    folder.mkdir()
    debian.sources(work, "musl-sources", SUITE, "x86_64", SOURCES, folder)
    (folder / "cc").write_text(CC, encoding="utf-8")
    (folder / "cc").chmod(0o755)
    jobs = str(os.cpu_count() or 1)
    said = chroots.run(
        work, tools, folder, ["sh", "-c", MAKE, "make", jobs], log="musl-python", timeout=TIMEOUT
    )
    wrong = faults(said)
    if wrong:
        raise Failed(f"Python was not linked with musl: {'; '.join(wrong)}")
    shutil.copytree(folder / "made", root, symlinks=True, dirs_exist_ok=True)
    shutil.rmtree(folder)
    chroots.run(work, root, root / "mnt", [INTERPRETER, "-c", WORKS], log="musl-works")


def test(work: Work, target: Target, wheel: Path, python: str, arguments: list[str]) -> Tally:
    """Run the suite on the wheel with a Python made for it."""
    if python != PYTHON:
        raise Absent(f"of Pythons for musl there is {PYTHON} only")
    if platform.machine() != target.arch:
        raise Absent(f"the Python for musl is made and run on {target.arch} only")
    root = debian.root(
        work,
        "root-musl",
        SUITE,
        target.arch,
        PACKAGES,
        finish=partial(make_python, work),
        version=f"{CC}{MAKE}{WORKS} {' '.join(COMPILER)}",
    )
    packages = suite.site(work, f"site-{PYTHON}-musl", PYTHON, PLATFORMS, more=OLD_ENOUGH)
    # Without a program to load the loader says what it is, and fails.
    said = chroots.run(work, root, root / "mnt", [LOADER], log="musl-version", check=False)
    version = re.search(r"^Version (\S+)", said, re.MULTILINE)
    return chroots.run_suite(
        work,
        root,
        wheel,
        packages,
        INTERPRETER,
        arguments,
        name=f"{target.triple}-{PYTHON}",
        under=f"natively, Linux {platform.release()}, musl {version[1] if version else 'unknown'}",
        timeout=TIMEOUT,
    )
