"""What stands for Microsoft's libraries where they can't be had: lists of the names in Windows' libraries.

zig brings such lists, and windows-start.c is in the place of Microsoft's own code. cargo-xwin, which maturin
runs for Windows, takes the folder for one that it has filled itself. A wheel that was linked so keeps to
Microsoft's conventions, and runs under Wine. It is never shipped: the release workflow uses their linker.
"""

import re
from functools import partial
from pathlib import Path

from tools.tiers import programs, rust
from tools.tiers.targets import Target
from tools.tiers.work import Work

SOURCE = Path(__file__).with_name("windows-start.c")
LIBRARIES = ("dbghelp", "kernel32", "ntdll", "userenv", "ws2_32", "ucrtbase", "vcruntime140")
# What Microsoft's own code would ask rustc's linker for. Some functions are both zig's and Rust's own.
ASKED = ("/DEFAULTLIB:ucrtbase", "/DEFAULTLIB:vcruntime140", "/FORCE:MULTIPLE")
FLAGS = [f"-Clink-arg={word}" for word in ASKED]
MACHINES = {"x86_64": "i386:x86-64", "x86": "i386", "aarch64": "arm64"}


def sdk(work: Work, target: Target) -> Path:
    """Return a folder that stands for Microsoft's SDK."""
    processor = programs.processor(target.triple)
    sources = programs.zig_folder() / "lib"
    mingw = sources / "libc" / "mingw"
    common = mingw / "lib-common"

    def make(made: Path) -> None:
        folder = made / "xwin" / "crt" / "lib" / processor
        folder.mkdir(parents=True)
        (made / "xwin" / "DONE").write_text(f"{processor}\n", encoding="ascii")

        zig = partial(programs.zig, work, log=f"windows-{processor}", folder=folder)
        expand = ("cc", "-target", f"{processor}-windows-gnu", "-E", "-P", "-w", "-xc")
        make_list = ("dlltool", "-k", "-m", MACHINES[processor])
        for name in LIBRARIES:
            places = [mingw / "lib32" / f"{name}.def"] if processor == "x86" else []
            places += [common / f"{name}.def", common / f"{name}.def.in"]
            source = next(path for path in places if path.is_file())
            including = (f"-I{common}", f"-I{mingw / 'def-include'}")
            zig(*expand, *including, source, "-o", f"{name}.def")
            # Marks of how a function is called are for 32 bits, where -k takes them away.
            listed = (folder / f"{name}.def").read_text(encoding="utf-8")
            plain = listed if processor == "x86" else re.sub(r"(?<=\w)@\d+", "", listed)
            (folder / f"{name}.def").write_text(plain, encoding="utf-8")
            zig(*make_list, "-d", f"{name}.def", "-l", f"{name}.lib")
        target = ("-target", f"{processor}-windows-msvc")
        free = ("-ffreestanding", "-fno-stack-check", "-fno-sanitize=all", "-O1", "-w")
        zig("cc", *target, *free, "-c", SOURCE, "-o", "start.obj")
        options = ("-O", "ReleaseSmall", "-fno-stack-check", "--name", "rt", "-femit-bin=rt.lib")
        zig("build-lib", sources / "compiler_rt.zig", *target, *options)
        zig("lib", "/out:msvcrt.lib", "start.obj", "rt.lib")
        for empty in ("oldnames", "legacy_stdio_definitions"):
            zig("lib", "/llvmlibempty", f"/out:{empty}.lib")

    key = f"2 {programs.versions()} {' '.join(LIBRARIES)} {SOURCE.read_text()}"
    return work.once(f"stubs/{target.triple}", key, make)


def environment(work: Work, target: Target) -> dict[str, str]:
    """Return the environment in which maturin and Cargo link for Windows."""
    folder, processor = sdk(work, target), programs.processor(target.triple)
    return {
        "XWIN_CACHE_DIR": str(folder),
        "XWIN_ARCH": processor,
        "LIB": str(folder / "xwin" / "crt" / "lib" / processor),
        rust.variable(target, "LINKER"): "rust-lld",
    }
