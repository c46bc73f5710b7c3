"""The workflows of .github: what they may do, what they call, and that no target is forgotten."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools import matrix
from tools.tiers.targets import ROOT

yaml = pytest.importorskip("yaml", reason="there is no PyYAML")
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"uses: (?P<action>[\w.-]+/[\w./-]+)@(?P<commit>[0-9a-f]{40}) # v\d+\.\d+\.\d+$")
# What a line may be: one call, with nothing before, after or between.
CALL = re.compile(
    r"""(?:make|bash|sh|python3?)       # what is called by name
        (?:\ (?:[\w./=@:-]+             # plain words
             |(?:\w+=)?"\$\{\w+\}"))*   # variables in quotes, which can't be more than one word
    """,
    re.VERBOSE,
)
# What some jobs need beyond reading: the least that what they do takes.
RIGHTS: dict[tuple[str, str], dict[str, str]] = {
    ("ci.yml", "green"): {},
    ("wheels.yml", "publish"): {"id-token": "write", "attestations": "write"},
    ("wheels.yml", "page"): {"contents": "write"},
    ("docs.yml", "deploy"): {"pages": "write", "id-token": "write"},
    ("crate.yml", "publish"): {"contents": "read", "id-token": "write"},
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
    found += [(place, step["with"]["run"]) for place, step in steps() if "run" in step.get("with", {})]
    return found


def makefile_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return {name for line in re.findall(r"^([a-z][a-z -]*):", text, re.MULTILINE) for name in line.split()}


def targets() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads((ROOT / "tiers.toml").read_text(encoding="utf-8"))["target"]
    return found


def test_there_are_workflows_for_checks_wheels_and_the_site() -> None:
    assert [path.name for path in FILES] == ["ci.yml", "crate.yml", "docs.yml", "wheels.yml"]


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
    checkouts = [step for _, step in steps() if step.get("uses", "").startswith("actions/checkout@")]
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
    steps = [(step.get("uses", "").partition("@")[0], step["with"]) for step in publish["steps"]]
    assert [name for name, _ in steps] == [
        "actions/download-artifact",
        "actions/download-artifact",
        "actions/attest",
        "pypa/gh-action-pypi-publish",
    ]
    (_, ours), (_, apart), (_, attested), (_, published) = steps
    assert (ours["pattern"], ours["path"]) == ("dist-*", "dist")
    assert (apart["pattern"], apart["path"]) == ("apart-*", "apart")
    # All that the release page offers, and not only what the package index takes.
    assert attested["subject-path"].split() == ["dist/*", "apart/*"]
    assert published["attestations"] is True
    # A trusted publisher proves itself: there is no password to steal. It takes the folder dist.
    assert not {"password", "user", "packages-dir"} & set(published)


def test_the_crate_is_published_for_its_tag_with_a_token_of_that_job() -> None:
    workflow = load(ROOT / ".github" / "workflows" / "crate.yml")["jobs"]
    publish = workflow["publish"]
    assert publish["environment"] == "release"
    assert publish["needs"] == "package"
    assert "refs/tags/pyo3-mmap-rs-v" in publish["if"]
    _, auth, upload = publish["steps"]
    assert auth["uses"].startswith("rust-lang/crates-io-auth-action@")
    assert upload == {
        "run": "make crate-publish",
        "env": {"CARGO_REGISTRY_TOKEN": "${{ steps.auth.outputs.token }}"},
    }
    # No code of the tree's dependencies runs beside the token: it is packed, and was compiled before.
    recipe = re.search(r"^crate-publish:\n\t@(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    assert "cargo publish --locked --no-verify " in recipe[1]
    assert [step["run"] for step in workflow["package"]["steps"] if "run" in step] == [
        'make crate-package REF="${GITHUB_REF}"'
    ]


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    ("ref", "status"),
    [
        ("refs/tags/pyo3-mmap-rs-v1.2.3", 0),
        ("refs/heads/main", 0),
        ("", 0),
        ("refs/tags/pyo3-mmap-rs-v1.2.4", 2),
        ("refs/tags/v1.2.3", 2),
    ],
)
@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
@pytest.mark.parametrize(
    "pkgid", ["path+file:///a/bridge#pyo3-mmap-rs@1.2.3", "path+file:///a/pyo3-mmap-rs#1.2.3"]
)
def test_the_tag_of_the_crate_is_compared_with_its_version(
    tmp_path: Path, ref: str, status: int, pkgid: str
) -> None:
    cargo = tmp_path / "cargo"
    cargo.write_text(f'#!/bin/sh\n[ "$1" != pkgid ] || echo "{pkgid}"\n', encoding="utf-8")
    cargo.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    words = ["make", "crate-package", f"REF={ref}"]
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert ("is not the tag of the crate's version 1.2.3" in done.stderr) == bool(status)


def test_all_files_of_a_release_are_inspected_before_they_are_published() -> None:
    complete = load(ROOT / ".github" / "workflows" / "wheels.yml")["jobs"]["complete"]
    (fetched,) = [step["with"] for step in complete["steps"] if "path" in step.get("with", {})]
    assert fetched == {"path": "dist", "merge-multiple": True}
    runs = [step["run"] for step in complete["steps"] if "run" in step]
    assert runs == ["python -m tools.release complete dist", "make inspect-wheels"]


def test_the_tag_is_compared_with_the_version_before_anything_is_built() -> None:
    workflow = load(ROOT / ".github" / "workflows" / "wheels.yml")["jobs"]
    runs = [step.get("run") for step in workflow["plan"]["steps"]]
    assert 'python -m tools.release check "${GITHUB_REF}"' in runs
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
        program, first, *rest = text.split()
        if program == "make":
            assert first in makefile_targets(), f"{place}: the Makefile has no {first}"
        elif first == "-m":
            module = Path(*rest[0].split(".")).with_suffix(".py")
            assert (ROOT / module).is_file(), f"{place}: there is no {module}"
        else:
            assert (ROOT / first).is_file(), f"{place}: there is no {first}"


def test_the_script_of_the_virtual_machine_exists() -> None:
    runs = [step["with"]["run"] for _, step in steps() if step.get("uses", "").startswith("vmactions/")]
    assert runs == ["sh tools/freebsd.sh test", "sh tools/freebsd.sh wheel"]


def on_freebsd(folder: Path, word: str, **programs: str) -> list[str]:
    """What tools/freebsd.sh prints in a copy of the tree, with stand-ins for FreeBSD's programs."""
    for name, text in {"pkg": ":", "git": ":", **programs}.items():
        program = folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        program.chmod(0o755)
    for name in ("tools/freebsd.sh", "docs/platforms.md"):
        path = folder / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, path)
    words = ["sh", str(folder / "tree" / "tools" / "freebsd.sh"), word]
    env = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    return subprocess.run(
        words, env=env, stdout=subprocess.PIPE, encoding="utf-8", check=True
    ).stdout.splitlines()


