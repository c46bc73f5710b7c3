"""Build one wheel of a release: `python -m tools.build_wheel TARGET --python abi3-py311`.

Our own, as maturin and its action leave traces of the machine: here, the bytes depend on the commit, the
compiler and the linker only. tiers.toml says what is built, and how.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tomllib
from collections.abc import Generator
from pathlib import Path

from tools import phones
from tools.tiers import linux_link, rust
from tools.tiers.targets import ROOT, Target, find, load

# What the names in tiers.toml mean: Cargo's features, what stands for the ABI, the wheel's tags.
SINGLE = ("cp311", "cp313", "cp314", "cp315", "cp314t")
FEATURES = dict.fromkeys(SINGLE, "internal-slots") | {"abi3t-py315": "internal-slots,abi3t-py315"}
INTERPRETERS = {kind: f"python{kind[2]}.{kind[3:]}" for kind in SINGLE}
TAGS = {kind: f"{kind.removesuffix('t')}-{kind}" for kind in SINGLE}
INTERPRETERS.update({"abi3-py311": "python3.11", "abi3t-py315": "python3.15t"})
TAGS.update({"abi3-py311": "cp311-abi3", "abi3t-py315": "cp315-abi3.abi3t"})
# FreeBSD's tags name a release; maturin would take that of the system it runs on.
FREEBSD = "14.2-RELEASE"


def meant(name: str) -> tuple[Target, str] | None:
    """Return what the file name of a wheel says: its target, and the kind of Python."""
    own = name.removesuffix(".whl").split("-")
    tags, platforms = "-".join(own[2:4]), own[-1].split(".")
    kinds = [(target, kind) for target in load() for kind in target.pythons if TAGS[kind] == tags]
    return next(((target, kind) for target, kind in kinds if target.tag in platforms), None)


def output(*command: str) -> str:
    return subprocess.check_output(command, cwd=ROOT, text=True).strip()


def epoch() -> str:
    """Return the time that all files of the wheel get: the commit's, in seconds since 1970."""
    return os.environ.get("SOURCE_DATE_EPOCH") or output("git", "log", "-1", "--format=%ct")


def neutral_flags(source: Path, cargo: Path) -> list[str]:
    """Return the compiler's flags that keep this machine's folders out of what is compiled."""
    places = {output("rustc", "--print", "sysroot"): "/rust"}
    # Each registry has a folder, whose name depends on where its index was fetched from.
    places |= {str(path): "/crates" for path in sorted((cargo / "registry" / "src").glob("*"))}
    # The last that fits counts: the source may be inside of one of the others.
    places[str(source)] = "/mmap-rs"
    return [f"--remap-path-prefix={path}={name}" for path, name in places.items()]


