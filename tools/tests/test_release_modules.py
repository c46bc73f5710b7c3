"""What the modules of released wheels are linked with, for phones, and what all are held to."""

import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tools import build_wheel, phones
from tools.tiers.targets import ROOT, find

NAME = "mmap_rs-0.1.0"


@pytest.mark.skipif(shutil.which("sh") is None, reason="the NDK's compiler is a shell script here")
@pytest.mark.parametrize(
    ("triple", "compiler", "version", "suffix"),
    [
        (
            "aarch64-linux-android",
            "aarch64-linux-android24-clang",
            "3.13",
            ".cpython-313-aarch64-linux-android.so",
        ),
        ("armv7-linux-androideabi", "armv7a-linux-androideabi24-clang", "3.11", ".cpython-311.so"),
    ],
)
def test_a_module_for_android_names_pythons_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, triple: str, compiler: str, version: str, suffix: str
) -> None:
    program = tmp_path / "ndk" / "toolchains" / "llvm" / "prebuilt" / "linux" / "bin" / compiler
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\necho "$@" >{shlex.quote(str(tmp_path / "told"))}\n')
    program.chmod(0o755)
    monkeypatch.setenv("ANDROID_NDK_HOME", str(tmp_path / "ndk"))
    folder = tmp_path / "made"
    target = find(triple)
    kind = target.pythons[0]
    library = f"python{version}"
    flags = phones.flags(target, kind, folder)
    told = (tmp_path / "told").read_text().split()
    assert told[:2] == ["-shared", f"-Wl,-soname,lib{library}.so"]
    # In this order: the linker would leave out a library that nothing asks for.
    keep = flags.index("-Clink-arg=-Wl,--no-as-needed")
    assert keep < flags.index(f"-Clink-arg=-l{library}")
    assert {f"-Lnative={folder}", f"-Clink-arg=-L{folder}"} <= set(flags)
    assert "-Clink-arg=-Wl,-z,max-page-size=16384" in flags
    variables = phones.variables(target, kind, folder)
    assert variables["ANDROID_API_LEVEL"] == "24"
    assert f"-Clinker={program.as_posix()}" in flags
    about = Path(variables["PYO3_CONFIG_FILE"]).read_text(encoding="ascii").splitlines()
    assert f"version={version}" in about
    assert f"ext_suffix={suffix}" in about


def test_android_needs_the_ndk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANDROID_NDK_HOME", "ANDROID_NDK_LATEST_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit, match="set ANDROID_NDK_HOME"):
        phones.flags(find("x86_64-linux-android"), "cp313", tmp_path)


def test_a_module_for_ios_finds_the_stable_abi_in_the_framework(tmp_path: Path) -> None:
    pytest.importorskip("abi3info", reason="there is no abi3info, which knows the stable ABI")
    target = find("aarch64-apple-ios")
    flags = phones.flags(target, "abi3-py311", tmp_path)
    assert f"-Lnative={tmp_path}" in flags
    assert "-Clink-arg=-Wl,-install_name,@rpath/_mmap_rs.abi3.so" in flags
    for name in ("libpython3.tbd", "libpython3.11.tbd"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "install-name: '@rpath/Python.framework/Python'" in text
        assert "'_PyList_New'" in text
        # Of Python 3.13, and so not in all that the wheel is for.
        assert "'_PyList_GetItemRef'" not in text


def test_a_build_for_ios_needs_no_python_for_it(tmp_path: Path) -> None:
    told = phones.variables(find("aarch64-apple-ios"), "abi3-py311", tmp_path)
    assert told["IPHONEOS_DEPLOYMENT_TARGET"] == "13.0"
    assert "target_abi=CPython-abi3-3.11" in Path(told["PYO3_CONFIG_FILE"]).read_text()


@pytest.mark.parametrize(
    ("triple", "kind", "build"),
    [("x86_64-linux-android", "cp313", "cp313-*"), ("x86_64-apple-ios", "abi3-py311", None)],
)
def test_cibuildwheel_tests_the_wheel_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, triple: str, kind: str, build: str | None
) -> None:
    wheel = tmp_path / f"{NAME}-any.whl"
    wheel.write_bytes(b"a wheel")
    calls: list[list[str]] = []

    def run(words: list[str], *, cwd: Path, env: dict[str, str], check: bool) -> None:
        assert check
        assert cwd == ROOT
        assert env.get("CIBW_BUILD") == build
        calls.append(words)
        (project,) = (word for word in words if word.endswith("project"))
        # As a frontend calls it, and from another folder.
        made = tmp_path / "made"
        made.mkdir()
        code = f"import ready; print(ready.build_wheel({str(made)!r}))"
        done = subprocess.check_output(
            [sys.executable, "-c", code], cwd=tmp_path, env={**env, "PYTHONPATH": project}, text=True
        )
        assert done.strip() == wheel.name
        assert (made / wheel.name).read_bytes() == b"a wheel"
        told = tomllib.loads(Path(project, "pyproject.toml").read_text(encoding="utf-8"))
        # Nothing is installed, and so nothing compiled, to build it.
        assert told["build-system"] == {"requires": [], "build-backend": "ready", "backend-path": ["."]}

    with monkeypatch.context() as patched:
        patched.delenv("CIBW_BUILD", raising=False)
        patched.setattr(phones, "run", run)
        phones.test(find(triple), kind, wheel)
    (words,) = calls
    assert words[1:5] == ["-m", "cibuildwheel", "--platform", find(triple).system]
    assert words[words.index("--archs") + 1] == find(triple).arch


@pytest.mark.parametrize(
    ("name", "triple", "kind"),
    [
        ("cp313-cp313-android_24_x86_64", "x86_64-linux-android", "cp313"),
        ("cp311-abi3-manylinux2014_s390x.manylinux_2_17_s390x", "s390x-unknown-linux-gnu", "abi3-py311"),
        ("cp315-abi3.abi3t-win_amd64", "x86_64-pc-windows-msvc", "abi3t-py315"),
        ("cp314-cp314t-macosx_11_0_arm64", "aarch64-apple-darwin", "cp314t"),
    ],
)
def test_a_wheels_name_tells_its_rules(name: str, triple: str, kind: str) -> None:
    assert build_wheel.meant(f"{NAME}-{name}.whl") == (find(triple), kind)


@pytest.mark.parametrize("name", [f"{NAME}-cp311-abi3-linux_x86_64.whl", "other.whl", "a.tar.gz"])
def test_a_file_that_the_list_has_not_is_no_wheel(name: str) -> None:
    assert build_wheel.meant(name) is None