@pytest.mark.skipif(os.name == "nt", reason="a shell script, for FreeBSD")
def test_the_virtual_machine_compiles_no_tools(tmp_path: Path) -> None:
    maturin = pytest.importorskip("maturin", reason="there is no maturin")
    # It makes the environment, then asks for maturin as the Makefile does.
    gmake = f"""case $1 in
        test) echo "$PIP_ONLY_BINARY"; .venv/bin/python -P -m maturin ;;
        *) {sys.executable} -m venv --without-pip .venv
           cp -R {Path(maturin.__path__[0])} "$(echo .venv/lib/*/site-packages)" ;;
        esac"""
    said = on_freebsd(tmp_path, "test", maturin="echo from the package", gmake=gmake)
    assert said == ["hypothesis", "from the package"]


@pytest.mark.skipif(
    not (shutil.which("sed") and shutil.which("grep")), reason="the script needs sed and grep"
)
@pytest.mark.skipif(os.name == "nt", reason="a shell script, for FreeBSD")
def test_the_virtual_machine_takes_the_wheel_as_the_page_says(tmp_path: Path) -> None:
    dist = tmp_path / "tree" / "dist"
    dist.mkdir(parents=True)
    (dist / "mmap_rs-1.2.3-cp311-abi3-freebsd_14_2_release_amd64.whl").touch()
    python = 'case $1 in -c) echo freebsd_14_4_release_p2_amd64 ;; *) echo "$@"; ls "$3" ;; esac'
    assert on_freebsd(tmp_path, "wheel", **{"python3.11": python}) == [
        "-m tools.try_wheel dist/renamed",
        "mmap_rs-1.2.3-cp311-abi3-freebsd_14_4_release_p2_amd64.whl",
    ]


