"""What modules for Android and iOS are linked with; cibuildwheel leaves that to the project.

Both name the library that has Python's functions, which no machine that builds has: a stand-in is made.
"""

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tools.tiers import ios_link
from tools.tiers.android_link import API_LEVEL, PAGE
from tools.tiers.targets import Target

# The NDK names one compiler otherwise than Rust names the target.
NDK_NAMES = {"armv7-linux-androideabi": "armv7a-linux-androideabi"}


def ndk_compiler(target: Target) -> str:
    """Return the path of the NDK's compiler for a target, which is its linker too."""
    home = os.environ.get("ANDROID_NDK_HOME") or os.environ.get("ANDROID_NDK_LATEST_HOME")
    if not home:
        raise SystemExit(f"{target.triple} needs Android's NDK: set ANDROID_NDK_HOME to its folder")
    (programs,) = (Path(home) / "toolchains" / "llvm" / "prebuilt").glob("*/bin")
    name = NDK_NAMES.get(target.triple, target.triple)
    return (programs / f"{name}{API_LEVEL}-clang").as_posix()


def flags(target: Target, folder: Path) -> list[str]:
    """Return rustc's flags for a target, and make in `folder` what they name."""
    folder.mkdir(parents=True, exist_ok=True)
    if target.system == "ios":
        # A list of the stable ABI's names stands for Python's framework.
        ios_link.python_libraries(folder)
        return [f"-Lnative={folder}", f"-Clink-arg=-Wl,-install_name,{ios_link.INSTALL_NAME}"]
    # An empty library stands for libpython3.so. Nothing asks for its names, so the linker is told to keep it.
    name, empty = "libpython3.so", folder / "empty.c"
    empty.write_text("", encoding="utf-8")
    make = [ndk_compiler(target), "-shared", f"-Wl,-soname,{name}", "-o", str(folder / name)]
    subprocess.run([*make, str(empty)], check=True)
    words = [f"-L{folder}", "-Wl,--no-as-needed", "-lpython3", f"-Wl,-z,max-page-size={PAGE}"]
    return [f"-Clink-arg={word}" for word in words]


def variables(target: Target) -> dict[str, str]:
    """Return what tells maturin and the compilers the oldest system that a wheel is for."""
    if target.system == "android":
        return {"ANDROID_API_LEVEL": API_LEVEL}
    return {"IPHONEOS_DEPLOYMENT_TARGET": ios_link.VERSION}


def cibuildwheel_variables(target: Target, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what has cibuildwheel build as in an environment, and test where there is an emulator.

    It hands on what it is told by a variable, and little of its own environment.
    """
    rustflags = environment["CARGO_ENCODED_RUSTFLAGS"].split("\x1f")
    if spaced := [flag for flag in rustflags if " " in flag]:
        raise SystemExit(f"a folder with a space in its name can't be told to rustc: {spaced[0]}")
    inside = variables(target) | {"RUSTFLAGS": " ".join(rustflags)}
    inside["SOURCE_DATE_EPOCH"] = environment["SOURCE_DATE_EPOCH"]
    text = " ".join(f"{name}={shlex.quote(value)}" for name, value in inside.items())
    told = {f"CIBW_ENVIRONMENT_{target.system.upper()}": text}
    if target.release.tests not in {"emulator", "simulator"}:
        told["CIBW_TEST_SKIP"] = "*"
    return told
