"""What a wheel must be like, by target: its tag, what it needs, what it brings, how it is laid out.

Tools of the registry know the rules of one system each (auditwheel, delocate, abi3audit), and none those of
FreeBSD and phones. A wheel that can't be run here is held to the same rules as one that can.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools import inspect_wheel
from tools.tiers import programs
from tools.tiers.android_link import python_library
from tools.tiers.targets import Target, systems
from tools.tiers.work import Failed

# lief's names of processors, where they are not zig's.
MACHINES = {"aarch64": "ARM64", "riscv64": "RISCV", "s390x": "S390"}
# What Rust and zig's linker export of their own: that one takes no list of what is to be exported for macOS.
LEFTOVERS = ("_RN", "__dso_handle", "_mh_dylib_header", "rust_eh_personality")
# How Python's names begin.
OURS = ("Py", "_Py")
# The newest of the interpreters' interface that a kind of wheel may use.
NEWEST = {"abi3-py311": (3, 11), "abi3t-py315": (3, 15)}


@dataclass(frozen=True)
class Import:
    """A name that must be found at loading, with its version and library where the format tells them."""

    name: str
    version: str = ""
    library: str = ""
    # Asked for only if it is there.
    weak: bool = False


@dataclass
class Module:
    """A compiled module. Empty texts and sets mean that its format has no such thing."""

    kind: str = ""
    machine: str = ""
    needed: set[str] = field(default_factory=set[str])
    imports: set[Import] = field(default_factory=set[Import])
    exports: set[str] = field(default_factory=set[str])
    # Bytes to which what is loaded is aligned: the largest page size that it can be loaded with.
    alignment: int = 0
    # Of Apple's systems: which of them, its oldest version, the name that it has as a library.
    platform: str = ""
    minimum: str = ""
    install_name: str = ""
    # Things that a system refuses or that weaken it: an executable stack, relocated code and the like.
    faults: set[str] = field(default_factory=set[str])


def layout_problems(module: Module, target: Target, python: str) -> list[str]:
    """Check the format, the processor, and what the system asks of a module's layout."""
    system, processor = systems()[target.system], programs.processor(target.triple)
    machine = MACHINES.get(processor, processor.upper())
    page = system.get("page_arm64" if machine == "ARM64" else "page", system.get("page", 4096))
    # What Python calls first. PEP 793: modules for abi3t have another entry.
    entry = f"{'PyModExport' if python.startswith('abi3t') else 'PyInit'}__mmap_rs"
    others = sorted(module.exports - {entry})
    if target.system == "macos" and target.local.link == "zig":
        others = [name for name in others if not name.startswith(LEFTOVERS)]
    checks = [
        (module.kind != system["format"], f"it is {module.kind}, not {system['format']}"),
        (module.machine != machine, f"it is for {module.machine}, not {machine}"),
        (module.alignment < page, f"aligned to {module.alignment}: pages of {page} can't hold it"),
        (entry not in module.exports, f"it does not export {entry}"),
        (bool(others), f"it exports more than {entry}: {', '.join(others[:5])}"),
    ]
    usual = re.compile(system["libraries"])
    own = {windows_library(python)} if target.system == "windows" else set[str]()
    others = sorted(name for name in module.needed - own if not usual.fullmatch(name))
    return (
        sorted(module.faults)
        + [text for is_wrong, text in checks if is_wrong]
        + [
            f"it needs {name}{whom}"
            for name in others
            for whom in missing(name, target, python, system.get("provider"))
        ]
    )


def name_problems(name: str, python: str) -> list[str]:
    """Check the end of a module's name, by which the Pythons of a kind of wheel find it."""
    kind = python.partition("-")[0]
    ending = rf"{kind}(-[\w-]+)?\.so|pyd"
    if not kind.startswith("abi3"):
        ending = rf"(cpython-|cp){kind[2:]}(-[\w-]+)?\.\w+"
    fits = re.fullmatch(rf"mmap_rs/_mmap_rs\.({ending})", name)
    return [] if fits else [f"no Python that it is for looks for {name}"]


def windows_library(python: str) -> str:
    """Return the library that has Python's names on Windows, for a kind of wheel."""
    if python.startswith("abi3"):
        return f"python3{'t' if python.startswith('abi3t') else ''}.dll"
    return f"{python_library(python).replace('.', '')}.dll"


def missing(
    name: str, target: Target, python: str, providers: Sequence[Mapping[str, Any]] | None
) -> list[str]:
    """Return who does not ship a library that is not the system's own, as ends of a sentence."""
    if providers is None:
        return [""]
    wheel = f"{python}-{target.arch}"
    those = [provider for provider in providers if wheel in provider["wheels"]]
    nobody = [] if those else [f", and nobody ships a Python for {wheel}"]
    own = python_library(python)
    lacking = [it["name"] for it in those if name not in {text.format(own) for text in it["libraries"]}]
    return nobody + [f", which {provider} does not ship" for provider in lacking]


