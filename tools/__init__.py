"""What builds, checks and releases the package; each file says why it is our own."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def tell_absent(reason: str) -> None:
    """Say what could not be done on this machine: to who looks on, and to .ci/run, which counts it."""
    print(f"absent: {reason}", flush=True)
    if place := os.environ.get("MMAP_RS_ABSENT"):
        with Path(place).open("a", encoding="utf-8") as out:
            out.write(f"{reason}\n")


def renew(files: Mapping[Path, str], command: str, *, check: bool) -> int:
    """Write files that are made of others; or only say, with status 1, which `command` would change."""
    old = [path for path, text in files.items() if path.read_text(encoding="utf-8") != text]
    for path in old:
        if check:
            print(f"{path} is not what it would be made: run {command}", file=sys.stderr)
        else:
            path.write_text(files[path], encoding="utf-8", newline="\n")
    return int(check and bool(old))
