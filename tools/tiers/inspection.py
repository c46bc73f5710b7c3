"""What a wheel must be like, by target: its tag, what it needs, what it brings, how it is laid out.

tools/inspect_wheel.py has the rules for the files of all wheels. A wheel that can't be run here is held to
the same rules as one that can.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from android_link import PAGE as ANDROID_PAGE
from modules import Module
from targets import ROOT, Target
from work import Failed

sys.path.append(str(ROOT / "tools"))

import inspect_wheel

# What Python calls first, by the kind of wheel. PEP 793: modules for abi3t have another entry.
ENTRIES = {
    "abi3-py311": "PyInit__mmap_rs",
    "cp314t": "PyInit__mmap_rs",
    "abi3t-py315": "PyModExport__mmap_rs",
}

# A tag's architecture as the formats name it.
MACHINES = {
    "x86_64": "X86_64",
    "amd64": "X86_64",
    "i686": "I386",
    "x86": "I386",
    "i386": "I386",
    "aarch64": "AARCH64",
    "armv7l": "ARM",
    "arm64_v8a": "AARCH64",
    "armeabi_v7a": "ARM",
    "riscv64": "RISCV",
    "s390x": "S390",
}
MACH_O = {"x86_64": "X86_64", "arm64": "ARM64"}
PE = {"x86_64": "AMD64", "i686": "I386", "arm64": "ARM64"}
# The largest pages that Linux and Android have with each processor: a module must be loadable with those.
PAGES = {"AARCH64": 65536}
APPLE_PAGES = {"X86_64": 4096, "ARM64": 16384}

# The libraries that belong to a system, and that this module may need. Others would have to come with it.
LIBRARIES = {
    "linux": r"lib(c|m|dl|rt|pthread)\.so\.\d|ld-linux[\w-]*\.so\.\d|ld64\.so\.\d|libgcc_s\.so\.1",
    "musl": r"libc\.so",
    "freebsd": r"lib(c|thr|gcc_s|m|rt|util|execinfo|kvm|memstat|procstat|devstat)\.so\.\d",
    "android": r"lib(c|m|dl|log|python3)\.so",
    "macos": r"/usr/lib/lib(System\.B|iconv\.2|charset\.1|objc\.A)\.dylib",
    "ios": r"/usr/lib/lib(System\.B|iconv\.2|objc\.A)\.dylib|@rpath/Python\.framework/Python",
    "windows": r"python3t?\.dll|(kernel32|ntdll|advapi32|bcryptprimitives|userenv|ws2_32)\.dll"
    r"|(msvcrt|ucrtbase|vcruntime140)\.dll|api-ms-win-(core|crt)-[\w-]+\.dll",
}
# What Rust and the linker have of their own.
LEFTOVERS = ("_RN", "__dso_handle", "_mh_dylib_header", "rust_eh_personality")
# The versions of the interpreters' interface that a kind of wheel may use.
NEWEST = {"abi3-py311": (3, 11), "abi3t-py315": (3, 15)}


@dataclass(frozen=True)
class Report:
    """What was found about a wheel, for the table."""

    name: str
    size: int
    python_symbols: int
    system_symbols: int
    needed: tuple[str, ...]

    def __str__(self) -> str:
        needed = ", ".join(path.rsplit("/", 1)[-1] for path in self.needed)
        symbols = f"{self.python_symbols} of Python's, {self.system_symbols} of the system's"
        return f"{self.name}, {self.size / 1024:.0f} KiB; symbols: {symbols}; needs {needed}"


def _is_python(name: str) -> bool:
    return name.startswith(("Py", "_Py"))


def python_problems(
    module: Module, python: str, stable: Mapping[str, tuple[int, int]]
) -> list[str]:
    """Name what the stable ABI has not, or not yet in the oldest Python that the wheel is for."""
    if python not in NEWEST:
        return []
    found: list[str] = []
    for name in sorted(entry.name for entry in module.imports if _is_python(entry.name)):
        if name not in stable:
            found.append(f"{name} does not belong to the stable ABI")
        elif stable[name] > NEWEST[python]:
            major, minor = stable[name]
            found.append(f"{name} came with Python {major}.{minor} only")
    return found


def glibc_problems(module: Module, tag: str) -> list[str]:
    """Name what is newer in glibc than the tag says."""
    wanted = re.fullmatch(r"manylinux_(\d+)_(\d+)_\w+", tag)
    if wanted is None:
        return [f"the tag {tag} names no version of glibc"]
    oldest = (int(wanted[1]), int(wanted[2]))
    found: list[str] = []
    for entry in sorted(module.imports, key=lambda entry: entry.name):
        version = re.fullmatch(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?", entry.version)
        if version is not None and (int(version[1]), int(version[2])) > oldest:
            found.append(f"{entry.name} came with glibc {version[1]}.{version[2]}, after the tag's")
    return found


def unresolved(module: Module, target: Target, known: frozenset[str]) -> list[str]:
    """Name what no library of the system is known to have; `known` is of a C library without versions."""
    names: list[str] = []
    for entry in module.imports:
        if _is_python(entry.name):
            continue
        if target.system in {"linux", "freebsd"}:
            is_known = bool(entry.version) or entry.name in WEAK
            is_known |= UNVERSIONED.get(entry.name) in module.needed
        elif target.system in {"macos", "ios", "windows"}:
            is_known = bool(entry.library)
        else:
            is_known = not known or entry.name in known or entry.name in WEAK
        if not is_known:
            names.append(entry.name)
    return [f"{name} is not known to be in a library of the system's" for name in sorted(names)]


# FreeBSD's libutil gives its names no versions.
UNVERSIONED = {"kinfo_getvmmap": "libutil.so.9"}

# Asked for only if they are there: by the compiler's start-up code, and by Rust's standard library.
WEAK = {
    "__gmon_start__",
    "_ITM_deregisterTMCloneTable",
    "_ITM_registerTMCloneTable",
    "__cxa_finalize",
    "__cxa_thread_atexit_impl",
    "gettid",
    "statx",
    "getrandom",
    "__pthread_get_minstack",
    "gnu_get_libc_version",
    "copy_file_range",
    "posix_spawn_file_actions_addchdir_np",
}


# What bionic has only since a later Android than the oldest that the tags name, API level 24.
NEWER_IN_BIONIC = {
    "aligned_alloc": 28,
    "copy_file_range": 34,
    "getrandom": 28,
    "memfd_create": 30,
    "posix_spawn": 28,
    "pthread_getname_np": 26,
    "statx": 30,
}


def android_problems(module: Module) -> list[str]:
    """Check what Android's loader looks for."""
    found = [
        f"{entry.name} came with API level {NEWER_IN_BIONIC[entry.name]}, after the tag's"
        for entry in sorted(module.imports, key=lambda entry: entry.name)
        if entry.name in NEWER_IN_BIONIC and not entry.weak
    ]
    if "libpython3.so" not in module.needed:
        found.append("it does not name libpython3.so, so that no name of Python's is found")
    return found


