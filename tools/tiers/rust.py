"""A Rust compiler that can compile for every target: it has the standard library's sources.

rustup's compilers can't be used where rustup can't fetch targets. Debian has a newer Rust for its browsers,
with sources; its packages are unpacked into the cache, without a change to the host's own packages.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from work import Absent, Work

# lld links what zig can't; llvm's objcopy strips what is linked for Apple's systems.
PACKAGES = ("rustc-web", "rust-web-src", "cargo-web", "rust-web-llvm", "lld-22", "llvm-22")
RELEASE = "bookworm"

# Only what this machine lacks is fetched, so the list of what it has is the host's.
APT = """
Dir::State "{state}/state";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "{state}/cache";
Dir::Etc::sourcelist "{state}/sources.list";
Dir::Etc::sourceparts "{state}/parts";
APT::Install-Recommends "false";
APT::Keep-Downloaded-Packages "true";
APT::Sandbox::User "root";
Acquire::Languages "none";
"""


@dataclass(frozen=True)
class Rust:
    """A compiler: the folder of its programs, and the environment that they need."""

    name: str
    programs: Path
    env: dict[str, str]
    build_std: bool

    @property
    def std_words(self) -> list[str]:
        """Cargo's arguments that compile the standard library, where there is none for the target."""
        return ["-Zbuild-std=std,panic_abort"] if self.build_std else []


def _sources(state: Path) -> None:
    """Use the host's own sources of Debian packages, and none of other repositories."""
    (state / "parts").mkdir()
    (state / "sources.list").touch()
    modern = Path("/etc/apt/sources.list.d/debian.sources")
    classic = Path("/etc/apt/sources.list")
    if modern.is_file():
        shutil.copyfile(modern, state / "parts" / modern.name)
    elif classic.is_file():
        shutil.copyfile(classic, state / "sources.list")
    else:
        raise Absent(f"neither {modern} nor {classic} names a source of Debian packages")


def _is_expected_debian() -> bool:
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return False
    return (
        f"VERSION_CODENAME={RELEASE}" in text.splitlines() and shutil.which("apt-get") is not None
    )


def _version(work: Work, rustc: Path, env: dict[str, str]) -> str:
    """Return e.g. `rustc 1.96.0`."""
    said = work.run([rustc, "--version"], log="rust-version", env=env)
    return said.splitlines()[-1].split(" (")[0]


def debian(work: Work) -> Rust:
    """Return Debian's compiler from the cache; fetched first if it is not there."""
    if not _is_expected_debian():
        raise Absent(f"this is not Debian {RELEASE}, whose Rust for browsers is used")

    def make(folder: Path) -> None:
        state = folder / "apt"
        for name in ("state/lists/partial", "cache/archives/partial"):
            (state / name).mkdir(parents=True)
        _sources(state)
        (state / "apt.conf").write_text(APT.format(state=state), encoding="utf-8")
        env = {"APT_CONFIG": str(state / "apt.conf"), "DEBIAN_FRONTEND": "noninteractive"}
        work.run(["apt-get", "-q", "update"], log="rust-update", env=env)
        fetch = ["apt-get", "-qy", "--download-only", "install", "--reinstall", *PACKAGES]
        work.run(fetch, log="rust-fetch", env=env)
        for package in sorted((state / "cache" / "archives").glob("*.deb")):
            work.run(["dpkg-deb", "--extract", package, folder], log="rust-unpack")
        shutil.rmtree(state)

    root = work.once("rust", f"2 {RELEASE} {' '.join(PACKAGES)}", make)
    programs = root / "usr" / "bin"
    tools = root / "usr" / "lib" / "rustlib" / "x86_64-unknown-linux-gnu" / "bin"
    path = [programs, tools, root / "usr" / "lib" / "llvm-22" / "bin"]
    env = {
        "RUSTC": str(programs / "rustc"),
        "CARGO": str(programs / "cargo"),
        # The sources are of the compiler's own version, which is what this must be sure of.
        "RUSTC_BOOTSTRAP": "1",
        "PATH": os.pathsep.join([*map(str, path), os.environ["PATH"]]),
        "LD_LIBRARY_PATH": str(root / "usr" / "lib" / "x86_64-linux-gnu"),
    }
    return Rust(
        _version(work, programs / "rustc", env) + ", std from source", programs, env, build_std=True
    )


def installed(work: Work, triple: str) -> Rust | None:
    """Return this machine's own compiler if it has the target's standard library."""
    rustc = shutil.which("rustc")
    cargo = shutil.which("cargo")
    if rustc is None or cargo is None:
        return None
    said = work.run(
        [rustc, "--print", "target-libdir", "--target", triple],
        # A name for each target, as runs for several may be under way.
        log=f"rust-installed-{triple}",
        check=False,
    )
    library = Path(said.splitlines()[-1])
    if not any(library.glob("libstd-*")):
        return None
    return Rust(_version(work, Path(rustc), {}), Path(cargo).parent, {}, build_std=False)


def compiler(work: Work, triple: str) -> Rust:
    """Return a compiler for a target: this machine's if it can, else Debian's."""
    return installed(work, triple) or debian(work)


def linker(work: Work, name: str) -> Path:
    """Return Debian's lld under one of its names, which tells for which systems it links."""
    compiler = debian(work)
    return compiler.programs.parent / "lib" / "llvm-22" / "bin" / name
