"""A program that rustc can take for its linker: a few words before and after those that rustc gives."""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from work import Work


def written(
    work: Work, triple: str, before: Sequence[str | Path], after: Sequence[str | Path] = ()
) -> Path:
    """Write the program for a target, and return its path.

    With other words its path is another, as Cargo links anew only for what it can see.
    """
    words = [shlex.join(map(str, before)), '"$@"', shlex.join(map(str, after))]
    text = f"#!/bin/sh\nexec {' '.join(words).rstrip()}\n"
    program = work.folder(f"linker/{triple}/{hashlib.sha256(text.encode()).hexdigest()[:8]}") / "cc"
    if not program.is_file():
        # Whole under its name, as another run may link at the same time.
        unfinished = program.with_name(f"cc.{os.getpid()}")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.chmod(0o755)
        unfinished.rename(program)
    return program
