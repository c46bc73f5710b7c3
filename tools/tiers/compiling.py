"""Compile the whole workspace for a target, without linking it."""

from __future__ import annotations

import re

import rust
from targets import Target
from work import Failed, Work

# What Cargo says at the end of a crate of ours.
WARNED = re.compile(r"^warning: `(mmap-rs-\S+)` .* generated \d+ warning", re.MULTILINE)


def check(work: Work, target: Target) -> str:
    """Compile `core/` and `src/` for a target and return with which compiler; a warning is a failure."""
    compiler = rust.compiler(work, target.triple)
    words = ["check", "--locked", "--workspace", "--target", target.triple, *compiler.std_words]
    if compiler.build_std:
        # Without what prints backtraces: nothing here calls it, and it takes a while to compile.
        words += ["-Zbuild-std-features=panic-unwind"]
    env = {
        **compiler.env,
        "CARGO_TARGET_DIR": str(work.folder("check")),
        "CARGO_TERM_COLOR": "never",
        # Cargo makes code of the standard library even for a check.
        "CARGO_PROFILE_DEV_DEBUG": "0",
        "CARGO_INCREMENTAL": "0",
    }
    if target.system == "musl":
        # Rust links musl into what it makes, unless told not to; a shared library can't have it so.
        variable = f"CARGO_TARGET_{target.triple.upper().replace('-', '_')}_RUSTFLAGS"
        env[variable] = "-Ctarget-feature=-crt-static"
    log = f"check-{target.triple}"
    text = work.run([compiler.programs / "cargo", *words], log=log, env=env)
    warned = WARNED.findall(text)
    if warned:
        raise Failed(f"warnings in {', '.join(warned)}; see {work.folder('logs') / log}.log")
    return compiler.name
