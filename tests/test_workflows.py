"""The workflows of .github: what they may do, what they call, and that no target is forgotten."""

import functools
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml", reason="there is no PyYAML")
ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(
    r"uses: (?P<action>[\w.-]+/[\w./-]+)@(?P<commit>[0-9a-f]{40}) # v\d+\.\d+\.\d+$"
)
# What a line may be: one call, with nothing before, after or between.
CALL = re.compile(
    r"""(?:make|bash|sh|python3?)       # what is called by name
        (?:\ (?:[\w./=@:-]+             # plain words
             |"\$\{\w+\}"))*            # variables in quotes, which can't be more than one word
    """,
    re.VERBOSE,
)
# What some jobs need beyond reading: the least that what they do takes.
RIGHTS = {
    ("wheels.yml", "publish"): {"id-token": "write", "attestations": "write"},
    ("wheels.yml", "page"): {"contents": "write"},
    ("docs.yml", "deploy"): {"pages": "write", "id-token": "write"},
}


def load(path: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def jobs() -> list[tuple[str, str, dict[str, Any]]]:
    return [(path.name, name, job) for path in FILES for name, job in load(path)["jobs"].items()]


def steps() -> list[tuple[str, dict[str, Any]]]:
    return [(f"{file}:{name}", step) for file, name, job in jobs() for step in job["steps"]]


def commands() -> list[tuple[str, str]]:
    """Every line that is run, also inside of a virtual machine."""
    found = [(place, step["run"]) for place, step in steps() if "run" in step]
    found += [
        (place, step["with"]["run"]) for place, step in steps() if "run" in step.get("with", {})
    ]
    return found


def makefile_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return {
        name
        for line in re.findall(r"^([a-z][a-z -]*):", text, re.MULTILINE)
        for name in line.split()
    }


@functools.cache
def matrices() -> dict[str, list[dict[str, str]]]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "output"
        subprocess.run(
            [sys.executable, str(ROOT / "tools" / "matrix.py")],
            stdout=subprocess.DEVNULL,
            check=True,
            env={**os.environ, "GITHUB_OUTPUT": str(out)},
        )
        text = out.read_text(encoding="utf-8")
    return {
        name: json.loads(listed)["include"]
        for name, listed in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE)
    }


def targets() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads((ROOT / "tiers.toml").read_text(encoding="utf-8"))[
        "target"
    ]
    return found


