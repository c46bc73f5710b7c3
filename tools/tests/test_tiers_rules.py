"""tools/tiers: the rules that wheels are held to."""

from __future__ import annotations

import dataclasses
import re

import pytest

from tools.tiers import inspection
from tools.tiers.inspection import Import, Module
from tools.tiers.targets import Target, find, load, systems

STABLE = {"PyList_New": (3, 2), "PyBuffer_Release": (3, 11), "PyList_GetItemRef": (3, 13)}

UNWIND = Import("_Unwind_Resume", "GCC_3.0")
LINUX = Module(
    kind="ELF",
    machine="X86_64",
    needed={"libc.so.6", "ld-linux-x86-64.so.2"},
    imports=({Import("PyList_New"), Import("malloc", "GLIBC_2.2.5"), Import("gettid", weak=True), UNWIND}),
    exports={"PyInit__mmap_rs"},
    alignment=4096,
)
ANDROID = dataclasses.replace(
    LINUX,
    machine="ARM64",
    needed={"libc.so", "libpython3.13.so"},
    imports={Import("PyList_GetItemRef"), Import("malloc")},
    alignment=16384,
)
IPHONE = Module(
    kind="MACHO",
    machine="ARM64",
    needed={"/usr/lib/libSystem.B.dylib"},
    imports={Import("PyList_New"), Import("malloc", library="/usr/lib/libSystem.B.dylib")},
    exports={"PyInit__mmap_rs"},
    alignment=16384,
    platform="IOS",
    minimum="13.0",
    install_name="@rpath/_mmap_rs.abi3.so",
)
WINDOWS = Module(
    kind="PE",
    machine="X86_64",
    needed={"python3.dll", "kernel32.dll"},
    imports={Import("PyList_New", library="python3.dll")},
    exports={"PyInit__mmap_rs"},
    alignment=4096,
)
GOOD = {
    "x86_64-unknown-linux-gnu": LINUX,
    "aarch64-linux-android": ANDROID,
    "aarch64-apple-ios": IPHONE,
    "x86_64-pc-windows-msvc": WINDOWS,
}


def problems(triple: str, module: Module, known: frozenset[str] = frozenset()) -> list[str]:
    target = find(triple)
    return inspection.module_problems(module, target, target.pythons[0], STABLE, known)


@pytest.mark.parametrize("triple", GOOD)
def test_what_is_right_is_let_through(triple: str) -> None:
    assert problems(triple, GOOD[triple]) == []