def layout_problems(module: Module, target: Target, python: str) -> list[str]:
    """Check the format, the processor, and what the system asks of a module's layout."""
    found = [f"{text}" for text in sorted(module.faults)]
    if target.system in {"macos", "ios"}:
        arch = target.arch.removesuffix("_iphoneos").removesuffix("_iphonesimulator")
        kind, machine = "Mach-O", MACH_O[arch]
        page = APPLE_PAGES[machine]
    elif target.system == "windows":
        kind, machine, page = "PE", PE[target.arch], 4096
    else:
        kind, machine = "ELF", MACHINES[target.arch]
        page = ANDROID_PAGE if target.system == "android" else PAGES.get(machine, 4096)
    if module.kind != kind:
        found.append(f"it is {module.kind}, not {kind}")
    if module.machine != machine:
        found.append(f"it is for {module.machine}, not {machine}")
    if module.alignment < page:
        found.append(f"it is aligned to {module.alignment} bytes: pages of {page} can't hold it")
    entry = ENTRIES[python]
    if entry not in module.exports:
        found.append(f"it does not export {entry}")
    others = sorted(name for name in module.exports if name != entry)
    if target.system == "macos" and target.local.link == "zig":
        # zig's linker for macOS takes no list of what is to be exported; Apple's does.
        others = [name for name in others if not name.startswith(LEFTOVERS)]
    if others:
        found.append(f"it exports more than {entry}: {', '.join(others[:5])}")
    allowed = re.compile(LIBRARIES[target.system])
    found += [f"it needs {name}" for name in sorted(module.needed) if not allowed.fullmatch(name)]
    return found


