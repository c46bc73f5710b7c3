"""The test suite on Windows CPythons under Wine, in a Debian root.

The CPythons, built by Microsoft's compiler, are those that Maven has for Java programs.
"""

import json
import os
import shutil
import tomllib
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tools.tiers import chroots, debian, programs, rust, suite, windows_link
from tools.tiers.targets import ROOT, Target
from tools.tiers.work import Absent, Work

SUITE = "trixie"
PACKAGES = ["libc6", "libc-bin", "bash", "coreutils", "wine64"]
WINE = "/usr/lib/wine/wine64"

# The version of the Maven artefact org.bytedeco:cpython for each Python.
PYTHONS = {"3.11": "3.11.3-1.5.9", "3.13": "3.13.5-1.5.12", "3.14": "3.14.3-1.5.13"}
PROGRAM = "org/bytedeco/cpython/windows-x86_64/python.exe"

# A new Windows wants neither .NET nor a browser.
PLAIN = "mscoree=;mshtml="
ENVIRONMENT = {
    "WINEPREFIX": "/mnt/wine-prefix",
    "WINESERVER": "/usr/lib/wine/wineserver64",
    "WINEARCH": "win64",
    "WINEDEBUG": "-all",
    "WINEDLLOVERRIDES": f"{PLAIN};ucrtbase=n",
    "DISPLAY": "",
    "PYTHONDONTWRITEBYTECODE": "1",
}

# Processes start slowly, and many tests start some: seconds for a test, and until the interpreter ends.
PATIENCE = ("--timeout", "600", "-o", "faulthandler_timeout=900")


def root(work: Work) -> Path:
    """Return the root that has Wine."""
    return debian.root(work, "root-wine", SUITE, "x86_64", PACKAGES)


def enter(work: Work, argv: Sequence[str], env: dict[str, str] = ENVIRONMENT, **more: Any) -> str:
    """Run a Windows program and return what it said."""
    # To a file, several processes would write over each other's words.
    piped = ["bash", "-o", "pipefail", "-c", '"$@" 2>&1 | cat', "wine", WINE, *argv]
    more["folder"] = more.get("folder", "/").removeprefix("Z:")
    return chroots.run(work, root(work), piped, env={**ENVIRONMENT, **env}, **more)


def windows(work: Work, path: Path) -> str:
    """Return a path of the cache as Wine's programs know it."""
    return f"Z:{chroots.inside(work, path)}"


def forwarder(work: Work, library: Path, source: Path, *code: str | Path, own: Collection[str] = ()) -> None:
    """Make a library that hands each name on to the library `source`, but for its own, which `code` has."""
    # It needs a library, which the tests of this module do without.
    from tools.tiers import binaries

    # What lief hands out lives as long as the image.
    image = binaries.parse(source.read_bytes())
    names = [str(entry.name) for entry in image.get_export().entries if entry.name]
    lines = [f'"{it}"' if it in own else f'"{it}" = "{source.stem}.{it}"' for it in names]
    definition = library.with_suffix(".def")
    definition.write_text("\n".join([f"LIBRARY {library.stem}", "EXPORTS", *lines, ""]))
    link = ("cc", "-target", "x86_64-windows-gnu", "-w", "-O1", "-shared", definition, *code)
    programs.zig(work, *link, "-o", library, log=f"wine-{library.stem}", folder=library.parent)


