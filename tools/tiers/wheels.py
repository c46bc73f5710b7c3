"""Build any target's wheel here, and inspect it: our own, as cibuildwheel wants each system's own machine."""

import os
import sys
from pathlib import Path

from tools import phones
from tools.build_wheel import FREEBSD, INTERPRETERS, arguments
from tools.tiers import android_link, inspection, ios_link, linux_link, programs, rust, windows_link
from tools.tiers.targets import Target
from tools.tiers.work import Absent, Work


def inspected(work: Work, target: Target, python: str) -> str:
    """Build a wheel, hold it to the rules, and return what was found."""
    report = inspection.inspect(build(work, target, python), target, python)
    stubs = " (linked with stubs: never shipped)" if target.local.link == "stubs" else ""
    return f"{report}{stubs}"


def build(work: Work, target: Target, python: str) -> Path:
    """Build the wheel of this tree for a target; Cargo compiles what has changed since the last time."""
    if python not in {*target.pythons, target.local.wheel}:
        raise Absent(f"tiers.toml has no {python} wheel for {target.triple}")
    out = work.folder(f"wheels/{target.triple}-{python}")
    for old in out.glob("*.whl"):
        old.unlink()
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
        env |= phones.variables(target, python, folder)
        last = android_link.flags(folder, python)
    elif target.system == "ios":
        folder = ios_link.sdk(work)
        env |= {"SDKROOT": str(folder), **phones.variables(target, python, folder)}
        last = ios_link.FLAGS
    if last:
        words += ["--", *last]
    argv = [sys.executable, "-m", "maturin", *words]
    work.run(argv, log=f"wheel-{target.triple}-{python}", env=env)
    (wheel,) = out.glob("*.whl")
    return wheel
