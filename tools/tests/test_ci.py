""".ci/run: what it counts as passed, as failed, and as absent."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tools import tell_absent
from tools.tiers.targets import ROOT

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")

# Stands for make: `types` fails, `workflows` can't do all, the rest does nothing.
MAKE = """#!/bin/sh
case "$*" in
*types*) exit 1 ;;
*workflows*) echo "actionlint is not here" >>"$MMAP_RS_ABSENT" ;;
*bench*) echo "called: $*" ;;
esac
"""


def run(folder: Path, make: str, **more: str) -> tuple[int, list[str]]:
    program = folder / "make"
    program.write_text(make, encoding="utf-8")
    program.chmod(0o755)
    without = {"GITHUB_ACTIONS", "CI_MAY_BE_ABSENT", "BENCH_LIMIT"}
    env = {name: text for name, text in os.environ.items() if name not in without}
    env |= {"PATH": f"{folder}:{env['PATH']}", **more}
    command = ["bash", str(ROOT / ".ci" / "run")]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def test_a_step_that_could_not_run_is_not_a_passed_one(tmp_path: Path) -> None:
    status, said = run(tmp_path, MAKE)
    assert status == 1
    assert said[-2:] == ["steps that could not run, or not whole: 1", "steps: 13 passed, 1 failed"]
    summary = said[said.index(next(line for line in said if line.startswith("### Summary"))) :]
    assert [line.split()[0] for line in summary if line.endswith("types")] == ["FAILED"]
    (at,) = (at for at, line in enumerate(summary) if line.endswith("  workflows"))
    assert summary[at].startswith("absent")
    assert summary[at + 1].strip() == "actionlint is not here"


def test_what_is_absent_is_no_failure_but_on_github(tmp_path: Path) -> None:
    make = MAKE.replace("*types*) exit 1 ;;\n", "")
    assert run(tmp_path, make)[0] == 0
    github = {"GITHUB_ACTIONS": "true"}
    assert run(tmp_path, make, **github)[0] == 1
    assert run(tmp_path, make, **github, CI_MAY_BE_ABSENT="32 bits")[0] == 1
    assert run(tmp_path, make, **github, CI_MAY_BE_ABSENT="32 bits;workflows")[0] == 0


def test_shared_machines_count_instructions_and_take_no_times(tmp_path: Path) -> None:
    here = [line for line in run(tmp_path, MAKE)[1] if line.startswith("called: ")]
    assert here == ["called: bench ARGS=--check 2", "called: bench-instructions"]
    shared = run(tmp_path, MAKE, GITHUB_ACTIONS="true")[1]
    assert [line for line in shared if line.startswith("called: ")] == [
        "called: bench-instructions ARGS=--against HEAD^1"
    ]


def test_a_tool_says_what_it_could_not_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "absent"
    monkeypatch.setenv("MMAP_RS_ABSENT", str(place))
    tell_absent("no valgrind")
    tell_absent("no Wine")
    assert place.read_text(encoding="utf-8") == "no valgrind\nno Wine\n"
    monkeypatch.delenv("MMAP_RS_ABSENT")
    tell_absent("no qemu")
    assert capsys.readouterr().out.splitlines()[-1] == "absent: no qemu"
