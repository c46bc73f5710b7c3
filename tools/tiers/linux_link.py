"""Lets a module that zig links use the system's unwinder, libgcc_s.so.1, as one that GCC links does.

zig would put LLVM's unwinder into the module. glibc ends a thread (as Python until 3.13 does with daemon
threads) by unwinding it with libgcc_s, which calls the module's personality function for each frame. That
would hand libgcc_s's notes to LLVM's unwinder, which reads them as its own: SIGSEGV. So the module must name
libgcc_s, which all these systems have. The linker needs its functions' names and versions only.
"""

import hashlib
import subprocess
from pathlib import Path

from tools.tiers import programs

# Since when libgcc_s has what Rust's standard library may call, by the processor.
COMMON = {
    "GCC_3.0": "_Unwind_DeleteException _Unwind_GetDataRelBase _Unwind_GetLanguageSpecificData "
    "_Unwind_GetRegionStart _Unwind_GetTextRelBase _Unwind_RaiseException _Unwind_Resume",
    "GCC_3.3": "_Unwind_GetCFA _Unwind_Resume_or_Rethrow",
}
DWARF = {
    "GCC_3.0": "_Unwind_GetGR _Unwind_GetIP _Unwind_SetGR _Unwind_SetIP",
    "GCC_3.3": "_Unwind_Backtrace _Unwind_FindEnclosingFunction",
    "GCC_4.2.0": "_Unwind_GetIPInfo",
}
# 32-bit ARM has exception tables of its own kind.
ARM = {
    "GCC_3.5": "_Unwind_VRS_Get _Unwind_VRS_Set __aeabi_unwind_cpp_pr0 __aeabi_unwind_cpp_pr1 "
    "__aeabi_unwind_cpp_pr2 __gnu_unwind_frame",
    "GCC_4.3.0": "_Unwind_Backtrace",
}
# zig has no `__clear_cache` for this processor, where it has nothing to do.
S390X = {"GCC_3.0": "__clear_cache"}


def versions(triple: str) -> dict[str, list[str]]:
    """Return the functions of libgcc_s on a target, by the version that they came with."""
    parts = [COMMON, ARM if triple.startswith("arm") else DWARF]
    parts += [S390X] if triple.startswith("s390x") else []
    names = sorted({name for part in parts for name in part})
    return {name: " ".join(part.get(name, "") for part in parts).split() for name in names}


def flags(triple: str, folder: Path, python: Path) -> list[str]:
    """Return what to tell rustc, and make the library for it in `folder`; nothing where glibc is not.

    `python` is the Python that has zig.
    """
    _, _, system = triple.partition("-unknown-")
    if not system.startswith("linux-gnu"):
        return []
    wanted = versions(triple)
    # With other functions it is another folder, as Cargo links anew only for what it can see.
    folder /= hashlib.sha256(repr(wanted).encode()).hexdigest()[:8]
    folder.mkdir(parents=True, exist_ok=True)
    source, script = folder / "empty.c", folder / "versions.txt"
    functions = [name for names in wanted.values() for name in names]
    source.write_text("".join(f"void {name}(void) {{}}\n" for name in functions), encoding="utf-8")
    text, before = "", ""
    for version, names in wanted.items():
        text += f"{version} {{ global: {' '.join(f'{name};' for name in names)} }}{before};\n"
        before = f" {version}"
    script.write_text(text, encoding="utf-8")
    # Not by the name libgcc_s.so: the linker's wrapper would put LLVM's unwinder in its place.
    library = folder / "libunwinder.so"
    command = ["-m", "ziglang", "cc", "-target", f"{programs.processor(triple)}-{system}", "-w"]
    command += ["-shared", "-nostdlib", "-fno-builtin", "-Wl,-soname,libgcc_s.so.1"]
    command += [f"-Wl,--version-script={script}", "-o", str(library), str(source)]
    subprocess.run([str(python), *command], check=True)
    return [f"-Lnative={folder}", "-ldylib=unwinder"]
