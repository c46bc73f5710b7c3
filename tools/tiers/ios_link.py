"""What a module for iOS is linked with where there is no SDK: a list of the names in the system's library.

zig brings such a list for macOS, whose libSystem has the same names. A wheel that was linked so shows that
the code, the linker's flags and the tag are right. It is never shipped: releases are made with Apple's SDK.
"""

import re
from pathlib import Path

from tools.tiers import programs
from tools.tiers.work import Work

# PEP 730's oldest iOS.
VERSION = "13.0"
# The names under which Rust asks for the system's library.
ALIASES = ("System", "c", "m", "iconv", "objc")
# The names that PyO3 may ask for Python by. In an app it is a framework.
PYTHONS = ("python3", "python3.11")
OLDEST_PYTHON = (3, 11)
# An app embeds the module as a framework, by a name that is not of the machine that built it.
INSTALL_NAME = "@rpath/_mmap_rs.abi3.so"
# rustc's flags, with which lld links for iOS.
WORDS = ("-adhoc_codesign", "-install_name", INSTALL_NAME, "-lSystem")
FLAGS = ["-Clinker=rust-lld", "-Clinker-flavor=ld64.lld", *(f"-Clink-arg={it}" for it in WORDS)]
TARGETS = "targets: [ arm64-ios, arm64-ios-simulator, x86_64-ios-simulator ]"
PYTHON = f"""--- !tapi-tbd
tbd-version: 4
{TARGETS}
install-name: '@rpath/Python.framework/Python'
exports:
  - {TARGETS}
    symbols: [ NAMES ]
...
"""
# What maturin and PyO3 would ask an interpreter for iOS.
CONFIG = """implementation=CPython
version=3.11
target_abi=CPython-abi3-3.11
pointer_width=64
ext_suffix=.abi3.so
"""


def for_ios(text: str) -> str:
    """Return a list of names for macOS as one for iOS."""
    return re.sub(r"targets:\s*\[.*?\]", TARGETS, text, flags=re.DOTALL)


def python_libraries(folder: Path) -> None:
    """Write what stands for Python's framework into a folder: a list of the stable ABI's names."""
    known = [f"'_{name}'" for name, since in programs.stable_abi().items() if since <= OLDEST_PYTHON]
    for name in PYTHONS:
        text = PYTHON.replace("NAMES", ", ".join(sorted(known)))
        (folder / f"lib{name}.tbd").write_text(text, encoding="utf-8")


def sdk(work: Work) -> Path:
    """Return a folder that stands for Apple's SDK."""

    def make(folder: Path) -> None:
        source = programs.zig_folder() / "lib" / "libc" / "darwin" / "libSystem.tbd"
        libraries = folder / "usr" / "lib"
        libraries.mkdir(parents=True)
        text = for_ios(source.read_text(encoding="utf-8"))
        for name in ALIASES:
            (libraries / f"lib{name}.tbd").write_text(text, encoding="utf-8")
        python_libraries(libraries)

    return work.once("stubs/ios", f"6 {programs.versions()}", make)
