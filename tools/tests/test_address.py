"""The repository's address: one placeholder until it is known, which nothing released may hold."""

import base64
import hashlib
import re
import tomllib
from pathlib import Path

import pytest

from tools import inspect_wheel, release
from tools.tests.test_release import NAME, Clone, archive, clone, needs_cargo, wheel
from tools.tiers.targets import ROOT
from tools.tiers.work import Failed

__all__ = ["clone"]  # a fixture

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_package_index_shows_links_and_one_sentence() -> None:
    assert {*PROJECT["urls"]} == {"Repository", "Documentation", "Changelog", "Issues"}
    own = inspect_wheel.repository()
    assert all(url == own or url.startswith(f"{own}/") for url in PROJECT["urls"].values())
    assert re.fullmatch(r"[^.\n]{20,160}\.", PROJECT["description"])


def test_links_of_the_readme_are_absolute_and_lead_into_the_tree() -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", README)
    own = f"{inspect_wheel.repository()}/"
    assert [link for link in links if not link.startswith("https://")] == []
    paths = [link.removeprefix(own).partition("/main/") for link in links if link.startswith(own)]
    assert len(paths) > 20
    wrong = [
        path
        for kind, _, path in paths
        if not ((ROOT / path).is_dir() if kind == "tree" else (ROOT / path).is_file())
    ]
    assert wrong == []


@needs_cargo
def test_a_release_refuses_the_placeholder(clone: Clone) -> None:
    assert clone.release("address", "https://repository.example/mmap-rs").returncode == 0
    clone.commit("No address")
    assert "address is not known" in clone.refusal("prepare", "7.8.9")
    whole = clone.text("CHANGELOG.md")
    section = f"## [Unreleased]\n\n## [{inspect_wheel.version()}] - 2026-01-01"
    clone.edit("CHANGELOG.md", "## [Unreleased]", section)
    assert "address is not known" in clone.refusal("check", f"refs/tags/v{inspect_wheel.version()}")
    clone.edit("CHANGELOG.md", clone.text("CHANGELOG.md"), whole)
    for name in release.ADDRESSED:
        assert "repository.example" in clone.text(name)
        whole = clone.text(name)
        clone.edit(name, whole, whole.replace("repository.example", "example.org"))
        other = next(each for each in release.ADDRESSED if each != name)
        assert "repository.example" in clone.text(other)
        assert "address is not known" in clone.refusal("prepare", "7.8.9")
        clone.git("checkout", "--", name)


@needs_cargo
def test_one_command_writes_the_address(clone: Clone) -> None:
    for url in ("https://github.com/a/b", "https://git.example.org/a/b-c"):
        assert clone.release("address", url).returncode == 0
        assert f"]({url}/blob/main/docs/" in clone.text("README.md")
        assert f'Repository = "{url}"' in clone.text("pyproject.toml")
        assert clone.text("README.md").count(url) == README.count(inspect_wheel.repository())
    for url in ("github.com/a/b", "https://github.com/a/b/", "https://github.com", "https://a b/c"):
        assert "is not the address" in clone.refusal("address", url)


def row(name: str, content: bytes) -> str:
    """A file's row of RECORD."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}"


def test_a_wheel_with_the_placeholder_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("installer", reason="there is no installer, which reads RECORD")
    files = wheel()
    info = next(name for name in files if name.endswith("/METADATA"))
    record = info.replace("METADATA", "RECORD")
    files[info] += b"\nProject-URL: Repository, https://repository.example/mmap-rs\n"
    rows = [row(name, content) for name, content in files.items() if name != record]
    files[record] = "\n".join([*rows, f"{record},,"]).encode()
    with pytest.raises(Failed, match=r"its metadata lead to https://repository\.ex"):
        inspect_wheel.inspect(archive(tmp_path / NAME, files))
