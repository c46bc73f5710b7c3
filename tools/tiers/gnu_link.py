"""Links for Windows with the libraries of MinGW that zig brings.

`maturin build --zig` does the same, but asks for the export of `PyInit_mmap_rs._mmap_rs`, a name that no
module inside a package has (seen in maturin 1.16.0). So zig is called here in maturin's way, with what rustc
itself asks for. Three more things need help. rustc lists the exports in a file that it names in a way only
GNU's linker knows. Debian's Rust names two libraries more than Rust's own, GCC's guard of the stack:
`-lssp_nonshared -lssp`. Nothing is compiled with that guard here, and zig has no libraries of these names:
empty ones are made. And on 32 bits llvm-dlltool takes the first underscore from names that have one of their
own, so that a module would ask for `Py_NoneStruct` (seen in LLVM 22): there it is GNU's dlltool.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import debian
import linker_program
import programs
import rust
from work import Work

EMPTY = ("ssp", "ssp_nonshared")
# zig's names of the targets.
ZIG = {
    "x86_64-pc-windows-gnu": "x86_64-windows-gnu",
    "i686-pc-windows-gnu": "x86-windows-gnu",
    "aarch64-pc-windows-gnullvm": "aarch64-windows-gnu",
}


def _libraries(work: Work) -> Path:
    zig: list[str | Path] = [programs.python(work), "-m", "ziglang"]
    env = programs.zig_env(work)

    def make(folder: Path) -> None:
        for name in EMPTY:
            archive = f"lib{name}.a"
            work.run([*zig, "ar", "rcs", archive], log="gnu-libraries", env=env, cwd=folder)

    return work.once("gnu-libraries", " ".join((*EMPTY, *programs.REQUIREMENTS)), make)


def linker(work: Work, triple: str) -> Path:
    """Return a program that links for Windows."""
    python = programs.python(work)
    maturin = python.with_name("maturin")
    command: list[str | Path] = ["env", f"ZIG_COMMAND={python} -m ziglang"]
    command += [sys.executable, Path(__file__).resolve()]
    command += [maturin, "zig", "cc", "--", "-g", "-fno-sanitize=all", "-target", ZIG[triple]]
    return linker_program.written(work, triple, command, [f"-L{_libraries(work)}"])


def tools(work: Work, triple: str) -> Path:
    """Return a folder with the maker of import libraries under the name by which rustc asks for it."""
    processor = triple.partition("-")[0]
    if processor == "i686":
        packages = ["binutils-mingw-w64-i686"]
        return debian.unpacked(work, "binutils", rust.RELEASE, "x86_64", packages) / "usr" / "bin"
    folder = work.folder(f"linker/{triple}/tools")
    name = folder / f"{processor}-w64-mingw32-dlltool"
    name.unlink(missing_ok=True)
    name.symlink_to(rust.linker(work, "llvm-dlltool"))
    return folder


def translated(words: list[str]) -> list[str]:
    """Return the words for zig: a list of exports is a file like others."""
    return [word.removeprefix("-Wl,") if word.endswith(".def") else word for word in words]


if __name__ == "__main__":
    os.execv(sys.argv[1], translated(sys.argv[1:]))
