"""tools/tiers and its list of targets: what is kept of runs, the tables, the command line."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parent.parent / "tools" / "tiers"
sys.path.insert(0, str(TOOLS))

import core_tests  # noqa: E402
import results  # noqa: E402
import suite  # noqa: E402
import tables  # noqa: E402
from results import Result  # noqa: E402
from targets import PLACES, find, load  # noqa: E402
from work import Absent, Failed, Tally, Work  # noqa: E402


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