def environment(target: Target, python: str, source: Path, folder: Path) -> dict[str, str]:
    """Return the environment of a build of the tree `source` in Cargo's target folder: always the same."""
    # Crates have to be there before their folder's name can be known.
    subprocess.run(["cargo", "fetch", "--locked", "--quiet"], cwd=source, check=True)
    cargo = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    flags = [*os.environ.get("RUSTFLAGS", "").split(), *neutral_flags(source, cargo)]
    # An interpreter that is named for other builds would be taken for the target's.
    without = {"RUSTFLAGS", "PYO3_PYTHON"}
    own = {name: text for name, text in os.environ.items() if name not in without}
    own |= {"SOURCE_DATE_EPOCH": epoch(), "CARGO_INCREMENTAL": "0", "LC_ALL": "C", "TZ": "UTC"}
    # maturin asks the first Python there for zig.
    own["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), own.get("PATH", "")])
    if target.release.build in {"ndk", "xcode"}:
        place = folder / target.system / f"{target.triple}-{python}"
        flags += phones.flags(target, python, place)
        own |= phones.variables(target, python, place)
    if target.system == "freebsd":
        own["MATURIN_FREEBSD_VERSION"] = FREEBSD
    if target.release.build == "zig":
        place = folder / "unwinder" / target.triple
        flags += linux_link.flags(target.triple, place, Path(sys.executable))
    own["CARGO_ENCODED_RUSTFLAGS"] = "\x1f".join(flags)
    return own


def provide_rust(target: Target) -> None:
    """Have everything done by the locked Rust, which rustup fetches, with the target's standard library."""
    told = tomllib.loads((ROOT / "tools" / "locked" / "rust-toolchain.toml").read_text("utf-8"))
    os.environ["RUSTUP_TOOLCHAIN"] = channel = told["toolchain"]["channel"]
    if subprocess.run(["rustc", "--version"], capture_output=True, check=False).returncode != 0:
        words = ["rustup", "toolchain", "install", "--profile", "minimal", channel]
        subprocess.run(words, cwd=ROOT, check=True)
    if (found := output("rustc", "--version").split()[1]) != channel:
        raise SystemExit(f"a release is built with Rust {channel}, by rustup; this is {found}")
    rust.provide_library(target)


def arguments(target: Target, python: str, *, zig: bool) -> list[str]:
    """Return maturin's arguments for a wheel; what it is linked with, other than by `zig`, is told apart."""
    words = ["build", "--release", "--locked", "--target", target.triple]
    if python in FEATURES:
        words += ["--no-default-features", "--features", FEATURES[python]]
    if zig:
        words += ["--zig"]
    if target.system in {"linux", "musl"}:
        # The tag ends in the architecture: manylinux_2_17_x86_64.
        words += ["--compatibility", target.tag.removesuffix(f"_{target.arch}")]
    return words


@contextlib.contextmanager
def own_papers(source: Path, target: Target, python: str) -> Generator[None]:
    """Have a tree list, while a wheel is made of it, that wheel's own crates, and not those of all."""
    from tools import notices

    papers = notices.of_wheel(target, python)
    before = {name: (source / name).read_bytes() for name in papers}
    try:
        for name, text in papers.items():
            (source / name).write_text(text, encoding="utf-8", newline="\n")
        yield
    finally:
        for name, content in before.items():
            (source / name).write_bytes(content)


def build(target: Target, python: str, out: Path, source: Path, folder: Path) -> Path:
    """Build the wheel of the tree `source` into `out`; `folder` is Cargo's. Return the wheel's path."""
    out.mkdir(parents=True, exist_ok=True)
    before = set(out.glob("*.whl"))
    provide_rust(target)
    own = environment(target, python, source, folder)
    zig, native = (target.release.build == way for way in ("zig", "native"))
    words = ["maturin", *arguments(target, python, zig=zig), "--target-dir", str(folder)]
    # maturin knows what each CPython for other systems is like, or is told by a file, and needs none.
    words += ["--interpreter", sys.executable if native else INTERPRETERS[python], "--out", str(out)]
    with own_papers(source, target, python):
        subprocess.run([sys.executable, "-m", *words], cwd=source, env=own, check=True)
    made = [path for path in out.glob("*.whl") if f"-{TAGS[python]}-" in path.name]
    new = [path for path in made if path not in before] or made
    if len(new) != 1:
        raise SystemExit(f"not one wheel {TAGS[python]}* was made in {out}, but {len(new)}")
    return new[0]


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":", maxsplit=1)[0])
    parser.add_argument("target", metavar="TARGET", type=find, help="its name in tiers.toml")
    parser.add_argument("--python", default="abi3-py311", choices=TAGS, help="which Pythons it is for")
    given = parser.parse_args(words)
    target: Target = given.target
    if given.python not in target.pythons:
        parser.error(f"tiers.toml has no {given.python} wheel for {target.triple}")
    folder = ROOT / "target" / "wheel"
    wheel = build(target, given.python, ROOT / "dist", ROOT, folder)
    print(f"{wheel.name}: {wheel.stat().st_size / 1024:.1f} KiB", flush=True)
    if target.release.tests in {"emulator", "simulator"}:
        phones.test(target, given.python, wheel)
    return 0


if __name__ == "__main__":
    sys.exit(main())
