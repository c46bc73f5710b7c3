"""What the modules of released wheels are linked with, for phones, and what all are held to."""

import shlex
import shutil
from pathlib import Path

import pytest

from tools import build_wheel, phones
from tools.tiers.targets import find

NAME = "mmap_rs-0.1.0"


@pytest.mark.skipif(shutil.which("sh") is None, reason="the NDK's compiler is a shell script here")
@pytest.mark.parametrize(
    ("triple", "compiler"),
    [
        ("aarch64-linux-android", "aarch64-linux-android24-clang"),
        ("armv7-linux-androideabi", "armv7a-linux-androideabi24-clang"),
    ],
)
def test_a_module_for_android_names_pythons_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, triple: str, compiler: str
) -> None:
    program = tmp_path / "ndk" / "toolchains" / "llvm" / "prebuilt" / "linux" / "bin" / compiler
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\necho "$@" >{shlex.quote(str(tmp_path / "told"))}\n')
    program.chmod(0o755)
    monkeypatch.setenv("ANDROID_NDK_HOME", str(tmp_path / "ndk"))
    folder = tmp_path / "made"
    flags = phones.flags(find(triple), folder)
    told = (tmp_path / "told").read_text().split()
    assert told[:2] == ["-shared", "-Wl,-soname,libpython3.so"]
    # In this order: the linker would leave out a library that nothing asks for.
    keep = flags.index("-Clink-arg=-Wl,--no-as-needed")
    assert keep < flags.index("-Clink-arg=-lpython3")
    assert f"-Clink-arg=-L{folder}" in flags
    assert "-Clink-arg=-Wl,-z,max-page-size=16384" in flags


def test_android_needs_the_ndk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANDROID_NDK_HOME", "ANDROID_NDK_LATEST_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit, match="set ANDROID_NDK_HOME"):
        phones.flags(find("x86_64-linux-android"), tmp_path)


def test_a_module_for_ios_finds_the_stable_abi_in_the_framework(tmp_path: Path) -> None:
    pytest.importorskip("abi3info", reason="there is no abi3info, which knows the stable ABI")
    flags = phones.flags(find("aarch64-apple-ios"), tmp_path)
    assert f"-Lnative={tmp_path}" in flags
    assert "-Clink-arg=-Wl,-install_name,@rpath/_mmap_rs.abi3.so" in flags
    for name in ("libpython3.tbd", "libpython3.11.tbd"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "install-name: '@rpath/Python.framework/Python'" in text
        assert "'_PyList_New'" in text
        # Of Python 3.13, and so not in all that the wheel is for.
        assert "'_PyList_GetItemRef'" not in text


def test_cibuildwheel_hands_on_the_flags() -> None:
    flags = "-Clink-arg=-lpython3\x1f--remap-path-prefix=/a=/b"
    own = {"CARGO_ENCODED_RUSTFLAGS": flags, "SOURCE_DATE_EPOCH": "17"}
    target = find("x86_64-linux-android")
    assert phones.cibuildwheel_variables(target, own) == {
        "CIBW_ENVIRONMENT_ANDROID": "ANDROID_API_LEVEL=24 "
        "RUSTFLAGS='-Clink-arg=-lpython3 --remap-path-prefix=/a=/b' SOURCE_DATE_EPOCH=17"
    }
    told = phones.cibuildwheel_variables(find("aarch64-apple-ios"), own)
    assert "IPHONEOS_DEPLOYMENT_TARGET=13.0" in told["CIBW_ENVIRONMENT_IOS"]
    # There is no emulator for its tests.
    assert told["CIBW_TEST_SKIP"] == "*"
    with pytest.raises(SystemExit, match="with a space"):
        phones.cibuildwheel_variables(target, {**own, "CARGO_ENCODED_RUSTFLAGS": "-L/a folder"})


@pytest.mark.parametrize(
    ("name", "triple", "kind"),
    [
        ("cp311-abi3-android_24_x86_64", "x86_64-linux-android", "abi3-py311"),
        (
            "cp311-abi3-manylinux2014_s390x.manylinux_2_17_s390x",
            "s390x-unknown-linux-gnu",
            "abi3-py311",
        ),
        ("cp315-abi3.abi3t-win_amd64", "x86_64-pc-windows-msvc", "abi3t-py315"),
        ("cp314-cp314t-macosx_11_0_arm64", "aarch64-apple-darwin", "cp314t"),
    ],
)
def test_a_wheels_name_tells_its_rules(name: str, triple: str, kind: str) -> None:
    assert build_wheel.meant(f"{NAME}-{name}.whl") == (find(triple), kind)


@pytest.mark.parametrize("name", [f"{NAME}-cp311-abi3-linux_x86_64.whl", "other.whl", "a.tar.gz"])
def test_a_file_that_the_list_has_not_is_no_wheel(name: str) -> None:
    assert build_wheel.meant(name) is None
