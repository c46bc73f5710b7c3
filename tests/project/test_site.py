"""The built site: it warns of nothing, every link leads somewhere, every public name has an example."""

import enum
import html
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag

import pytest

import mmap_rs
from mmap_rs._file import MappingFile
from tests.support.paths import ROOT
from tools.inspect_wheel import repository

pytest.importorskip("mkdocs", reason="mkdocs is not installed: make docs brings it")

# A heading of the reference, and what shows an example below it or leads to one.
ENTRY = re.compile(r'<h[23] id="(mmap_rs\.[\w.]+)" class="doc doc-heading">')
EXAMPLE = re.compile(r'class="gp"|class="lead-on"')
# A signature, and what a line holds on a screen of usual width.
SIGNATURE = re.compile(r'class="[^"]*doc-signature[^"]*">(.*?)</div>', re.DOTALL)
FETCHED = re.compile(r'<(?:script|link|img|iframe)[^>]* (?:src|href)="(?:https?:)?//[^"]*"')
TAG = re.compile(r"<[^>]*>")
WIDTH = 82


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        for name, value in attrs:
            if name in {"href", "src"} and value is not None:
                self.links.append(value)
            elif name == "id" and value is not None:
                self.anchors.add(value)


@dataclass
class Site:
    """A built site: what the build said, the pages, and the entries of the reference."""

    folder: Path
    said: str
    pages: dict[Path, Page] = field(default_factory=dict[Path, Page])
    entries: dict[str, str] = field(default_factory=dict[str, str])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    built = Site(folder, done.stderr)
    for path in folder.rglob("*.html"):
        # What a server sends in place of a page that is not there, with links from its root.
        if path.name == "404.html":
            continue
        text = path.read_text(encoding="utf-8")
        built.pages[path] = Page(text)
        _, *parts = ENTRY.split(text)
        built.entries.update(zip(parts[::2], parts[1::2], strict=True))
    return built


def public() -> list[str]:
    """List what the reference must have: each class with its members, each flag class without them."""
    values = [getattr(mmap_rs, name) for name in mmap_rs.__all__]
    classes: list[type[Any]] = [value for value in values if isinstance(value, type)]
    found: list[str] = []
    for cls in classes:
        found.append(f"mmap_rs.{cls.__name__}")
        if not issubclass(cls, enum.Enum | BaseException):
            members = [name for name in dir(cls) if not name.startswith("_")]
            found += [f"mmap_rs.{cls.__name__}.{name}" for name in members]
    own = [name for name, value in vars(MappingFile).items() if callable(value) and name[0] != "_"]
    return [*found, *(f"mmap_rs._file.MappingFile.{name}" for name in own)]


def test_build_warns_of_nothing(site: Site) -> None:
    assert "WARNING" not in site.said


def test_every_public_class_is_in_all() -> None:
    classes = {name for name in dir(mmap_rs) if isinstance(getattr(mmap_rs, name), type)}
    assert classes <= set(mmap_rs.__all__)


@pytest.mark.parametrize("name", public())
def test_public_name_has_an_entry_with_an_example(site: Site, name: str) -> None:
    assert name in site.entries
    assert EXAMPLE.search(site.entries[name]), f"{name} has no example, and no link to one"


def test_signatures_are_no_wider_than_the_page(site: Site) -> None:
    shown = {
        name: html.unescape(TAG.sub("", signature[1])).split("\n")
        for name, text in site.entries.items()
        if (signature := SIGNATURE.search(text))
    }
    assert "mmap_rs.MmapOptions.with_file" in shown
    assert [name for name, lines in shown.items() if any(len(line) > WIDTH for line in lines)] == []


def test_constants_are_on_the_site(site: Site) -> None:
    constants = [name for name in mmap_rs.__all__ if name.startswith("_")]
    text = (site.folder / "reference" / "index.html").read_text(encoding="utf-8")
    assert [name for name in constants if f"<code>{name}</code>" not in text] == []


def test_every_member_of_a_flag_class_is_told_of(site: Site) -> None:
    text = (site.folder / "reference" / "flags.html").read_text(encoding="utf-8")
    flags = [mmap_rs.MmapFlags, mmap_rs.UnsafeMmapFlags, mmap_rs.Protection]
    classes: list[type[enum.Enum]] = [*flags, mmap_rs.ShareMode, mmap_rs.Inherit]
    names = [member.name for cls in classes for member in cls]
    assert [name for name in names if f"<code>{name}</code>" not in text] == []


def test_every_link_leads_somewhere(site: Site) -> None:
    lost: list[str] = []
    for path, page in site.pages.items():
        for link in page.links:
            target, anchor = urldefrag(unquote(link))
            if "://" in target or target.startswith(("mailto:", "data:")):
                continue
            there = (path.parent / target).resolve() if target else path
            known = site.pages.get(there)
            if not there.exists() or (anchor and known and anchor not in known.anchors):
                lost.append(f"{path.relative_to(site.folder)}: {link}")
    assert lost == []


def test_nothing_is_fetched_from_another_host(site: Site) -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in site.folder.rglob("*.html")}
    assert [path for path, text in texts.items() if FETCHED.search(text)] == []
    assert 'src="assets/iframe-worker.js"' in texts[site.folder / "index.html"]
    assert 'src="../assets/iframe-worker.js"' in texts[site.folder / "guides" / "index.html"]


def test_search_knows_every_class(site: Site) -> None:
    index = (site.folder / "search" / "search_index.js").read_text(encoding="utf-8")
    classes = [name for name in public() if name.count(".") == 1]
    assert [name for name in classes if f"#{name}" not in index] == []


def test_a_class_comes_before_its_samples(site: Site) -> None:
    texts = [
        path.read_text(encoding="utf-8") for path in (site.folder / "reference").glob("*.html")
    ]
    with_entries = [text for text in texts if ENTRY.search(text)]
    assert len(with_entries) > 10
    for text in with_entries:
        entry = ENTRY.search(text)
        assert entry is not None
        assert 'class="kn"' not in text[: entry.start()]  # an import


def test_types_stand_in_the_signatures_only(site: Site) -> None:
    again = re.compile(r'<li class="doc-section-item field-body">\s*<b><code>\w+</code></b>\s*\(')
    assert [name for name, text in site.entries.items() if again.search(text)] == []
    assert "doc-section-item" in site.entries["mmap_rs.MmapOptions.with_file"]


def test_every_page_leads_to_the_source(site: Site) -> None:
    link = f'<a href="{repository()}" title="Go to repository" class="md-source">'
    texts = {path: path.read_text(encoding="utf-8") for path in site.pages}
    assert [path for path, text in texts.items() if link not in text] == []
    assert 'href="changelog.html"' in texts[site.folder / "index.html"]
    assert "<code>MmapFlags.SHARED</code>" in texts[site.folder / "index.html"]


def test_platforms_begin_with_how_each_was_tested(site: Site) -> None:
    text = (site.folder / "platforms.html").read_text(encoding="utf-8")
    before, _, folded = text.partition("<details>")
    assert "tested under Wine" in before
    assert "-unknown-linux-" not in before
    assert "passed" in folded.partition("</details>")[0]