@pytest.mark.skipif(os.name == "nt", reason="a shell script, for Linux")
@pytest.mark.parametrize(
    ("platform", "emulators"), [("", ""), ("linux/arm/v7", "qemu qemu-arm"), ("linux/arm64", "qemu")]
)
def test_a_container_of_another_processor_is_told_as_emulated(
    tmp_path: Path, platform: str, emulators: str
) -> None:
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n', encoding="utf-8")
    docker.chmod(0o755)
    pythons = "cp311-cp311 cp314-cp314"
    words = ["sh", str(ROOT / "tools" / "try-in-container.sh"), "an-image", pythons, platform]
    done = subprocess.run(
        words,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    said = done.stdout.splitlines()
    assert [line for line in said if line.startswith("MMAP_RS_EMULATOR=")] == (
        [f"MMAP_RS_EMULATOR={emulators}"] * 2 if emulators else []
    )
    assert ("--platform" in said) == bool(platform)
    called = [line for line in said if line.startswith("/opt/python/")]
    assert called == [f"/opt/python/{name}/bin/python" for name in pythons.split()]
    assert said[-3:] == ["-m", "tools.try_wheel", "dist"]
    # With no Python nothing would be tested.
    none = subprocess.run([*words[:3], "", platform], capture_output=True, check=False)
    assert none.returncode != 0


@pytest.mark.parametrize("target", targets(), ids=lambda target: target["triple"])
def test_every_target_has_its_job(target: dict[str, Any]) -> None:
    planned = matrix.matrix()
    jobs_of_release = load(ROOT / ".github" / "workflows" / "wheels.yml")["jobs"]
    entries = [
        (job, entry)
        for job, entries in planned.items()
        for entry in entries
        if entry["target"] == target["triple"]
    ]
    assert [entry["kind"] for _, entry in entries] == target["pythons"]
    for job, entry in entries:
        assert entry["runner"] == target["release"]["runner"]
        assert entry["tests"] == target["release"]["tests"]
        assert bool(entry["image"]) == (entry["tests"] in {"container", "qemu"})
        # The workflow makes its jobs of this list, and hands the target on to the script that builds.
        entries_of = jobs_of_release[job]["strategy"]["matrix"]
        assert entries_of == f"${{{{ fromJSON(needs.plan.outputs.{job}) }}}}"
        assert jobs_of_release[job]["env"]["TARGET"] == "${{ matrix.target }}"
        assert load(ROOT / ".github" / "workflows" / "wheels.yml")["jobs"]["plan"]["outputs"][job]


def test_the_lists_are_outputs_of_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "output"
    monkeypatch.setenv("GITHUB_OUTPUT", str(out))
    assert matrix.main() == 0
    lists = dict(line.split("=", 1) for line in out.read_text(encoding="utf-8").splitlines())
    assert {job: json.loads(text)["include"] for job, text in lists.items()} == matrix.matrix()


def test_no_list_of_targets_is_written_a_second_time() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert [target["triple"] for target in targets() if target["triple"] in text] == []


def test_one_job_waits_for_all_others() -> None:
    checks = load(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]
    assert set(checks["green"]["needs"]) == set(checks) - {"green"}
    # Without it the job would be skipped after a failure, and a skipped job counts as a passed one.
    assert checks["green"]["if"] == "always()"
    (step,) = checks["green"]["steps"]
    assert step["uses"].startswith("re-actors/alls-green@")
    # No failure and no skipped job is allowed.
    assert step["with"] == {"jobs": "${{ toJSON(needs) }}"}


def test_every_python_and_every_system_is_tested() -> None:
    tests = load(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["tests"]["strategy"]["matrix"]
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    named = set(re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text))
    assert named | {"3.14t", "3.15t"} <= set(tests["python"])
    native = {target["release"]["runner"] for target in targets() if target["release"]["tests"] == "here"}
    assert native <= set(tests["runner"])


def test_updates_are_proposed_for_all_that_is_pinned() -> None:
    updates = {it["package-ecosystem"]: it for it in load(ROOT / ".github" / "dependabot.yml")["updates"]}
    assert set(updates) == {"github-actions", "cargo", "pip", "rust-toolchain"}
    assert all(update["cooldown"]["default-days"] >= 7 for update in updates.values())
    assert "/tools/locked" in updates["pip"]["directories"]
    locks = [path for level in range(4) for path in ROOT.glob(f"{'*/' * level}Cargo.lock")]
    folders = [path.parent.relative_to(ROOT) for path in locks]
    own = [folder for folder in folders if not folder.as_posix().startswith(("target", ".venv"))]
    assert set(updates["cargo"]["directories"]) == {"/" + "/".join(folder.parts) for folder in own}
    assert updates["rust-toolchain"]["directory"] == "/tools/locked"
    # A new version of upstream is told of apart from other crates.
    assert "ignore" not in updates["cargo"]
    assert updates["cargo"]["groups"]["crates"]["exclude-patterns"] == ["mmap-rs"]
