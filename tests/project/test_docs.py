"""What the papers say: their examples run, their links lead somewhere, their commands exist."""

import doctest
import importlib
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mmap_rs
from tests.support.child_process import TIMEOUT_FACTOR, check_child, child_environment
from tests.support.paths import ROOT

PAPERS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    """List the Python examples of all papers, each with its place."""
    found: list[tuple[str, str]] = []
    for paper in PAPERS:
        text = paper.read_text(encoding="utf-8")
        for match in FENCE.finditer(text):
            line = text.count("\n", 0, match.start()) + 2
            found.append((f"{paper.relative_to(ROOT).as_posix()}:{line}", match[1]))
    return found


def shell_blocks() -> list[tuple[str, str]]:
    """List the examples for the shell that use the project's command, each with its paper and number."""
    return [
        (f"{paper.relative_to(ROOT).as_posix()}:{number}", match[1])
        for paper in PAPERS
        for number, match in enumerate(SHELL.finditer(paper.read_text(encoding="utf-8")))
        if re.search(r"^mmap-rs ", match[1], re.MULTILINE)
    ]


# What a line of the site holds on a screen of usual width, without scrolling.
WIDTH = 82


@pytest.mark.parametrize(("place", "code"), blocks(), ids=lambda value: value.split("\n")[0])
def test_example_is_no_wider_than_the_page(place: str, code: str) -> None:
    if place.startswith("docs/"):
        assert [line for line in code.split("\n") if len(line) > WIDTH] == [], place


@pytest.mark.parametrize(("place", "code"), blocks(), ids=lambda value: value.split("\n")[0])
def test_example_of_numpy_passes_type_checkers(place: str, code: str) -> None:
    # NumPy's stubs list the classes that it takes; a memoryview is one of them.
    calls = re.findall(r"np\.frombuffer\((\w+)", code)
    assert set(calls) <= {"memoryview"}, place


def names(module: str) -> list[str]:
    inner = pkgutil.walk_packages(mmap_rs.__path__, f"{module}.")
    return [module, *(info.name for info in inner)]


# What an example needs that Windows has not, by what its code names.
NOT_WINDOWS = {"with_fault_guard": "no guard against files that shrink", "import fcntl": "no fcntl"}


@pytest.mark.parametrize(("place", "code"), blocks(), ids=lambda value: value.split("\n")[0])
def test_example_runs(place: str, code: str, tmp_path: Path) -> None:
    del place  # names the example in the test's id
    for name, lack in NOT_WINDOWS.items():
        if sys.platform == "win32" and name in code:
            pytest.skip(f"Windows has {lack}")
    if "import numpy" in code:
        pytest.importorskip("numpy")
    if '__name__ == "__main__"' in code:
        # Its processes import it: it is a file, as a reader's program is.
        (tmp_path / "example.py").write_text(code, encoding="utf-8")
        run_it = "[sys.executable, '-W', 'error', 'example.py']"
        code = f"import subprocess, sys; subprocess.run({run_it}, check=True)"
    check_child(code, cwd=tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="examples for a POSIX shell")
@pytest.mark.parametrize(("place", "code"), shell_blocks(), ids=lambda value: value.split("\n")[0])
def test_shell_example_runs(place: str, code: str, tmp_path: Path) -> None:
    del place  # names the example in the test's id
    if "| jq " in code and shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    if shutil.which("sh") is None:
        pytest.skip("there is no shell")
    # The command as installed beside this interpreter.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "-e", "-u", "-c", code],
        cwd=tmp_path,
        env={**child_environment(), "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60 * TIMEOUT_FACTOR,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout or any(tmp_path.iterdir())


def test_readme_leads_to_an_example_for_each_use() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    uses = readme.split("\n## What it can do\n")[1].split("\n## ")[0].splitlines()
    link = re.compile(r"\]\(https://[^)]+/main/(docs/[^)]+)\) \|$")
    pages = [found[1] for row in uses if (found := link.search(row))]
    assert len(pages) >= 10
    texts = {page: (ROOT / page).read_text(encoding="utf-8") for page in pages}
    assert [page for page, text in texts.items() if "```python\n" not in text] == []


def test_readme_begins_with_what_to_install_and_a_first_mapping() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 200
    first = "\n".join(readme.splitlines()[:45])
    assert "pip install mmap-rs" in first
    code = [match[1] for match in FENCE.finditer(readme)][:2]
    assert [len(block.splitlines()) <= 13 for block in code] == [True, True]
    assert '"r+") as m:' in code[0]
    assert 'map_file("words.txt") as m:' in code[1]
    assert all(block in first for block in code)


@pytest.mark.parametrize("module", names("mmap_rs"))
def test_docstring_examples_run(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # they make files
    public = {name: getattr(mmap_rs, name) for name in mmap_rs.__all__}
    outcome = doctest.testmod(
        importlib.import_module(module), extraglobs=public, optionflags=doctest.ELLIPSIS
    )
    assert outcome.failed == 0


@pytest.mark.parametrize("tool", sorted((ROOT / "tools").glob("*.py")), ids=lambda path: path.name)
def test_examples_of_tools_run(tool: Path) -> None:
    if tool.name == "site_hooks.py":
        pytest.importorskip(
            "markdown", reason="Python-Markdown is not installed: make docs brings it"
        )
    assert doctest.testmod(importlib.import_module(f"tools.{tool.stem}")).failed == 0


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files(paper: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", paper.read_text(encoding="utf-8"))
    local = [
        target for target in targets if "://" not in target and not target.startswith("mailto:")
    ]
    assert [target for target in local if not (paper.parent / target).exists()] == []


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_named_exist(paper: Path) -> None:
    text = paper.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert named - set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)) == set()


def test_every_public_name_is_on_the_site() -> None:
    reference = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md"))
    missing = [
        name
        for name in mmap_rs.__all__
        if f"::: mmap_rs.{name}\n" not in reference and f"`{name}`" not in reference
    ]
    assert missing == []


def test_the_page_for_rust_programmers_is_current() -> None:
    if shutil.which("cargo") is None:
        pytest.skip("needs Cargo to find the crate's source")
    page = ROOT / "tests" / "rust-parity" / "page.py"
    done = subprocess.run([sys.executable, page, "--check"], check=False, timeout=100)
    assert done.returncode == 0, "run make docstrings"
