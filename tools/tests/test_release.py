"""Releases: `make release` in a clone, what is refused, and what a wheel must hold."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import mmap_rs
from tools import build_wheel, inspect_wheel, release, same_wheel
from tools.tiers.targets import ROOT, load

MANIFEST = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))
VERSION: str = MANIFEST["workspace"]["package"]["version"]
IDENTITY = {
    "GIT_AUTHOR_NAME": "A Maintainer",
    "GIT_AUTHOR_EMAIL": "maintainer@example.org",
    "GIT_COMMITTER_NAME": "A Maintainer",
    "GIT_COMMITTER_EMAIL": "maintainer@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
}

needs_cargo = pytest.mark.skipif(
    shutil.which("cargo") is None or shutil.which("git") is None or not (ROOT / ".git").exists(),
    reason="a release is made with Cargo and Git in the project's repository: one of the three is not here",
)


class Clone:
    """A copy of this tree as a repository of its own, with one commit on the branch main."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        same_wheel.copy_tree(folder)
        self.git("init", "--quiet", "--initial-branch", "main")
        self.commit("All")

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", *words],
            cwd=self.folder,
            env={**os.environ, **IDENTITY},
            stdout=subprocess.PIPE,
            encoding="utf-8",
            check=True,
        )
        return done.stdout.strip()

    def commit(self, title: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", title)

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8", newline="\n")

    def text(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def release(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tools.release", *words],
            cwd=self.folder,
            env={**os.environ, **IDENTITY},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    def refusal(self, *words: str) -> str:
        """What a refused command says; it must have changed nothing."""
        before = self.git("rev-parse", "HEAD"), self.git("status", "--porcelain"), self.git("tag")
        done = self.release(*words)
        assert done.returncode == 1, done.stdout + done.stderr
        after = self.git("rev-parse", "HEAD"), self.git("status", "--porcelain"), self.git("tag")
        assert after == before
        return done.stderr


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    made = Clone(tmp_path / "tree")
    # As after the first step of docs/releasing.md.
    assert made.release("address", "https://github.com/somebody/mmap-rs").returncode == 0
    if made.git("status", "--porcelain"):
        made.commit("The address")
    if "### " not in release.section(made.text("CHANGELOG.md"), "Unreleased"):
        made.edit("CHANGELOG.md", "## [Unreleased]", "## [Unreleased]\n\n### Added\n\n- A thing.")
        made.commit("A change")
    return made


@needs_cargo
def test_a_release_is_a_commit_and_a_tag(clone: Clone) -> None:
    unreleased = release.section(clone.text("CHANGELOG.md"), "Unreleased")
    done = clone.release("prepare", "7.8.9")
    assert done.returncode == 0, done.stderr
    assert clone.git("status", "--porcelain") == ""
    assert clone.git("log", "-1", "--format=%s") == "Release 7.8.9"
    assert clone.git("cat-file", "-t", "v7.8.9") == "tag"
    assert clone.git("rev-list", "-1", "v7.8.9") == clone.git("rev-parse", "HEAD")
    changed = set(clone.git("diff", "--name-only", "HEAD~1").splitlines())
    assert changed == {"CHANGELOG.md", "Cargo.toml", "Cargo.lock", "sbom/mmap-rs.cdx.json"}
    assert tomllib.loads(clone.text("Cargo.toml"))["workspace"]["package"]["version"] == "7.8.9"
    lock = {p["name"]: p["version"] for p in tomllib.loads(clone.text("Cargo.lock"))["package"]}
    assert lock["mmap-rs-python"] == lock["mmap-rs-core"] == "7.8.9"
    changelog = clone.text("CHANGELOG.md")
    assert re.search(r"^## \[Unreleased\]\n\n## \[7\.8\.9\] - \d{4}-\d\d-\d\d\n", changelog, re.MULTILINE)
    assert release.section(changelog, "7.8.9") == unreleased
    assert "git push origin main v7.8.9" in done.stdout
    assert clone.release("check", "refs/tags/v7.8.9").returncode == 0
    assert clone.release("check", "refs/heads/main").returncode == 0
    assert "not of this tree" in clone.refusal("check", "refs/tags/v7.8.10")
    # And again, for what comes after it.
    assert "a tag v7.8.9 already" in clone.refusal("prepare", "7.8.9")
    assert "not newer" in clone.refusal("prepare", "7.8.8")
    assert "says nothing under 'Unreleased'" in clone.refusal("prepare", "7.8.10")


@needs_cargo
def test_a_dry_run_shows_the_commit_and_changes_nothing(clone: Clone) -> None:
    before = clone.git("rev-parse", "HEAD")
    done = clone.release("prepare", "7.8.9", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert '+version = "7.8.9"' in done.stdout
    assert "+## [7.8.9] - " in done.stdout
    assert (clone.git("rev-parse", "HEAD"), clone.git("status", "--porcelain")) == (before, "")
    assert clone.git("tag") == ""


@needs_cargo
@pytest.mark.parametrize("version", ["", "1.2", "v1.2.3", "1.2.3rc1", "01.2.3", "1.2.3\n"])
def test_what_is_no_version_is_refused(clone: Clone, version: str) -> None:
    assert "is no version: write three numbers" in clone.refusal("prepare", version)


@needs_cargo
def test_changes_that_are_not_committed_are_refused(clone: Clone) -> None:
    clone.edit("README.md", "\n", "\nMore.\n")
    assert "not committed" in clone.refusal("prepare", "7.8.9")


@needs_cargo
def test_another_branch_is_refused(clone: Clone) -> None:
    clone.git("switch", "--quiet", "--create", "topic")
    assert "on the branch main, and this is topic" in clone.refusal("prepare", "7.8.9")


@needs_cargo
def test_another_upstream_needs_a_minor_version(clone: Clone) -> None:
    assert clone.release("prepare", "7.8.9").returncode == 0
    clone.edit("Cargo.toml", f'mmap-rs = "={mmap_rs.__upstream_version__}"', 'mmap-rs = "=0.9.9"')
    clone.edit("CHANGELOG.md", "## [Unreleased]", "## [Unreleased]\n\n- Another upstream.")
    clone.commit("Another upstream")
    said = clone.refusal("prepare", "7.8.10")
    assert f"mmap-rs changed from {mmap_rs.__upstream_version__} to 0.9.9" in said
    assert "needs a new minor version" in said


def test_upstreams_version_is_pinned_and_told() -> None:
    pin: str = MANIFEST["workspace"]["dependencies"]["mmap-rs"]
    assert pin == f"={mmap_rs.__upstream_version__}"
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))
    locked = [p["version"] for p in lock["package"] if p["name"] == "mmap-rs"]
    assert locked == [mmap_rs.__upstream_version__]
    # And ours is another thing: it says what changes for users of this package.
    assert mmap_rs.__version__ == VERSION


def test_the_metadata_name_the_systems_that_there_are_wheels_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {line for line in project["classifiers"] if line.startswith("Operating System :: ")}
    names = {
        "android": "Android",
        "freebsd": "POSIX :: BSD :: FreeBSD",
        "ios": "iOS",
        "linux": "POSIX :: Linux",
        "macos": "MacOS",
        "musl": "POSIX :: Linux",
        "windows": "Microsoft :: Windows",
    }
    targets = tomllib.loads((ROOT / "tiers.toml").read_text(encoding="utf-8"))["target"]
    released = {target["system"] for target in targets}
    assert named == {f"Operating System :: {names[system]}" for system in released}


def test_the_files_of_a_release_are_those_of_the_list(tmp_path: Path) -> None:
    names = [f"mmap_rs-{VERSION}.tar.gz"]
    for target in load():
        names += [
            f"mmap_rs-{VERSION}-{build_wheel.TAGS[kind]}-old.{target.tag}.whl" for kind in target.pythons
        ]
    for name in names:
        (tmp_path / name).touch()
    release.complete(str(tmp_path))
    (tmp_path / names[3]).unlink()
    others = ["other.whl", names[1].replace(VERSION, "9.9.9"), names[1].replace("mmap_rs", "other")]
    for name in others:
        (tmp_path / name).touch()
    with pytest.raises(SystemExit) as refused:
        release.complete(str(tmp_path))
    assert "0 wheels instead of one for" in str(refused.value)
    for name in others:
        assert f"{name} is no wheel of {VERSION} for a target" in str(refused.value)


@needs_cargo
def test_the_papers_on_other_crates_are_current() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.notices", "--check"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    bill = json.loads((ROOT / "sbom" / "mmap-rs.cdx.json").read_text(encoding="utf-8"))
    references = {component["bom-ref"] for component in bill["components"]}
    references.add(bill["metadata"]["component"]["bom-ref"])
    assert {entry["ref"] for entry in bill["dependencies"]} == references
    assert {need for entry in bill["dependencies"] for need in entry["dependsOn"]} <= references
    paper = (ROOT / "THIRD-PARTY.md").read_text(encoding="utf-8")
    for component in bill["components"]:
        assert f"- {component['name']} {component['version']} (" in paper


NAME = f"mmap_rs-{VERSION}-cp311-abi3-manylinux_2_17_x86_64.whl"
FREEBSD = "mmap_rs-1.2.3-cp311-abi3-freebsd_14_2_release_amd64.whl"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems' pip has fixed tags")
@pytest.mark.parametrize(
    ("platform", "taken"),
    [
        ("freebsd-14.4-RELEASE-p2-amd64", "freebsd_14_4_release_p2_amd64"),
        ("freebsd-14.2-RELEASE-amd64", "freebsd_14_2_release_amd64"),
    ],
)
def test_the_page_says_how_to_install_on_freebsd(tmp_path: Path, platform: str, taken: str) -> None:
    page = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    # A wheel that says of itself only what pip needs.
    info = "mmap_rs-1.2.3.dist-info"
    with zipfile.ZipFile(tmp_path / FREEBSD, "w") as wheel:
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: mmap-rs\nVersion: 1.2.3\n")
        tag = "cp311-abi3-freebsd_14_2_release_amd64"
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n")
        wheel.writestr(f"{info}/RECORD", "")
    # This Python says that it runs on FreeBSD, and pip believes it.
    pytest.importorskip("ensurepip", reason="Debian's Python has it in the package python3-venv")
    venv.create(tmp_path / "env", with_pip=True)
    python = str(tmp_path / "env" / "bin" / "python")
    env = {**os.environ, "_PYTHON_HOST_PLATFORM": platform}
    words = [python, "-m", "pip", "install", "--no-index", "--find-links", ".", "mmap-rs"]
    refused = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, check=False)
    assert (refused.returncode == 0) == (taken in FREEBSD)
    code = code.replace("python3.11", shlex.quote(python))
    subprocess.run(["sh", "-e", "-u", "-c", code], cwd=tmp_path, env=env, check=True)
    assert [it.name.rsplit("-", 1)[1] for it in tmp_path.glob("renamed/*")] == [f"{taken}.whl"]
    shown = [python, "-m", "pip", "show", "mmap-rs"]
    assert b"Version: 1.2.3" in subprocess.check_output(shown, cwd=tmp_path, env=env)


def test_a_source_distribution_is_the_whole_tree() -> None:
    tree = {"Cargo.toml", "tests/test_a.py", "benchmarks/rust/Cargo.toml"}
    assert same_wheel.sdist_problems({*tree, "PKG-INFO"}, tree) == []
    assert same_wheel.sdist_problems({*tree, "target/a.so"}, tree) == [
        "not in the sdist: PKG-INFO",
        "only in the sdist: target/a.so",
    ]
    fewer = {*tree, "PKG-INFO"} - {"benchmarks/rust/Cargo.toml"}
    assert same_wheel.sdist_problems(fewer, tree) == ["not in the sdist: benchmarks/rust/Cargo.toml"]


def archive(path: Path, files: dict[str, bytes], mode: int = 0o644) -> Path:
    """Make a wheel of files."""
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as out:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            out.writestr(entry, data)
    return path


def test_wheels_are_compared_down_to_their_modes(tmp_path: Path) -> None:
    first = archive(tmp_path / "a" / NAME, {"x": b"1", "y": b"2"})
    assert same_wheel.differences(first, archive(tmp_path / "b" / NAME, {"x": b"1", "y": b"2"})) == []
    other = archive(tmp_path / "c" / NAME, {"x": b"0", "z": b"2"})
    assert same_wheel.differences(first, other) == [
        "not in both wheels: x",
        "not in both wheels: y",
        "not in both wheels: z",
    ]
    other = archive(tmp_path / "d" / NAME, {"x": b"1", "y": b"2"}, mode=0o600)
    assert "modes" in same_wheel.differences(first, other)[0]
    other = archive(tmp_path / "e" / NAME, {"y": b"2", "x": b"1"})
    assert "order" in same_wheel.differences(first, other)[0]
    other = archive(tmp_path / "f" / FREEBSD, {"x": b"1", "y": b"2"})
    assert "names differ" in same_wheel.differences(first, other)[0]


INFO = f"mmap_rs-{VERSION}.dist-info"


def wheel(**changes: bytes) -> dict[str, bytes]:
    """The files of a wheel as it should be, but for changes."""
    package = ROOT / "python" / "mmap_rs"
    sources = [path for pattern in inspect_wheel.PACKAGE for path in package.rglob(pattern)]
    files = {f"mmap_rs/{path.relative_to(package).as_posix()}": path for path in sources}
    files |= {f"{INFO}/licenses/{name}": ROOT / name for name in inspect_wheel.LICENCES}
    files[f"{INFO}/sboms/mmap-rs.cdx.json"] = ROOT / "sbom" / "mmap-rs.cdx.json"
    metadata = [
        "Metadata-Version: 2.4",
        "Name: mmap-rs",
        f"Version: {VERSION}",
        "License-Expression: MIT OR Apache-2.0",
        *(f"License-File: {name}" for name in inspect_wheel.LICENCES),
        "Requires-Python: >=3.11",
    ]
    made = {
        "mmap_rs/_mmap_rs.abi3.so": b"\0libgcc_s.so.1\0",
        f"{INFO}/METADATA": "\n".join(metadata).encode(),
        f"{INFO}/WHEEL": b"Root-Is-Purelib: false\nTag: cp311-abi3-manylinux_2_17_x86_64\n",
        f"{INFO}/entry_points.txt": b"[console_scripts]\nmmap-rs=mmap_rs.__main__:main\n",
        f"{INFO}/RECORD": b"",
    }
    found = {name: path.read_bytes() for name, path in files.items()} | made
    return found | changes


def problems(files: dict[str, bytes], name: str = NAME, size: int = 1) -> str:
    return "\n".join(inspect_wheel.problems(name, files, size, {}))


def test_a_wheel_as_it_should_be_has_no_problems() -> None:
    assert problems(wheel()) == ""


@pytest.mark.parametrize("name", sorted(wheel()))
def test_a_wheel_that_lacks_something_is_seen(name: str) -> None:
    files = wheel()
    del files[name]
    assert problems(files) != ""


def test_a_wheel_with_wrong_content_is_seen() -> None:
    limit = inspect_wheel.LIMIT
    assert problems(wheel(), size=limit) == ""
    assert "allowed" in problems(wheel(), size=limit + 1)
    assert "not of version" in problems(wheel(), NAME.replace(VERSION, "9.9.9"))
    assert "don't say Name: mmap-rs" in problems(wheel(**{f"{INFO}/METADATA": b"Name: other\n"}))
    assert "should not have" in problems(wheel(**{"mmap_rs.libs/libfoo.so": b""}))
    assert "instead of one" in problems(wheel(**{"mmap_rs/_mmap_rs.pyd": b""}))
    for name in ("mmap_rs/py.typed", "mmap_rs/_flags.pyi", f"{INFO}/sboms/mmap-rs.cdx.json"):
        assert f"its {name} is not the tree's" in problems(wheel(**{name: b"other"}))
    metadata = wheel()[f"{INFO}/METADATA"] + b"\nRequires-Dist: rich ; extra == 'cli'\n"
    assert problems(wheel(**{f"{INFO}/METADATA": metadata})) == ""
    more = metadata + b"Requires-Dist: other>=1\n"
    assert "more than Python: Requires-Dist: other" in problems(wheel(**{f"{INFO}/METADATA": more}))
    retagged = NAME.replace("cp311-abi3", "cp313-cp313")
    assert "differ in the tag cp313-cp313-manylinux_2_17_x86_64" in problems(wheel(), retagged)
    pure = wheel()[f"{INFO}/WHEEL"].replace(b"false", b"true")
    assert "Root-Is-Purelib" in problems(wheel(**{f"{INFO}/WHEEL": pure}))
    other = wheel()[f"{INFO}/entry_points.txt"] + b"other=other:main\n"
    assert "entry points" in problems(wheel(**{f"{INFO}/entry_points.txt": other}))
    unlisted = wheel(**{"mmap_rs/_mmap_rs.abi3.so": b"/crates/other-1.2.3/src/lib.rs"})
    assert "its list of components does not name other 1.2.3" in problems(unlisted)
    for private in (b"/home/someone/src/lib.rs", b"D:\\a\\mmap-rs"):
        files = wheel(**{"mmap_rs/_mmap_rs.abi3.so": private})
        assert "names a folder of the machine" in problems(files)
        assert inspect_wheel.problems(NAME, files, 1) == []


def test_a_wheel_is_compared_with_its_own_list(tmp_path: Path) -> None:
    pytest.importorskip("installer", reason="there is no installer, which reads RECORD")
    with pytest.raises(ValueError, match="not mentioned in RECORD"):
        inspect_wheel.inspect(archive(tmp_path / NAME, wheel()))
