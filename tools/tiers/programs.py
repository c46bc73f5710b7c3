"""What registries bring: zig and its lists of names, the stable ABI's names, archives of Maven."""

import re
import sys
import zipfile
from importlib import metadata
from pathlib import Path

from tools.tiers.work import Work

# zig's names of processors, where they differ from the first word of Rust's target.
PROCESSORS = {"i686": "x86", "armv7": "arm", "riscv64gc": "riscv64"}


def processor(triple: str) -> str:
    """Return zig's name of a target's processor."""
    first = triple.partition("-")[0]
    return PROCESSORS.get(first, first)


def versions() -> str:
    """Return the versions of maturin and zig, on which a wheel's bytes depend."""
    return f"maturin {metadata.version('maturin')}, zig {metadata.version('ziglang')}"


def environment(work: Work) -> dict[str, str]:
    """Return the environment that keeps zig's files, and those of what calls it, in the cache."""
    names = ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR", "CARGO_ZIGBUILD_CACHE_DIR")
    return dict.fromkeys(names, str(work.folder("zig")))


def zig(work: Work, *words: str | Path, log: str, folder: Path) -> str:
    """Run zig in a folder and return what it said."""
    argv = [sys.executable, "-m", "ziglang", *words]
    return work.run(argv, log=log, env=environment(work), folder=folder)


def zig_folder() -> Path:
    """Return the folder of zig's package, which holds the sources of the C libraries' parts."""
    return Path(str(metadata.distribution("ziglang").locate_file("ziglang")))


def maven(work: Work, artefact: str) -> zipfile.ZipFile:
    """Return an archive of Maven's, by its group, name, version, kind and classifier."""
    folder = work.folder("maven")
    words = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={artefact}"]
    work.run([*words, f"-DoutputDirectory={folder}"], log="maven")
    _, name, version, kind, classifier = artefact.split(":")
    return zipfile.ZipFile(folder / f"{name}-{version}-{classifier}.{kind}")


def musl_names() -> frozenset[str]:
    """Return the names that musl's library has, as zig lists them to link with."""
    text = (zig_folder() / "lib" / "libc" / "musl" / "libc.S").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^(?:\.globl|\.weak|WEAK64|WEAKTIME64) (\w+)", text, re.MULTILINE))


def stable_abi() -> dict[str, tuple[int, int]]:
    """Return each name of CPython's stable ABI with the Python that it came with, as CPython lists them."""
    # It is a package that the tests of these tools do without.
    from abi3info import DATAS, FUNCTIONS  # type: ignore[import-untyped] # pyright: ignore[reportMissingTypeStubs]

    both = [*FUNCTIONS.items(), *DATAS.items()]
    return {str(symbol.name): (item.added.major, item.added.minor) for symbol, item in both}