def make_prefix(work: Work, prefix: Path) -> None:
    """Make what Wine calls a prefix: its drive C:, with what Wine lacks."""
    system = prefix / "drive_c" / "windows" / "system32"
    system.mkdir(parents=True)
    # It has a package of its own, and is not looked for there.
    shutil.copy(root(work) / "usr" / "x86_64-w64-mingw32" / "lib" / "zlib1.dll", system)
    env = {"WINEPREFIX": chroots.inside(work, prefix), "WINEDLLOVERRIDES": PLAIN}
    enter(work, ["wineboot", "-i"], env=env, log="wine-boot")
    # Wine's own C library under another name, and before it one with the functions of complex numbers that it
    # only names, and NumPy calls. Without its mark it is a library like others, which may lie anywhere.
    image = (system / "ucrtbase.dll").read_bytes()
    copied = system / "ucrtwine.dll"
    copied.write_bytes(image.replace(b"Wine builtin DLL", b"Wine copied  DLL", 1))
    (system / "ucrtbase.dll").unlink()
    sources = programs.zig_folder() / "lib" / "libc" / "mingw" / "complex"
    headers = sorted(path.name for path in sources.glob("*.def.h"))
    for kind in ("DOUBLE", "FLOAT"):
        lines = [f'#include "{name}"\n' for name in ("complex_internal.h", *headers)]
        (system / f"{kind}.c").write_text("".join([f"#define _NEW_COMPLEX_{kind} 1\n", *lines]))
    own = {name.partition(".")[0] + kind for name in headers for kind in ("", "f")}
    code = (f"-I{sources}", "DOUBLE.c", "FLOAT.c")
    forwarder(work, system / "ucrtbase.dll", copied, *code, own=own)


def make_python(work: Work, version: str, folder: Path) -> None:
    """Fetch a CPython, and make the library that it lacks: that which the stable ABI is linked with."""
    artefact = f"org.bytedeco:cpython:{PYTHONS[version]}:jar:windows-x86_64"
    programs.maven(work, artefact).extractall(folder)
    # It asks a service of Windows that Wine has a part of only, which ends the process. Without this module
    # Python asks in another way.
    for module in folder.rglob("_wmi.pyd"):
        module.unlink()
    program = folder / PROGRAM
    full = program.with_name(f"python{version.replace('.', '')}.dll")
    forwarder(work, program.with_name("python3.dll"), full, "-xc", os.devnull)


def place(work: Work, target: Target, python: str) -> suite.Place:
    """Return a CPython for 64-bit Windows."""
    if python not in PYTHONS:
        raise Absent(f"there is no Windows CPython {python} here; there are {', '.join(PYTHONS)}")
    work.once("wine-prefix", f"3 {SUITE}", partial(make_prefix, work))
    key = f"3 {PYTHONS[python]}"
    home = work.once(f"wine-python-{python}", key, partial(make_python, work, python))
    version = enter(work, ["--version"], log="wine-version").splitlines()[-1].strip()
    return suite.Place(
        name=f"{target.triple}-{python}",
        python=[windows(work, home / PROGRAM)],
        # pip reads conditions such as "under Windows" as the host's, so pytest's own need is named here.
        packages=suite.site(work, f"wine-site-{python}", python, ["win_amd64"], more=["colorama"]),
        under=version,
        enter=partial(enter, work),
        inside=partial(windows, work),
        separator=";",
        emulators="wine",
        patience=PATIENCE,
    )


def _core_programs(work: Work, target: Target) -> list[Path]:
    """Return the test programs."""
    env = rust.environment(work, target, "core-tests") | windows_link.environment(work, target)
    # A program's entry is Microsoft's own code too; Rust's `main` needs nothing of it.
    env[rust.variable(target, "RUSTFLAGS")] = " ".join([*windows_link.FLAGS, "-Clink-arg=/ENTRY:main"])
    words = ["cargo", "test", "--locked", "--package", "mmap-rs-core", "--lib", "--tests", "--no-run"]
    words += ["--target", target.triple, "--message-format", "json-render-diagnostics"]
    return made(work.run(words, log="core-tests-build", env=env))


def made(said: str) -> list[Path]:
    """Return the programs that Cargo says it has made."""
    messages = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    found = [message.get("executable") for message in messages]
    return [Path(path) for path in found if path]


def core_tests(work: Work, target: Target, place: suite.Place) -> None:
    """Run the core's own tests, of Rust, without those that Wine gets wrong; `Failed` if one fails."""
    text = (ROOT / "tests" / "support" / "emulators.toml").read_text(encoding="utf-8")
    rows = [row for row in tomllib.loads(text)["skip"] if row["emulator"] == "wine"]
    listed = [pattern.partition("::") for row in rows for pattern in row["tests"]]
    wrong = [name for path, _, name in listed if path.startswith("core/")]
    skipped = [word for name in wrong for word in ("--skip", name)]
    for program in _core_programs(work, target):
        argv = [place.inside(program), "--exact", *skipped]
        place.enter(argv, log=f"core-tests-{program.stem}")