@pytest.mark.parametrize(
    ("triple", "change", "said"),
    [
        ("x86_64-unknown-linux-gnu", {"kind": "PE"}, "it is PE, not ELF"),
        ("x86_64-unknown-linux-gnu", {"machine": "X86"}, "it is for X86, not X86_64"),
        ("x86_64-unknown-linux-gnu", {"alignment": 1024}, "pages of 4096 can't hold it"),
        ("aarch64-unknown-linux-gnu", {"machine": "ARM64"}, "pages of 65536 can't hold it"),
        ("x86_64-unknown-linux-gnu", {"exports": set[str]()}, "does not export PyInit__mmap_rs"),
        ("x86_64-unknown-linux-gnu", {"exports": LINUX.exports | {"mine"}}, "exports more than .*: mine"),
        ("x86_64-unknown-linux-gnu", {"needed": {"libssl.so.3"}}, "it needs libssl.so.3"),
        ("x86_64-unknown-linux-gnu", {"faults": {"it asks for an executable stack"}}, "stack"),
        ("aarch64-linux-android", {"alignment": 4096}, "pages of 16384 can't hold it"),
        ("aarch64-linux-android", {"needed": {"libc.so"}}, "does not name libpython3.13.so"),
        # Neither Chaquopy nor CPython's own package puts it into an app.
        (
            "aarch64-linux-android",
            {"needed": {"libc.so", "libpython3.13.so", "libpython3.so"}},
            "libpython3.so, which CPython's .* ship\nit needs libpython3.so, which Chaquopy does not",
        ),
        # One of them does.
        (
            "x86_64-linux-android",
            {"needed": {"libc.so", "libpython3.13.so", "libssl_chaquopy.so"}},
            "libssl_chaquopy.so, which CPython's package for Android does not ship",
        ),
        (
            "armv7-linux-androideabi",
            {"needed": {"libc.so", "libpython3.13.so"}},
            "it needs libpython3.13.so, which Chaquopy does not ship",
        ),
        ("aarch64-apple-ios", {"platform": "IOS_SIMULATOR"}, "it is for IOS_SIMULATOR, not IOS"),
        ("aarch64-apple-ios", {"minimum": "18.0"}, "asks for version 18.0, its tag for 13.0"),
        ("aarch64-apple-ios", {"install_name": ""}, "an app can't embed it"),
        ("aarch64-apple-ios", {"install_name": "/home/me/x.so"}, "a folder of this machine"),
        ("aarch64-apple-ios", {"alignment": 4096}, "pages of 16384 can't hold it"),
        (
            "x86_64-pc-windows-msvc",
            {"needed": {"python3.dll", "libgcc_s_seh-1.dll"}},
            "it needs libgcc_s_seh",
        ),
        # Of one version, or of Pythons without the GIL.
        ("x86_64-pc-windows-msvc", {"needed": {"python3.dll", "python311.dll"}}, "it needs python311.dll"),
        ("x86_64-pc-windows-msvc", {"needed": {"python3t.dll"}}, "it needs python3t.dll\n.*name python3.dll"),
    ],
)
def test_what_is_wrong_is_named(triple: str, change: dict[str, object], said: str) -> None:
    module = dataclasses.replace(GOOD.get(triple, LINUX), **change)  # type: ignore[arg-type]
    assert re.search(said, "\n".join(problems(triple, module)))


@pytest.mark.parametrize(
    ("triple", "entry", "said"),
    [
        ("x86_64-unknown-linux-gnu", Import("PyUnicode_New"), "PyUnicode_New does not belong to the stable"),
        ("x86_64-unknown-linux-gnu", Import("PyList_GetItemRef"), "came with Python 3.13 only"),
        ("x86_64-unknown-linux-gnu", Import("fstat", "GLIBC_2.33"), "fstat came with glibc 2.33"),
        ("x86_64-unknown-linux-gnu", Import("mystery"), "mystery is not known to be in a library"),
        ("aarch64-apple-ios", Import("mystery"), "mystery is not known to be in a library"),
        ("aarch64-linux-android", Import("getrandom"), "getrandom came with API level 28"),
        ("aarch64-apple-ios", Import("_Py_Mine"), "_Py_Mine does not belong to the stable"),
    ],
)
def test_a_name_that_is_not_there_is_found(triple: str, entry: Import, said: str) -> None:
    module = GOOD[triple]
    module = dataclasses.replace(module, imports=module.imports | {entry})
    assert re.search(said, "\n".join(problems(triple, module)))


@pytest.mark.parametrize(
    ("python", "right", "wrong"),
    [
        ("abi3-py311", ["abi3.so", "pyd"], ["abi3t.so", "cpython-311-x86_64-linux-gnu.so", "so"]),
        ("abi3t-py315", ["abi3t.so", "abi3t-x86_64-linux-musl.so", "pyd"], ["abi3.so"]),
        (
            "cp314t",
            ["cpython-314t-darwin.so", "cp314t-win_amd64.pyd"],
            ["cpython-314-darwin.so", "pyd", "abi3.so"],
        ),
        ("cp311", ["cpython-311.so"], ["cpython-313.so"]),
    ],
)
def test_the_end_of_a_modules_name_is_one_that_python_looks_for(
    python: str, right: list[str], wrong: list[str]
) -> None:
    found = {end: inspection.name_problems(f"mmap_rs/_mmap_rs.{end}", python) for end in [*right, *wrong]}
    assert [end for end, problem in found.items() if problem] == wrong


