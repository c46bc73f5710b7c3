"""tools/tiers and its list of targets: the rules for wheels, what is kept of runs, the tables."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parent.parent / "tools" / "tiers"
sys.path.insert(0, str(TOOLS))

import core_tests  # noqa: E402
import gnu_link  # noqa: E402
import inspection  # noqa: E402
import ios_link  # noqa: E402
import linker_program  # noqa: E402
import lld_as_cc  # noqa: E402
import msvc_link  # noqa: E402
import musl  # noqa: E402
import results  # noqa: E402
import suite  # noqa: E402
import tables  # noqa: E402
from modules import Import, Module  # noqa: E402
from results import Result  # noqa: E402
from targets import PLACES, find, load  # noqa: E402
from work import Absent, Failed, Tally, Work  # noqa: E402

needs_shell = pytest.mark.skipif(
    shutil.which("sh") is None, reason="the linkers are shell scripts, and there is no shell"
)

STABLE = {"PyList_New": (3, 2), "PyBuffer_Release": (3, 11), "PyList_GetItemRef": (3, 13)}

UNWIND = Import("_Unwind_Resume", "GCC_3.0")
LINUX = Module(
    kind="ELF",
    machine="X86_64",
    needed=frozenset({"libc.so.6", "ld-linux-x86-64.so.2"}),
    imports=frozenset(
        {Import("PyList_New"), Import("malloc", "GLIBC_2.2.5"), Import("gettid"), UNWIND}
    ),
    exports=frozenset({"PyInit__mmap_rs"}),
    alignment=4096,
)
ANDROID = dataclasses.replace(
    LINUX,
    machine="AARCH64",
    needed=frozenset({"libc.so", "libpython3.so"}),
    imports=frozenset({Import("PyList_New"), Import("malloc")}),
    alignment=16384,
)
IPHONE = Module(
    kind="Mach-O",
    machine="ARM64",
    needed=frozenset({"/usr/lib/libSystem.B.dylib"}),
    imports=frozenset(
        {Import("PyList_New"), Import("malloc", library="/usr/lib/libSystem.B.dylib")}
    ),
    exports=frozenset({"PyInit__mmap_rs"}),
    alignment=16384,
    platform="IOS",
    minimum="13.0",
    install_name="@rpath/_mmap_rs.abi3.so",
)
WINDOWS = Module(
    kind="PE",
    machine="AMD64",
    needed=frozenset({"python3.dll", "kernel32.dll"}),
    imports=frozenset({Import("PyList_New", library="python3.dll")}),
    exports=frozenset({"PyInit__mmap_rs"}),
    alignment=4096,
)
GOOD = {
    "x86_64-unknown-linux-gnu": LINUX,
    "aarch64-linux-android": ANDROID,
    "aarch64-apple-ios": IPHONE,
    "x86_64-pc-windows-msvc": WINDOWS,
}


def problems(triple: str, module: Module, known: frozenset[str] = frozenset()) -> list[str]:
    return inspection.module_problems(module, find(triple), "abi3-py311", STABLE, known)


@pytest.mark.parametrize("triple", GOOD)
def test_what_is_right_is_let_through(triple: str) -> None:
    assert problems(triple, GOOD[triple]) == []


@pytest.mark.parametrize(
    ("triple", "change", "said"),
    [
        ("x86_64-unknown-linux-gnu", {"kind": "PE"}, "it is PE, not ELF"),
        ("x86_64-unknown-linux-gnu", {"machine": "I386"}, "it is for I386, not X86_64"),
        ("x86_64-unknown-linux-gnu", {"alignment": 1024}, "pages of 4096 can't hold it"),
        ("aarch64-unknown-linux-gnu", {"machine": "AARCH64"}, "pages of 65536 can't hold it"),
        (
            "x86_64-unknown-linux-gnu",
            {"exports": frozenset[str]()},
            "does not export PyInit__mmap_rs",
        ),
        (
            "x86_64-unknown-linux-gnu",
            {"exports": LINUX.exports | {"mine"}},
            "exports more than .*: mine",
        ),
        (
            "x86_64-unknown-linux-gnu",
            {"needed": frozenset({"libssl.so.3"})},
            "it needs libssl.so.3",
        ),
        (
            "x86_64-unknown-linux-gnu",
            {"faults": frozenset({"it asks for an executable stack"})},
            "stack",
        ),
        ("aarch64-linux-android", {"alignment": 4096}, "pages of 16384 can't hold it"),
        (
            "aarch64-linux-android",
            {"needed": frozenset({"libc.so"})},
            "does not name libpython3.so",
        ),
        ("aarch64-apple-ios", {"platform": "IOS_SIMULATOR"}, "it is for IOS_SIMULATOR, not IOS"),
        ("aarch64-apple-ios", {"minimum": "18.0"}, "asks for version 18.0, its tag for 13.0"),
        ("aarch64-apple-ios", {"install_name": ""}, "an app can't embed it"),
        ("aarch64-apple-ios", {"install_name": "/home/me/x.so"}, "a folder of this machine"),
        ("aarch64-apple-ios", {"alignment": 4096}, "pages of 16384 can't hold it"),
        (
            "x86_64-pc-windows-msvc",
            {"needed": frozenset({"libgcc_s_seh-1.dll"})},
            "it needs libgcc_s_seh",
        ),
    ],
)
def test_what_is_wrong_is_named(triple: str, change: dict[str, object], said: str) -> None:
    module = dataclasses.replace(GOOD.get(triple, LINUX), **change)  # type: ignore[arg-type]
    assert re.search(said, "\n".join(problems(triple, module)))


@pytest.mark.parametrize(
    ("triple", "entry", "said"),
    [
        (
            "x86_64-unknown-linux-gnu",
            Import("PyUnicode_New"),
            "PyUnicode_New does not belong to the stable",
        ),
        ("x86_64-unknown-linux-gnu", Import("PyList_GetItemRef"), "came with Python 3.13 only"),
        ("x86_64-unknown-linux-gnu", Import("fstat", "GLIBC_2.33"), "fstat came with glibc 2.33"),
        ("x86_64-unknown-linux-gnu", Import("mystery"), "mystery is not known to be in a library"),
        ("aarch64-apple-ios", Import("mystery"), "mystery is not known to be in a library"),
        ("aarch64-linux-android", Import("getrandom"), "getrandom came with API level 28"),
        ("aarch64-linux-android", Import("_Py_Mine"), "_Py_Mine does not belong to the stable"),
    ],
)
def test_a_name_that_is_not_there_is_found(triple: str, entry: Import, said: str) -> None:
    module = GOOD[triple]
    module = dataclasses.replace(module, imports=module.imports | {entry})
    assert re.search(said, "\n".join(problems(triple, module)))


def test_linux_uses_the_unwinder_that_ends_threads() -> None:
    module = dataclasses.replace(LINUX, imports=LINUX.imports - {UNWIND})
    assert re.search(
        "an unwinder of its own", "\n".join(problems("x86_64-unknown-linux-gnu", module))
    )


def test_android_may_ask_for_what_newer_ones_have() -> None:
    weak = ANDROID.imports | {Import("getrandom", weak=True)}
    assert problems("aarch64-linux-android", dataclasses.replace(ANDROID, imports=weak)) == []


def test_names_without_versions_are_looked_up_where_they_are_listed() -> None:
    names = LINUX.imports - {UNWIND}
    musl = dataclasses.replace(LINUX, needed=frozenset({"libc.so"}), imports=names)
    assert problems("x86_64-unknown-linux-musl", musl, frozenset({"malloc"})) == []
    found = problems("x86_64-unknown-linux-musl", musl, frozenset({"free"}))
    assert found == ["malloc is not known to be in a library of the system's"]


def test_freebsd_has_a_library_without_versions() -> None:
    names = frozenset({Import("kinfo_getvmmap"), Import("malloc", "FBSD_1.0")})
    module = dataclasses.replace(LINUX, needed=frozenset({"libutil.so.9"}), imports=names)
    assert problems("x86_64-unknown-freebsd", module) == []
    module = dataclasses.replace(module, needed=frozenset({"libc.so.7"}))
    assert problems("x86_64-unknown-freebsd", module) == [
        "kinfo_getvmmap is not known to be in a library of the system's"
    ]


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


def test_the_list_of_targets_is_sound() -> None:
    targets = load()
    assert len({target.triple for target in targets}) == len(targets)
    for target in targets:
        assert target.tag.endswith(target.arch) or target.system == "windows", target.triple
        assert "abi3-py311" in target.pythons, target.triple
        assert bool(target.local.pythons) == (target.local.place != "none"), target.triple


def test_results_are_of_the_listed_targets() -> None:
    known = {target.triple: target for target in load()}
    for result in results.load():
        target = known[result.triple]
        assert result.command.split()[:2] == ["python", "tools/tiers"]
        assert result.triple in result.command
        assert result.verdict in {"ok", "FAILED"}
        if result.step.startswith("test "):
            assert target.local.place != "none", result.triple


def test_a_newer_result_replaces_the_older(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    old = Result("b", "check", "2026-01-01", "c", "ok", "first")
    results.record([old, dataclasses.replace(old, triple="a")], ["a", "b"], path)
    new = dataclasses.replace(old, date="2026-01-02", detail="second")
    results.record([new], ["a", "b"], path)
    assert results.load(path) == [dataclasses.replace(old, triple="a"), new]


def test_the_tables_say_what_was_seen() -> None:
    assert tables.stale() == []


def test_a_table_says_no_more_than_the_results() -> None:
    target = find("aarch64-linux-android")
    assert tables.platforms([target], []).endswith("| not yet | not yet | not yet |")
    wheel = Result(target.triple, "wheel", "2026-01-01", "c", "ok", "a.whl, 300 KiB; symbols")
    row = "| yes, 2026-01-01 (its wheel) | yes, 2026-01-01, 300 KiB (stubs) | not yet |"
    assert row in tables.platforms([target], [wheel])
    windows = find("x86_64-pc-windows-msvc")
    other = dataclasses.replace(wheel, triple=windows.triple)
    assert "| not yet | yes, 2026-01-01, 300 KiB (gnu) |" in tables.platforms([windows], [other])
    failed = dataclasses.replace(wheel, verdict="FAILED")
    assert "| fails (2026-01-01) |" in tables.platforms([target], [failed])
    assert "| Android | - | - |" in tables.readme([target], [failed])


def test_a_table_is_no_reason_to_build_again() -> None:
    page = (TOOLS.parent.parent / "README.md").read_text(encoding="utf-8")
    rows = tables.readme(load(), [])
    assert rows not in tables.without(page)
    assert tables.without(tables.replaced(page, [rows])) == tables.without(page)
    assert tables.without(page + "more") != tables.without(page)


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


def test_a_making_that_broke_off_leaves_nothing(tmp_path: Path) -> None:
    work = Work(tmp_path)

    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise Failed("on purpose")

    with pytest.raises(Failed):
        work.once("thing", "1", fail)
    assert not (tmp_path / "thing").exists()
    made = work.once("thing", "1", lambda folder: (folder / "whole").touch())
    assert [path.name for path in made.iterdir()] == ["whole"]
    assert work.once("thing", "1", fail) == made
    with pytest.raises(Failed):
        work.once("thing", "2", fail)


def test_what_was_done_is_remembered_for_the_same_key(tmp_path: Path) -> None:
    work = Work(tmp_path)
    assert work.remembered("test", "1") is None
    work.remember("test", "1", "3 passed\nand more")
    assert work.remembered("test", "1") == "3 passed\nand more"
    assert work.remembered("test", "2") is None


def test_programs_are_logged_and_their_failures_told(tmp_path: Path) -> None:
    work = Work(tmp_path)
    assert "hello" in work.run([sys.executable, "-c", "print('hello')"], log="hello")
    with pytest.raises(Failed, match=r"ended with status 3(?s:.*)boom"):
        work.run([sys.executable, "-c", "print('boom'); raise SystemExit(3)"], log="boom")
    with pytest.raises(Absent, match="no-such-program"):
        work.run(["no-such-program"], log="none")
    assert "boom" in (tmp_path / "logs" / "boom.log").read_text()


def tried(*said: str) -> tuple[Tally, list[list[str]]]:
    calls: list[list[str]] = []

    def enter(words: list[str], log: str) -> str:
        assert log == ("log-again" if calls else "log")
        calls.append(words)
        return said[len(calls) - 1]

    return suite.run(enter, "log", ["-x"], python="Python", under="here"), calls


def test_a_few_failed_tests_are_tried_again() -> None:
    first = "2 failed, 10 passed, 1 error, 4 skipped in 5.00s\n"
    tally, calls = tried(first, "2 passed, 1 failed, 3 deselected in 1.00s\n")
    assert (tally.passed, tally.late, tally.failed, tally.skipped) == (12, 2, 1, 4)
    assert [("--last-failed" in words, "-x" in words) for words in calls] == [
        (False, True),
        (True, True),
    ]
    # Where the second try did not do what was to be tried, the first one counts.
    tally, _ = tried(first, "no tests ran in 0.10s\n5 passed in 1.00s\n")
    assert (tally.passed, tally.late, tally.failed) == (10, 0, 3)


def test_many_failed_tests_and_none_are_not_tried_again() -> None:
    for said, failed in (("10 passed in 5.00s\n", 0), ("30 failed, 10 passed in 5.00s\n", 30)):
        tally, calls = tried(said)
        assert (tally.failed, tally.late, len(calls)) == (failed, 0, 1)


def test_the_cores_test_programs_are_found_and_counted() -> None:
    said = """
   Compiling mmap-rs-core
{"reason":"compiler-artifact","executable":null}
{"reason":"compiler-artifact","executable":"/target/deps/windows-0123.exe"}
{"reason":"build-finished","success":true}
"""
    assert core_tests.made(said) == [Path("/target/deps/windows-0123.exe")]
    result = "test result: {}. 5 passed; {} failed; 0 ignored; 0 measured; 0 filtered out"
    assert core_tests.counted(f"running 5 tests\n\n{result.format('ok', 0)}") == 5
    for wrong in (result.format("FAILED", 1), "running 5 tests\nstatus 139"):
        with pytest.raises(Failed, match="tests of the core"):
            core_tests.counted(wrong)


def test_a_target_that_is_not_listed_is_a_wrong_command_line() -> None:
    done = subprocess.run(
        [sys.executable, TOOLS, "check", "vax-dec-ultrix"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "'vax-dec-ultrix' is not in tiers.toml" in done.stderr


def test_only_whole_runs_are_recorded() -> None:
    words = ["test", "x86_64-unknown-linux-gnu", "--record"]
    for more in (["--pytest=-x"], ["--wheel", "dist/some.whl"]):
        done = subprocess.run(
            [sys.executable, TOOLS, *words, *more], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "--record is for whole runs" in done.stderr


def test_every_place_has_its_runner() -> None:
    for target in load():
        if target.local.place != "none":
            assert (TOOLS / f"{PLACES[target.local.place]}.py").is_file(), target.triple


def test_what_emulators_get_wrong_are_tests_that_there_are() -> None:
    rows = tomllib.loads((TOOLS / "emulators.toml").read_text(encoding="utf-8"))["skip"]
    for row in rows:
        assert row["emulator"] in {"qemu", "qemu-arm", "wine"}
        for pattern in row["tests"]:
            path, *names = re.split(r"::|\*|\[", pattern)
            source = (TOOLS.parent.parent / path).read_text(encoding="utf-8")
            assert names, pattern
            assert all(name in source for name in names[:1]), pattern
    both = [(row["emulator"], row["why"]) for row in rows]
    assert len(set(both)) == len(both)
