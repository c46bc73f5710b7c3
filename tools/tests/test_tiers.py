"""tools/tiers and its list of targets: what is kept of runs, the tables, the command line."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import cast

import pytest

from tools.tiers import __main__ as command_line
from tools.tiers import suite, tables, wine
from tools.tiers.tables import Result
from tools.tiers.targets import ROOT, find, load
from tools.tiers.work import Absent, Failed, Work


def test_the_list_of_targets_is_sound() -> None:
    targets = load()
    assert len({target.triple for target in targets}) == len(targets)
    for target in targets:
        assert target.tag.endswith(target.arch) or target.system == "windows", target.triple
        # On Android a module names the library of one Python.
        single = target.system == "android"
        assert ("abi3-py311" in target.pythons) != single, target.triple
        assert not single or all(re.fullmatch(r"cp3\d+", kind) for kind in target.pythons)
        assert bool(target.local.pythons) == (target.local.place != "none"), target.triple


def test_results_are_of_the_listed_targets() -> None:
    known = {target.triple: target for target in load()}
    for result in tables.results():
        target = known[result.triple]
        assert result.verdict in {"ok", "FAILED"}
        if result.step.startswith("test "):
            assert result.step.removeprefix("test ") in target.local.pythons, result


def test_a_newer_result_replaces_the_older(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text("[]")
    old = Result("b", "check", "2026-01-01", "ok", "first")
    tables.record([old, dataclasses.replace(old, triple="a")], ["a", "b"], path)
    new = dataclasses.replace(old, date="2026-01-02", detail="second")
    tables.record([new], ["a", "b"], path)
    assert tables.results(path) == [dataclasses.replace(old, triple="a"), new]


def test_the_tables_say_what_was_seen() -> None:
    assert tables.write(check=True) == 0


def test_a_table_says_no_more_than_the_results() -> None:
    target = find("aarch64-linux-android")
    row = tables.platforms([target], []).splitlines()[-1]
    assert row.endswith("| not yet | not yet | not yet | nowhere | not yet | ndk |")
    wheel = Result(target.triple, "wheel", "2026-01-01", "ok", "a.whl, 300 KiB; symbols")
    yes = "yes, 2026-01-01"
    row = f"| {yes} (its wheel) | {yes}, with stubs | {yes}, 300 KiB | nowhere | not yet |"
    assert row in tables.platforms([target], [wheel])
    check = dataclasses.replace(wheel, step="check", detail="rustc 1.0")
    assert f"| {yes} | {yes}, with stubs |" in tables.platforms([target], [wheel, check])
    linux = find("x86_64-unknown-linux-gnu")
    other = dataclasses.replace(wheel, triple=linux.triple)
    tested = Result(linux.triple, "test 3.11", "2026-01-02", "ok", "1 passed: a Python, natively, Linux")
    row = tables.platforms([linux], [other, tested]).splitlines()[-1]
    assert f"| {yes} | {yes}, 300 KiB | here natively; by the release: runner |" in row
    assert row.endswith("| a Python, natively, Linux: 1 passed, 2026-01-02 | zig |")
    windows = find("x86_64-pc-windows-msvc")
    failed = dataclasses.replace(wheel, verdict="FAILED")
    assert "| fails (2026-01-01) |" in tables.platforms([target], [failed])
    assert "| Android | - | - | - | - |" in tables.readme([target], [failed])
    assert "| Android | - | - | - | arm64\\_v8a |" in tables.readme([target], [wheel])
    tests = Result(windows.triple, "test 3.11", "2026-01-01", "ok", "1 passed: a Python, wine-8")
    assert "| Windows | - | - | x86\\_64 (Python 3.11) | - |" in tables.readme([windows], [tests])


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


def test_programs_are_logged_and_their_failures_told(tmp_path: Path) -> None:
    work = Work(tmp_path)
    assert "hello" in work.run([sys.executable, "-c", "print('hello')"], log="hello")
    with pytest.raises(Failed, match=r"ended with status 3(?s:.*)boom"):
        work.run([sys.executable, "-c", "print('boom'); raise SystemExit(3)"], log="boom")
    with pytest.raises(Absent, match="no-such-program"):
        work.run(["no-such-program"], log="none")
    assert "boom" in (tmp_path / "logs" / "boom.log").read_text()


def test_what_pytest_counts_is_read() -> None:
    said = "F..\n= 1 failed, 10 passed, 1 error, 4 skipped, 5 rerun in 5.00s (0:00:05) =\n"
    assert suite.tally(said) == ("10 passed (3 at a second try), 2 failed, 4 skipped", 2)
    assert suite.tally("10 passed in 5.00s\n") == ("10 passed, 0 failed, 0 skipped", 0)
    with pytest.raises(Failed, match=r"broke off(?s:.*)Segmentation"):
        suite.tally("...\nSegmentation fault")


def test_the_cores_test_programs_are_found() -> None:
    said = """
   Compiling mmap-rs-core
{"reason":"compiler-artifact","executable":null}
{"reason":"compiler-artifact","executable":"/target/deps/windows-0123.exe"}
{"reason":"build-finished","success":true}
"""
    assert wine.made(said) == [Path("/target/deps/windows-0123.exe")]


def test_a_target_that_is_not_listed_is_a_wrong_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.tiers", "check", "vax-dec-ultrix"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "'vax-dec-ultrix' is not in tiers.toml" in done.stderr


def test_only_whole_runs_are_recorded() -> None:
    words = ["test", "x86_64-unknown-linux-gnu", "--record"]
    done = subprocess.run(
        [sys.executable, "-m", "tools.tiers", *words, "--pytest=-x"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "--record is for whole runs" in done.stderr


def test_every_place_has_its_runner() -> None:
    places = {target.local.place for target in load()} - {"none"}
    assert places == set(command_line.PLACES)


def test_a_place_runs_a_copy_of_the_suite_on_the_wheel(tmp_path: Path) -> None:
    work = Work(tmp_path)
    wheel = tmp_path / "some.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("mmap_rs/__init__.py", "")
    ran: list[tuple[list[str], dict[str, object]]] = []

    def enter(argv: list[str], **more: object) -> str:
        ran.append((argv, more))
        return "CPython 3.11.2 i686\n" if "-c" in argv else "3 passed in 1.00s\n"

    place = suite.Place(
        name="here",
        python=["python"],
        packages=tmp_path / "site",
        under="natively",
        enter=enter,
        inside=lambda path: f"/mnt/{path.relative_to(tmp_path).as_posix()}",
        emulators="qemu",
        patience=["--slowly"],
    )
    told = suite.test(work, place, wheel, ["-x"])
    assert told == "3 passed, 0 failed, 0 skipped: CPython 3.11.2 i686, natively"
    argv, more = ran[-1]
    assert argv == ["python", "-m", "pytest", "-q", "--reruns", "1", "--slowly", "-x"]
    assert more["folder"] == "/mnt/run-here/project"
    env = cast("dict[str, str]", more["env"])
    assert env["PYTHONPATH"] == "/mnt/run-here/wheel:/mnt/site"
    assert env["PATH"].startswith("/mnt/run-here/wheel/bin:")
    assert env["MMAP_RS_EMULATOR"] == "qemu"
    project = tmp_path / "run-here" / "project"
    assert (project / "tests" / "conftest.py").is_file()
    assert not list(project.rglob("_mmap_rs*.so"))
    assert (tmp_path / "run-here" / "wheel" / "bin" / "mmap-rs").read_text().startswith("#!python\n")


def test_what_emulators_get_wrong_are_tests_that_there_are() -> None:
    rows = tomllib.loads((ROOT / "tests" / "support" / "emulators.toml").read_text(encoding="utf-8"))["skip"]
    for row in rows:
        assert row["emulator"] in {"qemu", "qemu-arm", "wine"}
        for pattern in row["tests"]:
            path, *names = re.split(r"::|\*|\[", pattern)
            source = (ROOT / path).read_text(encoding="utf-8")
            assert names, pattern
            assert all(name in source for name in names[:1]), pattern
    both = [(row["emulator"], row["why"]) for row in rows]
    assert len(set(both)) == len(both)
