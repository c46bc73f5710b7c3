"""What modules for Android and iOS are linked with, beyond what Rust tells the linker.

Both name the library that has Python's functions, which no machine that builds has: a stand-in is made.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "tiers"))

import ios_link
from android_link import API_LEVEL, PAGE
from targets import Target

# The NDK names one compiler otherwise than Rust names the target.
NDK_NAMES = {"armv7-linux-androideabi": "armv7a-linux-androideabi"}


def _words(*words: str) -> list[str]:
    return [f"-Clink-arg={word}" for word in words]


def ndk_compiler(target: Target) -> str:
    """Return the path of the NDK's compiler for a target, which is its linker too."""
    home = os.environ.get("ANDROID_NDK_HOME") or os.environ.get("ANDROID_NDK_LATEST_HOME")
    if not home:
        raise SystemExit(f"{target.triple} needs Android's NDK: set ANDROID_NDK_HOME to its folder")
    (programs,) = (Path(home) / "toolchains" / "llvm" / "prebuilt").glob("*/bin")
    name = NDK_NAMES.get(target.triple, target.triple)
    return (programs / f"{name}{API_LEVEL}-clang").as_posix()


def _android(target: Target, folder: Path) -> list[str]:
    """Return the linker's flags: an empty library stands for libpython3.so.

    Nothing of it is asked for by name, so that the linker has to be told to keep it.
    """
    name = "libpython3.so"
    empty = folder / "empty.c"
    empty.write_text("", encoding="utf-8")
    make = [ndk_compiler(target), "-shared", f"-Wl,-soname,{name}", "-o", str(folder / name)]
    subprocess.run([*make, str(empty)], check=True)
    words = [f"-L{folder}", "-Wl,--no-as-needed", "-lpython3"]
    return _words(*words, f"-Wl,-z,max-page-size={PAGE}")


def _ios(folder: Path) -> list[str]:
    """Return the linker's flags: a list of the stable ABI's names stands for Python's framework."""
    ios_link.python_libraries(folder)
    return [f"-Lnative={folder}", *_words(f"-Wl,-install_name,{ios_link.INSTALL_NAME}")]


def flags(target: Target, folder: Path) -> list[str]:
    """Return rustc's flags for a target, and make in `folder` what they name."""
    folder.mkdir(parents=True, exist_ok=True)
    return _android(target, folder) if target.system == "android" else _ios(folder)


def variables(target: Target) -> dict[str, str]:
    """Return what tells maturin and the compilers the oldest system that a wheel is for."""
    if target.system == "android":
        return {"ANDROID_API_LEVEL": API_LEVEL}
    return {"IPHONEOS_DEPLOYMENT_TARGET": ios_link.VERSION}


def cibuildwheel_variables(target: Target, rustflags: list[str], epoch: str) -> dict[str, str]:
    """Return the environment that has cibuildwheel build with these flags.

    It hands on what it is told by this variable, and little of its own environment.
    """
    if spaced := [flag for flag in rustflags if " " in flag]:
        raise SystemExit(f"a folder with a space in its name can't be told to rustc: {spaced[0]}")
    inside = variables(target)
    inside |= {"RUSTFLAGS": " ".join(rustflags), "SOURCE_DATE_EPOCH": epoch}
    text = " ".join(f"{name}={shlex.quote(value)}" for name, value in inside.items())
    return {f"CIBW_ENVIRONMENT_{target.system.upper()}": text}