def python_problem(entry: Import, python: str, stable: Mapping[str, tuple[int, int]]) -> str:
    """Say what is wrong with a name of Python's: not in the stable ABI, or not yet in the oldest Python."""
    if python not in NEWEST:
        return ""
    if entry.name not in stable:
        return f"{entry.name} does not belong to the stable ABI"
    if stable[entry.name] > NEWEST[python]:
        major, minor = stable[entry.name]
        return f"{entry.name} came with Python {major}.{minor} only"
    return ""


def system_problem(entry: Import, module: Module, target: Target, known: frozenset[str]) -> str:
    """Say what is wrong with another name: in no library of the system's, or too new for the tag."""
    system = systems()[target.system]
    if target.system in {"linux", "freebsd"}:
        is_known = bool(entry.version) or system.get("elsewhere", {}).get(entry.name) in module.needed
    elif target.system in {"macos", "ios", "windows"}:
        is_known = bool(entry.library)
    else:
        is_known = not known or entry.name in known
    if not is_known and not entry.weak:
        return f"{entry.name} is not known to be in a library of the system's"
    since = re.match(r"GLIBC_(\d+)\.(\d+)", entry.version)
    oldest = re.match(r"manylinux_(\d+)_(\d+)_", target.tag)
    if since and oldest and tuple(map(int, since.groups())) > tuple(map(int, oldest.groups())):
        return f"{entry.name} came with glibc {since[1]}.{since[2]}, after the tag's"
    newer: dict[str, str] = system.get("newer", {})
    if entry.name in newer and not entry.weak:
        return f"{entry.name} came with {newer[entry.name]}, after the tag's"
    return ""


def system_problems(module: Module, target: Target, python: str) -> list[str]:
    """Check what single systems ask for."""
    found: list[str] = []
    unwinds = any(entry.name.startswith("_Unwind_") for entry in module.imports)
    if target.system == "linux" and not unwinds:
        found.append("it brings an unwinder of its own, which Python's end of threads can't pass")
    libraries = {"android": f"lib{python_library(python)}.so", "windows": windows_library(python)}
    library = libraries.get(target.system)
    if library and library not in module.needed:
        found.append(f"it does not name {library}, so that no name of Python's is found")
    platform = minimum = ""
    if tag := re.match(r"(macosx|ios)_(\d+)_(\d+)_", target.tag):
        simulator = "_SIMULATOR" if target.arch.endswith("simulator") else ""
        platform, minimum = f"{target.system.upper()}{simulator}", f"{tag[2]}.{tag[3]}"
    if module.platform != platform:
        found.append(f"it is for {module.platform or 'no system'}, not {platform}")
    if module.minimum != minimum:
        found.append(f"it asks for version {module.minimum}, its tag for {minimum}")
    name = module.install_name
    if target.system == "ios" and not name.startswith("@rpath/"):
        found.append(f"its name as a library is {name!r}: an app can't embed it")
    if name.startswith("/"):
        found.append(f"its name as a library holds a folder of this machine: {name}")
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
    found = layout_problems(module, target, python) + system_problems(module, target, python)
    for entry in sorted(module.imports, key=lambda entry: entry.name):
        if entry.name.startswith(OURS):
            found.append(python_problem(entry, python, stable))
        else:
            found.append(system_problem(entry, module, target, known))
    of_python = [entry.name for entry in module.imports if entry.name.startswith(OURS)]
    if python not in NEWEST and all(stable.get(name, (4,)) <= (3, 11) for name in of_python):
        found.append(f"it is not made for {python}: it uses the stable ABI of 3.11 only")
    return [text for text in found if text]


def inspect(wheel: Path, target: Target, python: str, papers: Mapping[str, str] | None = None) -> str:
    """Hold a wheel to the rules and return what was found; `Failed` lists what is wrong with it.

    A released wheel has `papers` of its own, as `inspect_wheel.problems` says.
    """
    # It needs a library; the rules do without.
    from tools.tiers import binaries

    files = inspect_wheel.content(wheel)
    size = wheel.stat().st_size
    found = inspect_wheel.problems(wheel.name, files, size, papers)
    if target.tag not in (tag := wheel.stem.split("-")[-1]).split("."):
        found.append(f"its tag is {tag}, not {target.tag}")
    compiled = [name for name in files if name.endswith((".so", ".pyd"))]
    if len(compiled) != 1:
        raise Failed("\n".join(found))
    module = binaries.read(files[compiled[0]])
    known = programs.musl_names() if target.system == "musl" else frozenset[str]()
    found += name_problems(compiled[0], python)
    found += module_problems(module, target, python, programs.stable_abi(), known)
    if found:
        raise Failed(f"{wheel.name}:\n" + "\n".join(f"    {line}" for line in found))
    ours = sum(entry.name.startswith(OURS) for entry in module.imports)
    symbols = f"{ours} of Python's, {len(module.imports) - ours} of the system's"
    needed = ", ".join(name.rsplit("/", 1)[-1] for name in sorted(module.needed))
    return f"{wheel.name}, {size / 1024:.0f} KiB; symbols: {symbols}; needs {needed}"
