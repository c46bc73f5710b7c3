"""Build wheels for Android and iOS with the NDK and Xcode, and test them by cibuildwheel.

Our own, as cibuildwheel builds in environments where maturin has no wheel, and takes no wheel that is
there already: so it is handed a project whose build is a copy. It brings CPython for phones, and runs the
tests in an emulator or simulator.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from subprocess import run

from tools.tiers import android_link, ios_link
from tools.tiers.targets import ROOT, Target

# The NDK names one compiler otherwise than Rust names the target.
NDK_NAMES = {"armv7-linux-androideabi": "armv7a-linux-androideabi"}
# A project whose build hands out the wheel that lies in it.
READY = Path(__file__).with_name("ready")


def ndk_compiler(target: Target) -> str:
    """Return the path of the NDK's compiler for a target, which is its linker too."""
    home = os.environ.get("ANDROID_NDK_HOME") or os.environ.get("ANDROID_NDK_LATEST_HOME")
    if not home:
        raise SystemExit(f"{target.triple} needs Android's NDK: set ANDROID_NDK_HOME to its folder")
    (programs,) = (Path(home) / "toolchains" / "llvm" / "prebuilt").glob("*/bin")
    name = NDK_NAMES.get(target.triple, target.triple)
    return (programs / f"{name}{android_link.API_LEVEL}-clang").as_posix()


def flags(target: Target, python: str, folder: Path) -> list[str]:
    """Return rustc's flags for a target, and make in `folder` what they name.

    No machine that builds has the library of Python's functions: a stand-in is made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if target.system == "ios":
        # A list of the stable ABI's names stands for Python's framework.
        ios_link.python_libraries(folder)
        return [f"-Lnative={folder}", f"-Clink-arg=-Wl,-install_name,{ios_link.INSTALL_NAME}"]
    linker = ndk_compiler(target)
    # An empty library. Nothing asks for its names, so the linker is told to keep it.
    name, empty = android_link.python_library(python), folder / "empty.c"
    empty.write_text("", encoding="utf-8")
    file = folder / f"lib{name}.so"
    make = [linker, "-shared", f"-Wl,-soname,{file.name}", "-o", str(file)]
    run([*make, str(empty)], check=True)
    words = [f"-L{folder}", "-Wl,--no-as-needed", f"-l{name}"]
    words += [f"-Wl,-z,max-page-size={android_link.PAGE}"]
    # PyO3 asks for the library by its name, too.
    return [f"-Clinker={linker}", f"-Lnative={folder}", *(f"-Clink-arg={word}" for word in words)]


def variables(target: Target, python: str, folder: Path) -> dict[str, str]:
    """Return what tells maturin and PyO3 the system and Python of a wheel; `folder` gets a file for it."""
    told, ios = folder / "python.txt", target.system == "ios"
    told.write_text(ios_link.CONFIG if ios else android_link.config(target, python), encoding="ascii")
    oldest = ("IPHONEOS_DEPLOYMENT_TARGET", ios_link.VERSION)
    name, version = oldest if ios else ("ANDROID_API_LEVEL", android_link.API_LEVEL)
    return {name: version, "PYO3_CONFIG_FILE": str(told)}


def test(target: Target, python: str, wheel: Path) -> None:
    """Have cibuildwheel test a wheel in the emulator or simulator of its system."""
    with tempfile.TemporaryDirectory(prefix="mmap-rs-phone-") as name:
        project = Path(name).resolve() / "project"
        shutil.copytree(READY, project)
        shutil.copy(wheel, project)
        words = ["--platform", target.system, "--archs", target.arch, str(project)]
        words += ["--config-file", str(ROOT / "pyproject.toml"), "--output-dir", f"{name}/tested"]
        # A wheel for one Python is tested with it, one for the stable ABI with all there are.
        build = {"CIBW_BUILD": f"{python}-*"} if python.startswith("cp") else {}
        command = [sys.executable, "-m", "cibuildwheel", *words]
        run(command, cwd=ROOT, env={**os.environ, **build}, check=True)
