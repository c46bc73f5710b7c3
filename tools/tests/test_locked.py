"""What a release is made with: locked versions with hashes, that fit the groups, and Rust's own crates."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tools.tiers.targets import ROOT

requirements = pytest.importorskip("packaging.requirements", reason="there is no packaging")
FOLDER = ROOT / "tools" / "locked"
PIN = re.compile(
    r"^([\w.-]+)==(\S+)(?: ; .*)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE
)


def data(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def group(name: str) -> list[str]:
    """What a group of pyproject.toml asks for, with what it includes."""
    entries: list[str | dict[str, str]] = data(ROOT / "pyproject.toml")["dependency-groups"][name]
    asked: list[str] = []
    for entry in entries:
        asked += [entry] if isinstance(entry, str) else group(entry["include-group"])
    return asked


@pytest.mark.parametrize("name", ["build", "phones", "release"])
def test_tools_of_a_release_are_locked_with_hashes(name: str) -> None:
    text = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    pins = {match[1]: match[2] for match in PIN.finditer(text)}
    # Nothing else is in the file: no line that takes something unlocked.
    assert [line for line in PIN.sub("", text).splitlines() if not line.startswith("#")] == []
    for line in group(name):
        wanted = requirements.Requirement(line)
        assert pins[wanted.name] in wanted.specifier, f"{name}.txt is older than its group: make lock"


@pytest.mark.parametrize("name", ["release-wheel", "phone-wheel", "native-wheel", "sdist"])
def test_what_makes_files_of_a_release_uses_the_locked_tools(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (needs,) = re.findall(rf"^{name}: (.*?) ##", makefile, re.MULTILINE)
    assert [word.rpartition("/")[2].partition("-")[0] for word in needs.split()] == ["locked"]


def test_the_crates_of_rusts_library_are_those_of_the_locked_rust() -> None:
    std = data(ROOT / "sbom" / "rust-std.toml")
    locked = data(FOLDER / "rust-toolchain.toml")["toolchain"]
    assert locked["channel"] == std["rust"]
    rustc = ["rustc", f"+{std['rust']}", "--print", "sysroot"]
    try:
        asked = subprocess.run(rustc, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no Rust")
    if asked.returncode != 0:
        pytest.skip(f"rustup has not fetched Rust {std['rust']}, which only releases need")
    # Of the compiler itself, its tests and macros.
    own = {
        "alloc",
        "compiler_builtins",
        "core",
        "getopts",
        "panic_abort",
        "panic_unwind",
        "proc_macro",
        "profiler_builtins",
        "std",
        "rustc_literal_escaper",
        "std_detect",
        "sysroot",
        "test",
        "unwind",
    }
    crates: list[dict[str, str]] = std["crate"]
    targets = list((Path(asked.stdout.strip()) / "lib" / "rustlib").glob("*-*-*/lib"))
    assert targets
    for folder in targets:
        family = "windows" if "-windows-" in folder.parent.name else "unix"
        listed = {it["name"].replace("-", "_"): it for it in crates if it["systems"] in {"all", family}}
        files = {file.name[3:].rpartition("-")[0]: file for file in folder.glob("*.rlib")}
        there = {name for name in files if not name.startswith("rustc_std")} - own
        assert there == set(listed), folder
        for name, it in listed.items():
            place = rf"/rust/deps[/\\]{it['name']}-([\d.]+\d)[/\\]".encode()
            versions = set(re.findall(place, files[name].read_bytes()))
            assert {version.decode() for version in versions} <= {it["version"]}, folder
