"""The test suite on musl: a CPython linked with it, in a root where it is beside Debian's C library.

Nobody ships such a Python in a package, so zig makes one of the sources that Debian has. The root of the
tests has musl's loader and that Python, and what the tests start besides: Debian's programs, with Debian's C
library. Debian's musl is 1.2.3, so a wheel that needs a newer one of 1.2 is likely to be seen.
"""

import os
import platform
import re
import shlex
import shutil
import sys
from functools import partial
from pathlib import Path

from tools.tiers import chroots, debian, programs, roots, suite
from tools.tiers.targets import Target
from tools.tiers.work import Absent, Work

SUITE = "bookworm"
PYTHON = "3.11"
PACKAGES = ["libc6", "dash", "coreutils", "jq", "musl"]
SOURCES = ("zlib", "libffi", f"python{PYTHON}")
PLATFORMS = ["musllinux_1_2_x86_64", "musllinux_1_1_x86_64"]
# The libraries in later wheels of NumPy have packed relocations, which musl reads from 1.2.4 on.
OLD_ENOUGH = ("numpy<2.2",)
LOADER = "/lib/ld-musl-x86_64.so.1"
INTERPRETER = f"/usr/bin/python{PYTHON}"

CC = f"""#!/bin/sh
case "$*" in
*-print-multiarch*) echo x86_64-linux-musl ;;
*) exec {shlex.quote(sys.executable)} -m ziglang cc -target x86_64-linux-musl -dynamic "$@" ;;
esac
"""
# What makes zlib and libffi, which become parts of Python's modules, and then Python, in the folder `made`.
MAKE = f"""set -e
all=$PWD
export CC=$all/cc READELF=$(command -v readelf) MAKEFLAGS=-j$1
export CFLAGS='-O1 -fPIC -Wno-error=implicit-function-declaration -Wno-error=date-time'
cd $all/zlib
./configure --static --prefix=$all/libraries
make install
cd $all/libffi
cross='--build=x86_64-own-linux-musl --host=x86_64-linux-musl'
./configure $cross --prefix=$all/libraries --libdir=$all/libraries/lib --disable-shared --disable-docs
make install
cd $all/python{PYTHON}
# Cross compiling nothing is tried, and the musl of the root is older than zig's.
export ac_cv_file__dev_ptmx=yes ac_cv_file__dev_ptc=no ac_cv_buggy_getaddrinfo=no
export ac_cv_func_preadv2=no ac_cv_func_pwritev2=no
./configure $cross --with-build-python=python{PYTHON} --prefix=/usr --without-ensurepip \\
    --disable-test-modules OPT='-O1 -DNDEBUG' CPPFLAGS=-I$all/libraries/include \\
    LDFLAGS=-L$all/libraries/lib
make
make install DESTDIR=$all/made
"""
# What the tests need of Python that is only there if it was found at making; and it is to be musl's alone.
WORKS = """import _ctypes, _posixsubprocess, _socket, mmap, resource, select, zlib
used = open("/proc/self/maps").read()
assert "/ld-musl" in used and "libc.so.6" not in used, used
"""


def make_root(work: Work, root: Path) -> None:
    """Compile Python and put it into a root."""
    debian.fill(work, "root-musl", SUITE, "x86_64", PACKAGES, root)
    folder = root / "build"
    folder.mkdir()
    debian.sources(work, SUITE, SOURCES, folder)
    (folder / "cc").write_text(CC, encoding="utf-8")
    (folder / "cc").chmod(0o755)
    argv = ["sh", "-c", MAKE, "make", os.cpu_count() or 1]
    env = programs.environment(work)
    work.run(argv, folder=folder, env=env, log="musl-python")
    shutil.copytree(folder / "made", root, symlinks=True, dirs_exist_ok=True)
    shutil.rmtree(folder)
    chroots.run(work, root, [INTERPRETER, "-c", WORKS], log="musl-works")


def place(work: Work, target: Target, python: str) -> suite.Place:
    """Return the Python that is made for musl."""
    if python != PYTHON:
        raise Absent(f"of Pythons for musl there is {PYTHON} only")
    if platform.machine() != target.arch:
        raise Absent(f"the Python for musl is made and run on {target.arch} only")
    root = work.once("root-musl", f"1 {CC}{MAKE}{WORKS}", partial(make_root, work))
    packages = suite.site(work, f"site-{PYTHON}-musl", PYTHON, PLATFORMS, more=OLD_ENOUGH)
    # Without a program to load the loader says what it is, and fails.
    said = chroots.run(work, root, [LOADER], log="musl-version", check=False)
    found = re.search(r"^Version (\S+)", said, re.MULTILINE)
    where = f", musl {found[1] if found else 'unknown'}"
    name = f"{target.triple}-{python}"
    return roots.inside(work, name, target.arch, INTERPRETER, root, packages, where)
