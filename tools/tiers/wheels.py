"""Build any target's wheel here, and inspect it: our own, as cibuildwheel wants each system's own machine."""

import hashlib
import os
import sys
from functools import partial
from pathlib import Path

from tools.build_wheel import FREEBSD, INTERPRETERS, arguments
from tools.tiers import android_link, inspection, ios_link, linux_link, programs, rust, tables, windows_link
from tools.tiers.targets import ROOT, Target
from tools.tiers.work import Absent, Work

# What a wheel is made of, and by.
SOURCES = """
Cargo.* pyproject.toml build.rs tiers.toml THIRD-PARTY.md src/**/*.rs core/src/**/*.rs python/mmap_rs/**/*.py*
sbom/* tools/build_wheel.py tools/tiers/*link.py tools/tiers/windows-start.c tools/tiers/wheels.py
"""


def fingerprint(*more: str) -> str:
    """Return a hash of all that a wheel is made of, and of more files."""
    # The table of results is no reason to do things again.
    page = tables.without((ROOT / "README.md").read_text(encoding="utf-8"))
    digest = hashlib.sha256(f"{programs.versions()} {page}".encode())
    found = {path for pattern in (*SOURCES.split(), *more) for path in ROOT.glob(pattern)}
    for path in sorted(path for path in found if path.is_file() and path.suffix != ".pyc"):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def build(work: Work, target: Target, python: str) -> Path:
    """Return the wheel of this tree for a target, built unless the cache has it."""
    if python not in {*target.pythons, target.local.wheel}:
        raise Absent(f"tiers.toml has no {python} wheel for {target.triple}")
    make = partial(_build, work, target, python)
    (wheel,) = work.once(f"wheels/{target.triple}-{python}", fingerprint(), make).glob("*.whl")
    return wheel


def inspected(work: Work, target: Target, python: str) -> str:
    """Build a wheel, hold it to the rules, and return what was found."""
    report = inspection.inspect(build(work, target, python), target, python)
    stubs = " (linked with stubs: never shipped)" if target.local.link == "stubs" else ""
    return f"{report}{stubs}"


def _build(work: Work, target: Target, python: str, out: Path) -> None:
    env = programs.environment(work) | rust.environment(work, target, "build")
    # maturin asks the first Python there for zig.
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    words: list[str | Path] = [*arguments(target, python, zig=target.local.link == "zig")]
    words += ["--out", out, "--interpreter", INTERPRETERS[python]]
    # To the last compiler alone: the standard library needs no other for it.
    last: list[str] = []
    if target.system in {"linux", "musl"}:
        folder = work.folder(f"unwinder/{target.triple}")
        last = linux_link.flags(target.triple, folder, Path(sys.executable))
    elif target.system == "freebsd":
        env["MATURIN_FREEBSD_VERSION"] = FREEBSD
    elif target.system == "windows":
        env |= windows_link.environment(work, target)
        last = windows_link.FLAGS
    elif target.system == "android":
        folder = android_link.stubs(work, target, python)
        env["PYO3_CONFIG_FILE"] = str(folder / "python.txt")
        env["ANDROID_API_LEVEL"] = android_link.API_LEVEL
        last = android_link.flags(folder, python)
    elif target.system == "ios":
        env |= ios_link.environment(work)
        last = ios_link.FLAGS
    if last:
        words += ["--", *last]
    argv = [sys.executable, "-m", "maturin", *words]
    work.run(argv, log=f"wheel-{target.triple}-{python}", env=env)