def test_linux_uses_the_unwinder_that_ends_threads() -> None:
    module = dataclasses.replace(LINUX, imports=LINUX.imports - {UNWIND})
    assert re.search("an unwinder of its own", "\n".join(problems("x86_64-unknown-linux-gnu", module)))


def test_android_may_ask_for_what_newer_ones_have() -> None:
    weak = ANDROID.imports | {Import("getrandom", weak=True)}
    assert problems("aarch64-linux-android", dataclasses.replace(ANDROID, imports=weak)) == []


def test_names_without_versions_are_looked_up_where_they_are_listed() -> None:
    names = LINUX.imports - {UNWIND}
    musl = dataclasses.replace(LINUX, needed={"libc.so"}, imports=names)
    assert problems("x86_64-unknown-linux-musl", musl, frozenset({"malloc"})) == []
    found = problems("x86_64-unknown-linux-musl", musl, frozenset({"free"}))
    assert found == ["malloc is not known to be in a library of the system's"]


def test_freebsd_has_a_library_without_versions() -> None:
    names = {Import("kinfo_getvmmap"), Import("malloc", "FBSD_1.0")}
    module = dataclasses.replace(LINUX, needed={"libutil.so.9"}, imports=names)
    assert problems("x86_64-unknown-freebsd", module) == []
    module = dataclasses.replace(module, needed={"libc.so.7"})
    assert problems("x86_64-unknown-freebsd", module) == [
        "kinfo_getvmmap is not known to be in a library of the system's"
    ]


def test_a_module_for_abi3t_has_an_entry_of_its_own() -> None:
    target = find("x86_64-unknown-linux-gnu")
    module = dataclasses.replace(LINUX, exports={"PyModExport__mmap_rs"})
    assert inspection.layout_problems(module, target, "abi3t-py315") == []
    found = "\n".join(inspection.layout_problems(module, target, "cp314t"))
    assert "does not export PyInit__mmap_rs" in found
    assert "exports more than PyInit__mmap_rs: PyModExport__mmap_rs" in found


@pytest.mark.parametrize(
    ("python", "library"),
    [("abi3-py311", "python3.dll"), ("abi3t-py315", "python3t.dll"), ("cp314t", "python314t.dll")],
)
def test_on_windows_each_kind_of_wheel_has_its_library(python: str, library: str) -> None:
    target = find("x86_64-pc-windows-msvc")
    entry = "PyModExport__mmap_rs" if python.startswith("abi3t") else "PyInit__mmap_rs"
    module = dataclasses.replace(WINDOWS, needed={library, "kernel32.dll"}, exports={entry})
    if python == "cp314t":
        module.imports = {Import("PyList_GetItemRef", library=library)}
    assert inspection.module_problems(module, target, python, STABLE) == []
    module.needed.remove(library)
    (said,) = inspection.module_problems(module, target, python, STABLE)
    assert said == f"it does not name {library}, so that no name of Python's is found"


def test_a_module_for_the_stable_abi_is_not_one_for_a_single_python() -> None:
    target = find("x86_64-unknown-linux-gnu")
    (said,) = inspection.module_problems(LINUX, target, "cp314t", STABLE)
    assert said == "it is not made for cp314t: it uses the stable ABI of 3.11 only"
    module = dataclasses.replace(LINUX, imports={*LINUX.imports, Import("PyList_GetItemRef")})
    assert inspection.module_problems(module, target, "cp314t", STABLE) == []


def test_nobody_ships_a_python_of_32_bits_for_newer_androids() -> None:
    target = find("i686-linux-android")
    module = dataclasses.replace(ANDROID, needed={"libc.so", "libpython3.13.so"})
    found = inspection.module_problems(module, target, "cp313", STABLE)
    assert "it needs libpython3.13.so, and nobody ships a Python for cp313-x86" in found


@pytest.mark.parametrize("target", [it for it in load() if it.system == "android"])
def test_somebody_ships_a_python_for_every_wheel(target: Target) -> None:
    shipped = {wheel for it in systems()["android"]["provider"] for wheel in it["wheels"]}
    assert {f"{kind}-{target.arch}" for kind in target.pythons} <= shipped
