"""Be a C compiler that only links, and hand on to lld: `python lld_as_cc.py SETTINGS.json WORDS...`.

rustc gives its linker the words of a C compiler for Android and Apple's systems. There is none here that
knows those, but lld links for all. SETTINGS.json has `lld` (the path of the program under its name for the
system), `before` and `after` (words for it, around those that are translated).
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

# Words that are for the compiler alone.
DROPPED = {
    "-fPIC",
    "-m32",
    "-m64",
    "-no-pie",
    "-nodefaultlibs",
    "-nostartfiles",
    "-nostdlib",
    "-rdynamic",
    "-static-libgcc",
}
DROPPED_WITH_VALUE = {"-arch", "-isysroot", "-target"}
DROPPED_BEGINNINGS = (
    "--target=",
    "-fuse-ld=",
    "-march=",
    "-mfpmath=",
    "-mios-",
    "-mmacosx-",
    "-msse",
)


def given(words: list[str]) -> Iterator[str]:
    """Yield the words, with those of the files that are named by `@`."""
    for word in words:
        if word.startswith("@"):
            for line in Path(word[1:]).read_text(encoding="utf-8").splitlines():
                if line.strip():
                    yield line.strip().strip('"')
        else:
            yield word


def translated(words: list[str]) -> list[str]:
    """Return lld's words for a C compiler's."""
    left = given(words)
    found: list[str] = []
    for word in left:
        if word.startswith("-Wl,"):
            found += word.removeprefix("-Wl,").split(",")
        elif word == "-Xlinker":
            found.append(next(left))
        elif word in DROPPED_WITH_VALUE:
            next(left)
        elif word == "-dynamiclib":
            found.append("-dylib")
        elif word not in DROPPED and not word.startswith(DROPPED_BEGINNINGS):
            found.append(word)
    return found


def script(folder: Path, lld: Path, before: list[str], after: list[str]) -> Path:
    """Write a program that rustc can take for its linker, and return its path.

    With other words its path is another, as Cargo links anew only for what it can see.
    """
    content = json.dumps({"lld": str(lld), "before": before, "after": after})
    folder = folder / hashlib.sha256(content.encode()).hexdigest()[:8]
    folder.mkdir(parents=True, exist_ok=True)
    settings, program = folder / "settings.json", folder / "cc"
    settings.write_text(content, encoding="utf-8")
    text = f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).resolve()}" "{settings}" "$@"\n'
    program.write_text(text, encoding="utf-8")
    program.chmod(0o755)
    return program


def main() -> None:
    """Become lld."""
    settings = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    lld: str = settings["lld"]
    os.execv(lld, [lld, *settings["before"], *translated(sys.argv[2:]), *settings["after"]])


if __name__ == "__main__":
    main()
