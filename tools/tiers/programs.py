"""maturin and zig, in a virtual environment of their own in the cache."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from work import Work

# zig links for other systems, and has their C libraries' names and versions. Both are pinned, as a wheel's
# bytes depend on them.
REQUIREMENTS = ("maturin==1.16.0", "ziglang==0.17.0")


def python(work: Work) -> Path:
    """Return the Python that has the programs."""

    def make(folder: Path) -> None:
        pip: list[str | Path] = [
            folder / "bin" / "python",
            "-m",
            "pip",
            "--disable-pip-version-check",
        ]
        work.run([sys.executable, "-m", "venv", folder], log="programs-venv")
        work.run([*pip, "install", "--quiet", *REQUIREMENTS], log="programs-install")

    key = f"{sys.version} {' '.join(REQUIREMENTS)}"
    return work.once("programs", key, make) / "bin" / "python"


def zig_env(work: Work) -> dict[str, str]:
    """Return the environment that keeps zig's files in the cache."""
    return {
        "ZIG_GLOBAL_CACHE_DIR": str(work.folder("zig")),
        "ZIG_LOCAL_CACHE_DIR": str(work.folder("zig")),
        "CARGO_ZIGBUILD_CACHE_DIR": str(work.folder("zigbuild")),
    }


def zig_folder(work: Work) -> Path:
    """Return the folder of zig's package, which holds the sources of the C libraries' parts."""
    code = "import ziglang, os; print(os.path.dirname(ziglang.__file__))"
    said = work.run([python(work), "-c", code], log="programs-zig")
    return Path(said.splitlines()[-1])


def musl_names(work: Work) -> frozenset[str]:
    """Return the names that musl's library has, as zig lists them to link with."""
    text = (zig_folder(work) / "lib" / "libc" / "musl" / "libc.S").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^(?:\.globl|\.weak|WEAK64|WEAKTIME64) (\w+)", text, re.MULTILINE))
