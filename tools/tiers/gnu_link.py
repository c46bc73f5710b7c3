"""Lets zig link for Windows what Debian's compiler asks it to.

Debian's Rust names two libraries more than Rust's own: GCC's guard of the stack, `-lssp_nonshared -lssp`.
Nothing is compiled with that guard here, and zig has no libraries of these names: empty ones are made.
"""

from __future__ import annotations

from pathlib import Path

import programs
from work import Work

NAMES = ("ssp", "ssp_nonshared")


def flags(work: Work) -> list[str]:
    """Return what to tell rustc, and make the libraries for it."""
    zig: list[str | Path] = [programs.python(work), "-m", "ziglang"]
    env = programs.zig_env(work)

    def make(folder: Path) -> None:
        for name in NAMES:
            archive = f"lib{name}.a"
            work.run([*zig, "ar", "rcs", archive], log="gnu-libraries", env=env, cwd=folder)

    folder = work.once("gnu-libraries", " ".join((*NAMES, *programs.REQUIREMENTS)), make)
    return [f"-Lnative={folder}"]
