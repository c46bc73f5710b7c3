"""What a module for Android is linked with where there is no NDK: libraries that hold only a name.

A wheel that was linked so shows that the code, the linker's flags and the tag are right. It is never shipped:
the release workflow uses the NDK.
"""

from __future__ import annotations

from pathlib import Path

import lld_as_cc
import programs
from targets import Target
from work import Work

# Android's oldest version that is supported, as tiers.toml's tags have it; CPython asks for it too.
API_LEVEL = "24"
# A number for how the libraries below are made.
EDITION = 4
# New devices have pages of 16 KiB.
PAGE = 16384

# bionic's libraries that Rust's standard library and this module name. What they hold is not asked for.
LIBRARIES = ("c", "m", "dl", "log", "python3")

# zig's names of the targets: of bionic's kind, and with headers to compile with.
ZIG = {
    "aarch64-linux-android": ("aarch64-linux-android", "aarch64-linux-musl", ""),
    "armv7-linux-androideabi": ("arm-linux-androideabi", "arm-linux-musleabi", "-mcpu=generic+v7a"),
    "x86_64-linux-android": ("x86_64-linux-android", "x86_64-linux-musl", ""),
    "i686-linux-android": ("x86-linux-android", "x86-linux-musl", ""),
}

UNWINDER = ("libunwind.cpp", "Unwind-EHABI.cpp")
UNWINDER_C = (
    "UnwindLevel1.c",
    "UnwindLevel1-gcc-ext.c",
    "UnwindRegistersRestore.S",
    "UnwindRegistersSave.S",
)
# The headers that are at hand are musl's, which call the place of errno otherwise.
ERRNO = """extern int *__errno(void);
__attribute__((visibility("hidden"))) int *__errno_location(void) { return __errno(); }
"""


def stubs(work: Work, target: Target) -> Path:
    """Return a folder to link with: empty libraries of bionic's names, LLVM's unwinder, compiler-rt."""
    python = programs.python(work)
    bionic, headers, cpu = ZIG[target.triple]

    def make(folder: Path) -> None:
        zig: list[str | Path] = [python, "-m", "ziglang"]
        sources = programs.zig_folder(work) / "lib"
        unwind = sources / "libunwind"
        env = programs.zig_env(work)
        log = f"stubs-{target.triple}"

        def run(*words: str | Path) -> None:
            given = [word for word in words if word]
            work.run([*zig, *given], log=log, env=env, cwd=folder)

        (folder / "empty.c").write_text("void mmap_rs_stub(void) {}\n", encoding="utf-8")
        (folder / "errno.c").write_text(ERRNO, encoding="utf-8")
        common = ("-target", headers, cpu, "-fPIC")
        for name in LIBRARIES:
            soname = f"-Wl,-soname,lib{name}.so"
            run("cc", *common, "-nostdlib", "-shared", soname, "empty.c", "-o", f"lib{name}.so")
        flags = [*common, "-c", "-Os", "-g0", "-DNDEBUG", "-D_LIBUNWIND_IS_NATIVE_ONLY"]
        flags += ["-fvisibility=hidden", "-fno-sanitize=all", f"-I{unwind / 'include'}"]
        flags += ["-ffunction-sections", "-fdata-sections"]
        for name in UNWINDER:
            plain = ("-nostdlib++", "-fno-exceptions", "-fno-rtti")
            run("c++", *flags, *plain, unwind / "src" / name, "-o", f"{name}.o")
        for name in UNWINDER_C:
            run("cc", *flags, "-fexceptions", unwind / "src" / name, "-o", f"{name}.o")
        run("cc", *flags, "errno.c", "-o", "errno.c.o")
        objects = sorted(path.name for path in folder.glob("*.o"))
        run("ar", "rcs", "libunwind.a", *objects)
        build = ("build-lib", sources / "compiler_rt.zig", "-target", bionic)
        # zig makes one object of it; so that the linker takes what is called, not all of it.
        options = ("-O", "ReleaseSmall", "-fPIC", "-fno-stack-check", "--name", "builtins")
        sections = ("-ffunction-sections", "-fdata-sections")
        run(*build, *options, *sections, "-femit-bin=libbuiltins.a")

    key = f"{' '.join(programs.REQUIREMENTS)} {' '.join(LIBRARIES)}"
    return work.once(f"stubs/{target.triple}-{EDITION}", key, make)


def linker(work: Work, target: Target, lld: Path) -> Path:
    """Return a program that links for Android."""
    folder = stubs(work, target)
    before = [f"-L{folder}", "--hash-style=gnu", "--build-id=sha1", f"-zmax-page-size={PAGE}"]
    # The loader finds Python's names only through a library that the module names.
    after = ["--no-as-needed", "-lpython3", "-ldl", "-lc", str(folder / "libbuiltins.a")]
    after.append("--exclude-libs=libunwind.a:libbuiltins.a")
    return lld_as_cc.program(work, target, lld, before, after)
