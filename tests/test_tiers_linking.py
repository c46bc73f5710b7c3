"""tools/tiers: what links for systems whose own linkers and libraries are not here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parent.parent / "tools" / "tiers"
sys.path.insert(0, str(TOOLS))

import gnu_link  # noqa: E402
import ios_link  # noqa: E402
import linker_program  # noqa: E402
import lld_as_cc  # noqa: E402
import msvc_link  # noqa: E402
import musl  # noqa: E402
from targets import find  # noqa: E402
from work import Work  # noqa: E402

needs_shell = pytest.mark.skipif(
    shutil.which("sh") is None, reason="the linkers are shell scripts, and there is no shell"
)


def test_names_of_macos_become_a_library_for_ios() -> None:
    text = """
    symbols:         [ _mmap, '_close$NOCANCEL',
                       _munmap ]
    weak-symbols:    [ _mmap, ___extra ]
    """
    names = ios_link.names(text)
    assert names == {
        "symbols": ["_mmap", "_munmap"],
        "weak-symbols": ["___extra"],
        "thread-local-symbols": [],
    }
    assert "    symbols: [ '_mmap', '_munmap' ]\n" in ios_link.library("/usr/lib/x.dylib", names)


def test_a_compilers_words_become_the_linkers(tmp_path: Path) -> None:
    more = tmp_path / "more.txt"
    more.write_text('"-lc"\n\n-fPIC\n')
    words = [
        "-m64",
        "-Wl,--as-needed,-z,now",
        "-Xlinker",
        "-O1",
        "-target",
        "arm64-apple-ios",
        f"@{more}",
    ]
    words += ["-march=armv7-a", "-dynamiclib", "-o", "x.so", "-nodefaultlibs", "a.o"]
    expected = ["--as-needed", "-z", "now", "-O1", "-lc", "-dylib", "-o", "x.so", "a.o"]
    assert lld_as_cc.translated(words) == expected


def test_a_list_of_exports_is_a_file_for_zig() -> None:
    words = ["maturin", "-Wl,/tmp/rustc1/list.def", "-Wl,--dynamicbase", "a.o", "b.def"]
    expected = ["maturin", "/tmp/rustc1/list.def", "-Wl,--dynamicbase", "a.o", "b.def"]
    assert gnu_link.translated(words) == expected


@needs_shell
def test_a_linkers_words_are_around_rustcs_and_in_its_path(tmp_path: Path) -> None:
    work = Work(tmp_path / "a cache")
    show = [sys.executable, "-c", "import sys; print(sys.argv[1:])"]
    program = linker_program.written(work, "a-target", [*show, "the first"], ["-la$b"])
    told = subprocess.run([program, "-o", "a file"], capture_output=True, text=True, check=True)
    assert told.stdout == "['the first', '-o', 'a file', '-la$b']\n"
    assert linker_program.written(work, "a-target", [*show, "the first"], ["-la$b"]) == program
    assert linker_program.written(work, "a-target", [*show, "the first"]) != program


@needs_shell
def test_lld_gets_its_words_around_the_translated(tmp_path: Path) -> None:
    work = Work(tmp_path)
    lld = tmp_path / "lld"
    lld.write_text('#!/bin/sh\necho "$@"\n')
    lld.chmod(0o755)
    program = lld_as_cc.program(work, find("aarch64-apple-ios"), lld, ["-a"], ["-z"])
    words: list[str | Path] = [program, "-dynamiclib", "-arch", "arm64"]
    told = subprocess.run(words, capture_output=True, text=True, check=True)
    assert told.stdout == "-a -dylib -z\n"


def test_another_module_gets_a_record_of_its_own() -> None:
    record = f"{msvc_link.MODULE},sha256=old,10\nmmap_rs/py.typed,sha256=kept,0\nx/RECORD,,\n"
    lines = list(msvc_link.records(record, b"abc"))
    digest = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"
    assert lines == [
        f"{msvc_link.MODULE},sha256={digest},3\n",
        "mmap_rs/py.typed,sha256=kept,0\n",
        "x/RECORD,,\n",
    ]


MUSLS = """
      [Requesting program interpreter: /lib/ld-musl-x86_64.so.1]
 0x0000000000000001 (NEEDED)             Shared library: [libc.so]
 0x000000000000000c (INIT)               0x4b000
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", []),
        (
            "ld-musl-x86_64.so.1",
            "ld-linux-x86-64.so.2",
            [
                "it is started by ['/lib/ld-linux-x86-64.so.2'], not by /lib/ld-musl-x86_64.so.1",
            ],
        ),
        ("[Requesting", "[", ["it is started by [], not by /lib/ld-musl-x86_64.so.1"]),
        ("libc.so]", "libc.so.6]", ["it needs libc.so.6"]),
    ],
)
def test_a_program_of_musl_is_told_from_others(old: str, new: str, said: list[str]) -> None:
    assert musl.faults(MUSLS.replace(old, new)) == said


@needs_shell
def test_the_compiler_for_musl_names_musl(tmp_path: Path) -> None:
    script = tmp_path / "cc"
    script.write_text(musl.CC.replace("musl-gcc", "echo passed on:"))
    words = ["sh", str(script), "-O1", "-c", "a b.c"]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert told == "passed on: -O1 -c a b.c\n"
    words = ["sh", str(script), "-O1", "--print-multiarch"]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert told == "x86_64-linux-musl\n"


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links, which Windows gives to few")
def test_the_compiler_for_musl_sees_the_kernels_headers(tmp_path: Path) -> None:
    include = tmp_path / "usr" / "include"
    for name in ("linux", "asm-generic", "x86_64-linux-gnu/asm", "x86_64-linux-musl"):
        (include / name).mkdir(parents=True)
        (include / name / "limits.h").touch()
    (tmp_path / "usr" / "bin").mkdir()
    musl.complete(tmp_path)
    seen = {path.name for path in (include / "x86_64-linux-musl").iterdir() if path.is_symlink()}
    assert seen == {"linux", "asm-generic", "asm"}
    for name in seen:
        assert (include / "x86_64-linux-musl" / name / "limits.h").is_file()
