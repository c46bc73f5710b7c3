"""What a module for Android is linked with where there is no NDK: libraries that hold only a name.

A wheel that was linked so shows that the code, the linker's flags and the tag are right. It is never shipped:
the release workflow uses the NDK.
"""

import re
import shutil
from functools import partial
from pathlib import Path

from tools.tiers import programs
from tools.tiers.targets import Target
from tools.tiers.work import Work

# Android's oldest version that is supported, as tiers.toml's tags have it; CPython asks for it too.
API_LEVEL = "24"
# New devices have pages of 16 KiB.
PAGE = 16384
# bionic's libraries that Rust's standard library and this module name. What they hold is not asked for.
LIBRARIES = ("c", "m", "dl", "log")
# zig's unwinder and compiler-rt are made for musl, which calls the place of errno otherwise.
ERRNO = """extern int *__errno(void);
__attribute__((visibility("hidden"))) int *__errno_location(void) { return __errno(); }
"""


def python_library(python: str) -> str:
    """Return the linker's name of Python's library, for a kind of wheel such as cp313.

    Apps ship that of their own version, and none named libpython3.so for all.
    """
    return f"python{python[2]}.{python[3:]}"


def config(target: Target, python: str) -> str:
    """Return what maturin and PyO3 would ask a Python for Android."""
    # Until 3.12 the only builds were Chaquopy's, which leave out the system.
    triple = "" if python == "cp311" else f"-{target.triple}"
    lines = ["implementation=CPython", f"version={python_library(python).removeprefix('python')}"]
    lines += [f"pointer_width={32 if target.arch in {'armeabi_v7a', 'x86'} else 64}"]
    lines += [f"ext_suffix=.cpython-{python.removeprefix('cp')}{triple}.so"]
    return "\n".join(lines) + "\n"


def stubs(work: Work, target: Target, python: str) -> Path:
    """Return a folder to link with: empty libraries of bionic's names, LLVM's unwinder, compiler-rt."""
    abi = "musleabi" if target.arch == "armeabi_v7a" else "musl"
    compile_c = ("cc", "-target", f"{programs.processor(target.triple)}-linux-{abi}", "-fPIC")

    def make(folder: Path) -> None:
        zig = partial(programs.zig, work, log=f"stubs-{target.triple}", folder=folder)
        (folder / "empty.c").write_text("void mmap_rs_stub(void) {}\n", encoding="utf-8")
        (folder / "errno.c").write_text(ERRNO, encoding="utf-8")
        for name in (*LIBRARIES, python_library(python)):
            soname = ("-nostdlib", "-shared", f"-Wl,-soname,lib{name}.so")
            zig(*compile_c, *soname, "empty.c", "-o", f"lib{name}.so")
        zig(*compile_c, "-c", "-Os", "-g0", "errno.c", "-o", "errno.o")
        # zig makes both for what it links itself, and says where they are.
        said = zig(*compile_c, "-shared", "-Os", "-v", "-lunwind", "empty.c", "-o", "both.so")
        for name in ("unwind", "compiler_rt"):
            (found,) = set(re.findall(rf"\S+/lib{name}\.a", said))
            shutil.copyfile(found, folder / f"lib{name}.a")
        zig("ar", "rs", "libunwind.a", "errno.o")

    key = f"7 {programs.versions()} {' '.join(LIBRARIES)}"
    return work.once(f"stubs/{target.triple}-{python}", key, make)


def flags(folder: Path, python: str) -> list[str]:
    """Return rustc's flags, with which lld links for Android with the stubs of a folder."""
    words = [f"-L{folder}", "--hash-style=gnu", "--build-id=sha1", f"-zmax-page-size={PAGE}"]
    # The loader finds Python's names only through a library that the module names.
    words += ["--no-as-needed", f"-l{python_library(python)}", "-ldl", "-lc", f"{folder}/libcompiler_rt.a"]
    words += ["--exclude-libs=libunwind.a:libcompiler_rt.a"]
    return [
        f"-Lnative={folder}",
        "-Clinker=rust-lld",
        "-Clinker-flavor=ld.lld",
        *(f"-Clink-arg={it}" for it in words),
    ]
