"""Be a C compiler that only links, and hand on to lld: `lld_as_cc.py LLD BEFORE... -- AFTER... -- WORDS...`.

rustc gives its linker the words of a C compiler for Android and Apple's systems. There is none here that
knows those, but lld links for all. LLD is the path of the program under its name for the system, BEFORE and
AFTER are words for it, around those that are translated.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import linker_program
from targets import Target
from work import Work

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


def program(work: Work, target: Target, lld: Path, before: list[str], after: list[str]) -> Path:
    """Write a program that rustc can take for its linker, and return its path."""
    command = [sys.executable, str(Path(__file__).resolve()), str(lld)]
    command += [*before, "--", *after, "--"]
    return linker_program.written(work, target.triple, command)


def main() -> None:
    """Become lld."""
    words = sys.argv[1:]
    first = words.index("--")
    second = words.index("--", first + 1)
    lld, *before = words[:first]
    after, wanted = words[first + 1 : second], words[second + 1 :]
    os.execv(lld, [lld, *before, *translated(wanted), *after])


if __name__ == "__main__":
    main()