def test_there_are_workflows_for_checks_wheels_and_the_site() -> None:
    assert [path.name for path in FILES] == ["ci.yml", "docs.yml", "wheels.yml"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_actions_are_pinned_to_commits_and_say_their_version(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    used = [line.strip().removeprefix("- ") for line in text.splitlines() if "uses:" in line]
    assert used
    assert [line for line in used if not PINNED.fullmatch(line)] == []


def test_an_action_has_the_same_commit_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for path in FILES:
        for action, commit in re.findall(r"uses: ([^@ ]+)@(\w+)", path.read_text(encoding="utf-8")):
            pins.setdefault(action, set()).add(commit)
    assert {action: commits for action, commits in pins.items() if len(commits) > 1} == {}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_is_allowed_by_default(path: Path) -> None:
    assert load(path)["permissions"] == {}


@pytest.mark.parametrize(("file", "name", "job"), jobs(), ids=lambda value: str(value)[:20])
def test_a_job_has_no_more_rights_than_it_needs(file: str, name: str, job: dict[str, Any]) -> None:
    assert job["permissions"] == RIGHTS.get((file, name), {"contents": "read"})
    assert job["timeout-minutes"] <= 90


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_event_gives_rights_to_the_code_of_strangers(path: Path) -> None:
    # YAML reads the word `on` as true.
    events = load(path)[True]
    assert set(events) <= {"push", "pull_request", "schedule", "workflow_dispatch"}
    assert "secrets." not in path.read_text(encoding="utf-8")


def test_credentials_are_not_kept() -> None:
    checkouts = [
        step for _, step in steps() if step.get("uses", "").startswith("actions/checkout@")
    ]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_nothing_is_taken_from_caches() -> None:
    for place, step in steps():
        used = step.get("uses", "")
        assert "/cache@" not in used, place
        assert "cache" not in step.get("with", {}), place
        if used.startswith("vmactions/"):
            assert step["with"]["disable-cache"] is True, place


def test_what_publishes_is_protected_and_runs_nothing_of_the_tree() -> None:
    publish = load(ROOT / ".github" / "workflows" / "wheels.yml")["jobs"]["publish"]
    assert publish["environment"] == "release"
    assert "refs/tags/v" in publish["if"]
    assert publish["needs"] == "complete"
    used = [step.get("uses", "").partition("@")[0] for step in publish["steps"]]
    assert used == ["actions/download-artifact", "actions/attest", "pypa/gh-action-pypi-publish"]
    assert publish["steps"][2]["with"]["attestations"] is True
    # A trusted publisher proves itself: there is no password to steal.
    assert not {"password", "user"} & set(publish["steps"][2]["with"])


def test_the_tag_is_compared_with_the_version_before_anything_is_built() -> None:
    workflow = load(ROOT / ".github" / "workflows" / "wheels.yml")["jobs"]
    runs = [step.get("run") for step in workflow["plan"]["steps"]]
    assert 'python tools/release.py check "${GITHUB_REF}"' in runs
    builders = set(workflow) - {"plan", "complete", "publish", "page"}
    assert {name: workflow[name]["needs"] for name in builders} == dict.fromkeys(builders, "plan")
    assert set(workflow["complete"]["needs"]) == builders | {"plan"}


@pytest.mark.parametrize(("place", "line"), commands())
def test_a_line_is_one_call(place: str, line: str) -> None:
    assert CALL.fullmatch(line), f"{place}: {line!r} is a program: put it into tools"


def called(line: str, place: str) -> Iterator[str]:
    """The line with what a matrix puts into it, once for each."""
    if "${CALL}" not in line:
        yield line
        return
    file, name = place.split(":")
    job = next(job for where, title, job in jobs() if (where, title) == (file, name))
    for call in job["strategy"]["matrix"]["call"]:
        yield line.replace('"${CALL}"', call)


@pytest.mark.parametrize(("place", "line"), commands())
def test_what_is_called_exists(place: str, line: str) -> None:
    for text in called(line, place):
        program, first, *_ = text.split()
        if program == "make":
            assert first in makefile_targets(), f"{place}: the Makefile has no {first}"
        else:
            assert (ROOT / first).is_file(), f"{place}: there is no {first}"


def test_the_script_of_the_virtual_machine_exists() -> None:
    runs = [
        step["with"]["run"] for _, step in steps() if step.get("uses", "").startswith("vmactions/")
    ]
    assert runs == ["sh tools/freebsd.sh test", 'sh tools/freebsd.sh wheel "${TARGET}"']


@pytest.mark.parametrize("target", targets(), ids=lambda target: target["triple"])
def test_every_target_has_its_job(target: dict[str, Any]) -> None:
    planned = matrices()
    jobs_of_release = load(ROOT / ".github" / "workflows" / "wheels.yml")["jobs"]
    entries = [
        (job, entry)
        for job, entries in planned.items()
        for entry in entries
        if entry["target"] == target["triple"]
    ]
    if target["release"]["build"] == "none":
        assert entries == []
        assert target["tier"] not in {1, 2}, "a target that upstream tests or builds is released"
        return
    assert [entry["kind"] for _, entry in entries] == target["pythons"]
    for job, entry in entries:
        assert entry["runner"] == target["release"]["runner"]
        assert entry["tests"] == target["release"]["tests"]
        # The workflow makes its jobs of this list, and hands the target on to the script that builds.
        matrix = jobs_of_release[job]["strategy"]["matrix"]
        assert matrix == f"${{{{ fromJSON(needs.plan.outputs.{job}) }}}}"
        assert jobs_of_release[job]["env"]["TARGET"] == "${{ matrix.target }}"
        assert load(ROOT / ".github" / "workflows" / "wheels.yml")["jobs"]["plan"]["outputs"][job]


def test_no_list_of_targets_is_written_a_second_time() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert [target["triple"] for target in targets() if target["triple"] in text] == []


def test_one_job_waits_for_all_others() -> None:
    checks = load(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]
    assert set(checks["green"]["needs"]) == set(checks) - {"green"}
    # Without it the job would be skipped after a failure, and a skipped job counts as a passed one.
    assert checks["green"]["if"] == "always()"


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ({"a": "success", "b": "success"}, 0),
        ({"a": "success", "b": "failure"}, 1),
        ({"a": "success", "b": "skipped"}, 1),
        ({"a": "cancelled"}, 1),
        ({}, 1),
    ],
)
def test_all_green_means_all(results: dict[str, str], status: int) -> None:
    text = json.dumps({name: {"result": result} for name, result in results.items()})
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "all_green.py")],
        env={"RESULTS": text},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == status


def test_every_python_and_every_system_is_tested() -> None:
    tests = load(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["tests"]["strategy"]["matrix"]
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    named = set(re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text))
    assert named | {"3.14t", "3.15t"} <= set(tests["python"])
    native = {
        target["release"]["runner"]
        for target in targets()
        if target["release"]["tests"] == "here" and target["release"]["build"] != "vm"
    }
    assert native <= set(tests["runner"])


def test_updates_are_proposed_for_all_that_is_pinned() -> None:
    updates = load(ROOT / ".github" / "dependabot.yml")["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"github-actions", "cargo", "pip"}
    assert all(update["cooldown"]["default-days"] >= 7 for update in updates)
