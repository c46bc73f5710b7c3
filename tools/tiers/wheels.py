"""Build a target's wheel, and have it inspected."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import android_link
import gnu_link
import ios_link
import linux_link
import msvc_link
import programs
import rust
import tables
from targets import ROOT, Target
from work import Absent, Failed, Work

# What a wheel is made of.
SOURCES = (
    "Cargo.toml",
    "Cargo.lock",
    "pyproject.toml",
    "build.rs",
    "tiers.toml",
    "THIRD-PARTY.md",
)
FOLDERS = ("src", "core/src", "python/mmap_rs", "sbom")
SUFFIXES = {".rs", ".py", ".pyi", ".toml", ".typed", ".json"}

LINKING = {
    "android_link",
    "gnu_link",
    "ios_link",
    "linker_program",
    "linux_link",
    "lld_as_cc",
    "msvc_link",
    "wheels",
}

# The features of Cargo.toml that a kind of wheel has, and the interpreter that stands for it.
FEATURES = {"abi3-py311": ["abi3-py311"], "cp314t": [], "abi3t-py315": ["abi3t-py315"]}
INTERPRETERS = {"abi3-py311": "python3.11", "cp314t": "python3.14t", "abi3t-py315": "python3.15t"}
TESTED = {"": "abi3-py311", "abi3t": "abi3t-py315"}
# Microsoft's linker and libraries are not to be had here: for Windows, zig links with those of MinGW.
LINKED_AS = {
    "x86_64-pc-windows-msvc": "x86_64-pc-windows-gnu",
    "i686-pc-windows-msvc": "i686-pc-windows-gnu",
    "aarch64-pc-windows-msvc": "aarch64-pc-windows-gnullvm",
}
# FreeBSD's tags name a release; maturin would take that of the kernel it runs on.
FREEBSD = "14.2-RELEASE"


def fingerprint(*folders: str) -> str:
    """Return a hash of all that a wheel is made of, and of more folders."""
    paths = [ROOT / name for name in SOURCES]
    paths += [path for path in Path(__file__).parent.glob("*.py") if path.stem in LINKING]
    for folder in (*FOLDERS, *folders):
        found = (ROOT / folder).rglob("*")
        paths += [path for path in found if path.suffix in SUFFIXES]
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.relative_to(ROOT)}\0".encode())
        digest.update(path.read_bytes())
    # Its table tells what came of the tests, which is no reason to do them again.
    digest.update(tables.without((ROOT / "README.md").read_text(encoding="utf-8")).encode())
    digest.update(" ".join(programs.REQUIREMENTS).encode())
    return digest.hexdigest()[:16]


def build(work: Work, target: Target, python: str = "abi3-py311") -> Path:
    """Return the wheel of this tree for a target, built unless the cache has it."""
    if python not in FEATURES:
        raise Absent(f"there is no kind of wheel {python!r}; there are {', '.join(FEATURES)}")
    if python not in target.pythons:
        raise Absent(f"tiers.toml has no {python} wheel for {target.triple}")

    def make(folder: Path) -> None:
        _build(work, target, python, folder)
        if len(list(folder.glob("*.whl"))) != 1:
            raise Failed(f"maturin made not one wheel in {folder}")

    made = work.once(f"wheels/{target.triple}-{python}", fingerprint(), make)
    return next(made.glob("*.whl"))


def tested(work: Work, target: Target, kind: str) -> Path:
    """Return the wheel to run the tests on, by what stands behind the Python's version in tiers.toml."""
    if kind == "msvc":
        key = f"{fingerprint()} {msvc_link.SOURCE.read_text(encoding='utf-8')}"
        return msvc_link.relinked(work, target, build(work, target), key)
    if kind not in TESTED:
        raise Absent(
            f"there is no kind of wheel {kind!r} to test; there are {', '.join(TESTED)}, msvc"
        )
    return build(work, target, TESTED[kind])


def inspected(work: Work, target: Target, python: str) -> str:
    """Build a wheel, hold it to the rules, and return what was found."""
    # It needs libraries, which the tests of a wheel do without.
    import inspection

    wheel = build(work, target, python)
    known = programs.musl_names(work) if target.system == "musl" else frozenset[str]()
    folder = work.folder(f"inspected/{target.triple}-{python}")
    report = inspection.inspect(folder, wheel, target, python, known)
    if target.local.link == "stubs":
        return f"{report} (linked with stubs: never shipped)"
    if target.triple in LINKED_AS:
        return f"{report} (linked as {LINKED_AS[target.triple]})"
    return str(report)


def _build(work: Work, target: Target, python: str, out: Path) -> None:
    triple = LINKED_AS.get(target.triple, target.triple)
    compiler = rust.compiler(work, triple)
    env = {
        **compiler.env,
        **programs.zig_env(work),
        "CARGO_TARGET_DIR": str(work.folder("build")),
        "CARGO_TERM_COLOR": "never",
        "VIRTUAL_ENV": str(programs.python(work).parent.parent),
    }
    # maturin asks the first Python there for zig.
    path = env.get("PATH", os.environ["PATH"])
    env["PATH"] = os.pathsep.join([str(programs.python(work).parent), path])
    words: list[str | Path] = ["build", "--release", "--locked", "--target", triple]
    words += ["--out", out, *compiler.std_words]
    if python != "abi3-py311":
        words += ["--no-default-features"]
        words += [word for name in FEATURES[python] for word in ("--features", name)]
    interpreter = INTERPRETERS[python]
    # To the last compiler alone: the standard library needs no other for it.
    last: list[str] = []
    if target.local.link == "zig" and target.system != "windows":
        words += ["--zig"]
    if target.system in {"linux", "musl"}:
        # The tag ends in the architecture: manylinux_2_17_x86_64.
        words += ["--compatibility", target.tag.removesuffix(f"_{target.arch}")]
    elif target.system == "freebsd":
        env["MATURIN_FREEBSD_VERSION"] = FREEBSD
    elif target.system == "windows":
        env["PATH"] = os.pathsep.join([str(gnu_link.tools(work, triple)), env["PATH"]])
        last.append(f"-Clinker={gnu_link.linker(work, triple)}")
    elif target.system == "android":
        env["ANDROID_API_LEVEL"] = android_link.API_LEVEL
        linker = android_link.linker(work, target, rust.linker(work, "ld.lld"))
        last.append(f"-Clinker={linker}")
    elif target.system == "ios":
        env |= ios_link.environment(work, target)
        linker = ios_link.linker(work, target, rust.linker(work, "ld64.lld"))
        last.append(f"-Clinker={linker}")
        interpreter = sys.executable
    words += ["--interpreter", interpreter]
    if target.system == "linux":
        folder = work.folder(f"unwinder/{target.triple}")
        last += linux_link.flags(target.triple, folder, programs.python(work))
    if last:
        words += ["--", *last]
    maturin = programs.python(work).with_name("maturin")
    work.run([maturin, *words], log=f"wheel-{target.triple}-{python}", env=env)
