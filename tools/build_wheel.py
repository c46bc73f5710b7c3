"""Build one wheel of a release: `python tools/build_wheel.py TARGET --python abi3-py311 --out dist`.

What is built, and how, stands in tiers.toml. The bytes depend on the commit, the compiler and the linker,
and on nothing else of the machine: neither on the folder, nor on the time, nor on who builds.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "tiers"))

import linux_link
import phones
from targets import ROOT, Target, find

# What the names in tiers.toml mean: the features of Cargo.toml, and the interpreter that stands for the ABI.
FEATURES = {"abi3-py311": "abi3-py311", "cp314t": None, "abi3t-py315": "abi3t-py315"}
INTERPRETERS = {"abi3-py311": "python3.11", "cp314t": "python3.14t", "abi3t-py315": "python3.15t"}
# Part of the wheel's name: tells whether an interpreter's own kind of wheel was built.
TAGS = {"abi3-py311": "cp311-abi3-", "cp314t": "cp314-cp314t-", "abi3t-py315": "cp315-abi3.abi3t-"}


def is_of(name: str, target: Target, kind: str) -> bool:
    """Tell whether the file name of a wheel, of whatever version, is that of a target and a kind."""
    own = name.removesuffix(".whl").split("-")
    return f"{'-'.join(own[2:4])}-" == TAGS[kind] and target.tag in own[-1].split(".")


def output(*command: str) -> str:
    """Run a command and return what it prints, without the line's end."""
    return subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()


def epoch() -> str:
    """Return the time that all files of the wheel get: the commit's, in seconds since 1970."""
    return os.environ.get("SOURCE_DATE_EPOCH") or output("git", "log", "-1", "--format=%ct")


def neutral_flags(source: Path, cargo: Path) -> list[str]:
    """Return the compiler's flags that keep this machine's folders out of what is compiled."""
    # Each registry has a folder, whose name depends on where its index was fetched from.
    crates = sorted((cargo / "registry" / "src").glob("*"))
    places = {output("rustc", "--print", "sysroot"): "/rust"}
    places |= {str(path): "/crates" for path in crates}
    # The last that fits counts: the source may be inside of one of the others.
    places[str(source)] = "/mmap-rs"
    return [f"--remap-path-prefix={path}={name}" for path, name in places.items()]