def apple_problems(module: Module, target: Target) -> list[str]:
    """Check which of Apple's systems it is for, from which version on, and its name as a library."""
    version = re.match(r"(?:macosx|ios)_(\d+)_(\d+)_", target.tag)
    minimum = f"{version[1]}.{version[2]}" if version is not None else ""
    platform = "MACOS"
    if target.system == "ios":
        platform = "IOS_SIMULATOR" if target.arch.endswith("simulator") else "IOS"
    found: list[str] = []
    if module.platform != platform:
        found.append(f"it is for {module.platform or 'no system'}, not {platform}")
    if module.minimum != minimum:
        found.append(f"it asks for version {module.minimum}, its tag for {minimum}")
    if target.system == "ios" and not module.install_name.startswith("@rpath/"):
        found.append(f"its name as a library is {module.install_name!r}: an app can't embed it")
    if module.install_name.startswith("/"):
        found.append(f"its name as a library holds a folder of this machine: {module.install_name}")
    return found


def module_problems(
    module: Module,
    target: Target,
    python: str,
    stable: Mapping[str, tuple[int, int]],
    known: frozenset[str] = frozenset(),
) -> list[str]:
    """List what is wrong with a compiled module.

    `stable` has the stable ABI's names with the Python that they came with, `known` those of a C library
    without versions.
    """
    found = layout_problems(module, target, python)
    found += python_problems(module, python, stable)
    found += unresolved(module, target, known)
    if target.system == "linux":
        found += glibc_problems(module, target.tag)
        if not any(entry.name.startswith("_Unwind_") for entry in module.imports):
            found.append(
                "it brings an unwinder of its own, which Python's end of threads can't pass"
            )
    if target.system in {"macos", "ios"}:
        found += apple_problems(module, target)
    if target.system == "android":
        found += android_problems(module)
    return found


def inspect(
    folder: Path, wheel: Path, target: Target, python: str, known: frozenset[str] = frozenset()
) -> Report:
    """Hold a wheel to the rules; `Failed` lists what is wrong with it.

    Its module is put into `folder`. `known` has the names of a C library without versions.
    """
    # They need libraries; the rules do without.
    import binaries
    import stable_abi

    tag = wheel.stem.split("-")[-1]
    files = inspect_wheel.content(wheel)
    found = inspect_wheel.problems(wheel.name, files, wheel.stat().st_size, released=False)
    if target.tag not in tag.split("."):
        found.append(f"its tag is {tag}, not {target.tag}")
    compiled = [name for name in files if name.endswith((".so", ".pyd"))]
    if len(compiled) != 1:
        raise Failed("\n".join(found))
    path = folder / Path(compiled[0]).name
    path.write_bytes(files[compiled[0]])
    module = binaries.read(path)
    found += module_problems(module, target, python, stable_abi.names(), known)
    if found:
        raise Failed(f"{wheel.name}:\n" + "\n".join(f"    {line}" for line in found))
    ours = [entry for entry in module.imports if _is_python(entry.name)]
    return Report(
        name=wheel.name,
        size=wheel.stat().st_size,
        python_symbols=len(ours),
        system_symbols=len(module.imports) - len(ours),
        needed=tuple(sorted(module.needed)),
    )
