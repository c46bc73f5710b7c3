"""Rust for any target, by rustup: our own, as cross needs containers, which few machines run."""

import subprocess
from pathlib import Path

from tools.tiers.targets import ROOT, Target
from tools.tiers.work import Absent, Work


def variable(target: Target, what: str) -> str:
    """Return the name of Cargo's variable for something of a target."""
    return f"CARGO_TARGET_{target.triple.upper().replace('-', '_')}_{what}"


def provide_library(target: Target) -> None:
    """Have rustup fetch Rust's standard library for a target, unless it is here."""
    asked = ["rustc", "--print", "target-libdir", "--target", target.triple]
    library = Path(subprocess.check_output(asked, cwd=ROOT, text=True).strip())
    if not any(library.glob("libstd-*")):
        subprocess.run(["rustup", "--quiet", "target", "add", target.triple], cwd=ROOT, check=True)


def environment(work: Work, target: Target, folder: str) -> dict[str, str]:
    """Return the environment in which Cargo builds for a target, into a folder of the cache."""
    try:
        provide_library(target)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Absent(f"rustup can't fetch the standard library for {target.triple}") from error
    return {
        "CARGO_TARGET_DIR": str(work.folder(folder)),
        "CARGO_TERM_COLOR": "never",
        "CARGO_PROFILE_DEV_DEBUG": "0",
        "CARGO_INCREMENTAL": "0",
    }


def check(work: Work, target: Target) -> str:
    """Check `core/` and `src/` for a target by clippy; a warning is a failure. Return with which compiler."""
    # Rust links musl into what it makes, unless told not to; a shared library can't have it so.
    more = " -Ctarget-feature=-crt-static" if target.system == "musl" else ""
    env = environment(work, target, "check") | {variable(target, "RUSTFLAGS"): f"-Dwarnings{more}"}
    words = ["cargo", "clippy", "--locked", "--workspace", "--target", target.triple]
    work.run(words, log=f"check-{target.triple}", env=env)
    return work.run(["rustc", "--version"], log="rust-version").splitlines()[-1].split(" (")[0]