def environment(
    target: Target, source: Path, folder: Path, cargo: Path | None = None
) -> dict[str, str]:
    """Return the environment of a build: the same for everyone.

    `source` is the tree, `folder` Cargo's target folder, and `cargo` is Cargo's home, if not the usual one.
    """
    cargo = cargo or Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    # Crates have to be there before their folder's name can be known.
    subprocess.run(
        ["cargo", "fetch", "--locked", "--quiet"],
        cwd=source,
        env={**os.environ, "CARGO_HOME": str(cargo)},
        check=True,
    )
    own = {name: text for name, text in os.environ.items() if name not in {"RUSTFLAGS", "TZ"}}
    flags = [*os.environ.get("RUSTFLAGS", "").split(), *neutral_flags(source, cargo)]
    own |= {"SOURCE_DATE_EPOCH": epoch(), "CARGO_INCREMENTAL": "0", "LC_ALL": "C", "TZ": "UTC"}
    own["CARGO_HOME"] = str(cargo)
    # An interpreter that is named for other builds would be taken for the target's.
    own.pop("PYO3_PYTHON", None)
    # maturin asks the first Python there for zig.
    own["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), own.get("PATH", "")])
    if target.system in {"android", "ios"}:
        flags += phones.flags(target, folder / target.system / target.triple)
    if target.release.build == "ndk":
        own |= phones.variables(target)
        linker = f"CARGO_TARGET_{target.triple.upper().replace('-', '_')}_LINKER"
        own[linker] = phones.ndk_compiler(target)
    if target.release.build == "zig":
        place = folder / "unwinder" / target.triple
        flags += linux_link.flags(target.triple, place, Path(sys.executable))
    own["CARGO_ENCODED_RUSTFLAGS"] = "\x1f".join(flags)
    return own


def provide_std(target: Target) -> None:
    """Fetch the target's standard library through rustup, unless it is here."""
    library = Path(output("rustc", "--print", "target-libdir", "--target", target.triple))
    if any(library.glob("libstd-*")):
        return
    if shutil.which("rustup") is None:
        raise SystemExit(
            f"this Rust has no standard library for {target.triple}, and there is no rustup to fetch it. "
            "With the standard library's sources installed, --build-std compiles it"
        )
    subprocess.run(["rustup", "target", "add", target.triple], cwd=ROOT, check=True)


def arguments(target: Target, python: str) -> list[str]:
    """Return maturin's arguments for a wheel."""
    words = ["build", "--release", "--locked", "--target", target.triple]
    feature = FEATURES[python]
    if feature != "abi3-py311":
        words += ["--no-default-features", *(["--features", feature] if feature else [])]
    if target.release.build == "zig":
        # The tag ends in the architecture: manylinux_2_17_x86_64.
        words += ["--zig", "--compatibility", target.tag.removesuffix(f"_{target.arch}")]
        # maturin knows what each CPython on Linux is like, and needs none.
        words += ["--interpreter", INTERPRETERS[python]]
    elif target.release.build in {"native", "vm"}:
        words += ["--interpreter", sys.executable]
    return words


def cibuildwheel(target: Target, python: str, out: Path, rustflags: list[str]) -> None:
    """Build by cibuildwheel, which brings Python for phones; test where there is an emulator."""
    if python != "abi3-py311":
        raise SystemExit(f"{target.triple}: only abi3-py311 is built for {target.system}")
    system = target.system
    words = ["--platform", system, "--archs", target.arch, "--output-dir", str(out)]
    words += ["--config-file", str(ROOT / "tools" / "cibuildwheel.toml")]
    provide_std(target)
    own = {**os.environ, **phones.cibuildwheel_variables(target, rustflags, epoch())}
    if target.release.tests not in {"emulator", "simulator"}:
        own["CIBW_TEST_SKIP"] = "*"
    subprocess.run(
        [sys.executable, "-m", "cibuildwheel", *words, str(ROOT)],
        env=own,
        cwd=ROOT,
        check=True,
    )


def build(
    target: Target,
    python: str,
    out: Path,
    *,
    source: Path = ROOT,
    folder: Path | None = None,
    cargo: Path | None = None,
    build_std: bool = False,
) -> Path:
    """Build the wheel of the tree `source` into the folder `out` and return its path.

    `folder` is Cargo's target folder, `cargo` its home. With `build_std` the standard library is compiled
    from its sources, which needs a compiler that allows that.
    """
    out.mkdir(parents=True, exist_ok=True)
    before = set(out.glob("*.whl"))
    folder = folder or ROOT / "target" / "wheel"
    own = environment(target, source, folder, cargo)
    if target.release.build == "cibuildwheel":
        cibuildwheel(target, python, out, own["CARGO_ENCODED_RUSTFLAGS"].split("\x1f"))
    else:
        words = arguments(target, python)
        if build_std:
            own["RUSTC_BOOTSTRAP"] = "1"
            words += ["-Z", "build-std=std,panic_abort"]
        else:
            provide_std(target)
        words += ["--target-dir", str(folder), "--out", str(out)]
        subprocess.run([sys.executable, "-m", "maturin", *words], cwd=source, env=own, check=True)
    made = [path for path in out.glob("*.whl") if TAGS[python] in path.name]
    new = [path for path in made if path not in before] or made
    if len(new) != 1:
        raise SystemExit(f"not one wheel {TAGS[python]}* was made in {out}, but {len(new)}")
    return new[0]


def main(words: list[str] | None = None) -> int:
    """Build a wheel, print its name and size, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":", maxsplit=1)[0])
    parser.add_argument("target", metavar="TARGET", help="its name in tiers.toml")
    parser.add_argument(
        "--python", default="abi3-py311", choices=FEATURES, help="which Pythons it is for"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="the folder for the wheel")
    parser.add_argument(
        "--build-std", action="store_true", help="compile Rust's standard library from its sources"
    )
    given = parser.parse_args(words)
    try:
        target = find(given.target)
    except KeyError as error:
        parser.error(str(error.args[0]))
    if given.python not in target.pythons:
        parser.error(f"tiers.toml has no {given.python} wheel for {target.triple}")
    if target.release.build == "none":
        parser.error(f"tiers.toml says that {target.triple} is not released")
    out: Path = given.out.resolve()
    wheel = build(target, given.python, out, build_std=given.build_std)
    print(f"{wheel.name}: {wheel.stat().st_size / 1024:.1f} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
