"""What a module for iOS is linked with where there is no SDK: a list of the names in the system's library.

zig brings such a list for macOS, whose libSystem has the same names; it is written anew for iOS. A wheel that
was linked so shows that the code, the linker's flags and the tag are right. It is never shipped: the release
workflow uses Apple's SDK.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import lld_as_cc
import programs
from targets import Target
from work import Work

# A number for how the libraries below are made.
EDITION = 3
# PEP 730's oldest iOS.
VERSION = "13.0"
SDK_VERSION = "18.0"
# The names under which Rust asks for the system's library.
ALIASES = ("c", "m", "iconv", "objc")
# The names that PyO3 may ask for Python by. In an app it is a framework.
PYTHONS = ("python3", "python3.11")
OLDEST_PYTHON = (3, 11)
# An app embeds the module as a framework, by a name that is not of the machine that built it.
INSTALL_NAME = "@rpath/_mmap_rs.abi3.so"
PYTHON = "@rpath/Python.framework/Python"
KINDS = ("symbols", "weak-symbols", "thread-local-symbols")
TARGETS = "[ arm64-ios, arm64-ios-simulator, x86_64-ios-simulator ]"


def names(text: str) -> dict[str, list[str]]:
    """Return the names that a `.tbd` file lists, by kind, without those of macOS's old interfaces."""
    found: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for kind, listed in found.items():
        for match in re.finditer(rf"^\s+{kind}:\s*\[(.*?)\]", text, re.MULTILINE | re.DOTALL):
            parts = (part.strip().strip("'\"") for part in match[1].replace("\n", " ").split(","))
            listed.update(part for part in parts if part and "$" not in part)
    for kind in KINDS[1:]:
        found[kind] -= found["symbols"]
    return {kind: sorted(listed) for kind, listed in found.items()}


def library(install_name: str, names_by_kind: Mapping[str, Sequence[str]]) -> str:
    """Return the `.tbd` file of a library with these names."""
    lines = [
        "--- !tapi-tbd",
        "tbd-version: 4",
        f"targets: {TARGETS}",
        f"install-name: '{install_name}'",
        "current-version: 1",
        "compatibility-version: 1",
    ]
    listed = {kind: found for kind, found in names_by_kind.items() if found}
    if listed:
        lines += ["exports:", f"  - targets: {TARGETS}"]
    for kind, found in listed.items():
        quoted = ", ".join(f"'{name}'" for name in found)
        lines.append(f"    {kind}: [ {quoted} ]")
    return "\n".join([*lines, "...", ""])


def python_libraries(folder: Path) -> None:
    """Write what stands for Python's framework into a folder: a list of the stable ABI's names."""
    # It needs a library, which the tests of this module do without.
    import stable_abi

    known = [f"_{name}" for name, since in stable_abi.names().items() if since <= OLDEST_PYTHON]
    text = library(PYTHON, {"symbols": sorted(known)})
    for name in PYTHONS:
        (folder / f"lib{name}.tbd").write_text(text, encoding="utf-8")


def sdk(work: Work) -> Path:
    """Return a folder that stands for Apple's SDK."""

    def make(folder: Path) -> None:
        source = programs.zig_folder(work) / "lib" / "libc" / "darwin" / "libSystem.tbd"
        libraries = folder / "usr" / "lib"
        libraries.mkdir(parents=True)
        found = names(source.read_text(encoding="utf-8"))
        text = library("/usr/lib/libSystem.B.dylib", found)
        (libraries / "libSystem.tbd").write_text(text, encoding="utf-8")
        python_libraries(libraries)
        for name in ALIASES:
            (libraries / f"lib{name}.tbd").symlink_to("libSystem.tbd")

    return work.once(f"stubs/ios-{EDITION}", " ".join(programs.REQUIREMENTS), make)


def device(target: Target) -> str:
    """Return the processor and the kind of device, e.g. `arm64-iphoneos`."""
    arch, _, kind = target.arch.rpartition("_")
    return f"{arch}-{kind}"


def environment(work: Work, target: Target) -> dict[str, str]:
    """Return the environment in which maturin and rustc build for iOS."""
    folder = work.folder("pretend-ios")
    shutil.copyfile(Path(__file__).with_name("pretend_ios.py"), folder / "sitecustomize.py")
    return {
        "SDKROOT": str(sdk(work)),
        "IPHONEOS_DEPLOYMENT_TARGET": VERSION,
        "PYTHONPATH": str(folder),
        "MMAP_RS_PRETEND_IOS": device(target),
        "MMAP_RS_PRETEND_IOS_VERSION": VERSION,
    }


def linker(work: Work, target: Target, lld: Path) -> Path:
    """Return a program that links for iOS."""
    arch, _, kind = target.arch.rpartition("_")
    platform = "ios-simulator" if kind == "iphonesimulator" else "ios"
    before = ["-arch", arch, "-platform_version", platform, VERSION, SDK_VERSION]
    before += ["-syslibroot", str(sdk(work)), "-adhoc_codesign"]
    after = ["-install_name", INSTALL_NAME, "-lSystem"]
    return lld_as_cc.program(work, target, lld, before, after)
