"""The site's search: who types a name of another library finds the page that says what to use."""

import html
import json
import mmap
import re
import sys

import pytest

pytest.importorskip("mkdocs", reason="mkdocs is not installed: make docs brings it")

from tests.project.test_site import Site, site

__all__ = ["site"]  # a fixture

# Of the module `mmap`; other systems have more flags, all their own.
LINUX = ("ACCESS_", "MADV_", "MAP_", "PROT_")
MODULE = [
    name.lower()
    for name in dir(mmap)
    if name[0] != "_" and (sys.platform == "linux" or not name.startswith(LINUX))
]
TAG = re.compile(r"<[^>]*>")

NUMPY = [
    "memmap",
    "r",
    "r+",
    "c",
    "w+",
    "readonly",
    "readwrite",
    "copyonwrite",
    "write",
    "dtype",
    "shape",
    "order",
    "offset",
    "filename",
    "mode",
    "flush",
    "open_memmap",
    "mmap_mode",
]
# The functions of memmap2 0.9, and its types.
MEMMAP2 = [
    "map",
    "map_mut",
    "map_copy",
    "map_copy_read_only",
    "map_raw",
    "map_raw_read_only",
    "map_exec",
    "map_anon",
    "offset",
    "len",
    "stack",
    "huge",
    "populate",
    "no_reserve_swap",
    "flush",
    "flush_async",
    "flush_range",
    "flush_async_range",
    "make_read_only",
    "make_mut",
    "make_exec",
    "advise",
    "advise_range",
    "unchecked_advise",
    "unchecked_advise_range",
    "lock",
    "unlock",
    "remap",
    "may_move",
    "as_ptr",
    "as_mut_ptr",
    "mmap",
    "mmapmut",
    "mmapraw",
    "mmapoptions",
    "remapoptions",
    "advice",
    "uncheckedadvice",
]


def words(site: Site) -> dict[str, set[str]]:
    """Return what the search finds each page by, as its index is split."""
    text = (site.folder / "search" / "search_index.js").read_text(encoding="utf-8")
    index = json.loads(text[text.index("{") : text.rindex("}") + 1])
    separator = re.compile(index["config"]["separator"])
    found: dict[str, set[str]] = {}
    for part in index["docs"]:
        shown = html.unescape(TAG.sub("", f"{part['title']} {part['text']}")).lower()
        page = part["location"].partition("#")[0]
        found.setdefault(page, set()).update(separator.split(shown))
    return found


def public(of: object) -> list[str]:
    return [name.lower() for name in dir(of) if name[0] != "_"]


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("guides/from-mmap.html", [*public(mmap.mmap), *MODULE]),
        ("guides/from-numpy-memmap.html", NUMPY),
        ("guides/from-memmap2.html", MEMMAP2),
    ],
    ids=["mmap", "numpy.memmap", "memmap2"],
)
def test_names_of_other_libraries_lead_to_their_page(
    site: Site, page: str, names: list[str]
) -> None:
    known = words(site)[page]
    assert len(names) > 10
    assert [name for name in names if name not in known] == []


def test_names_of_mappings_are_found_in_the_reference(site: Site) -> None:
    known = words(site)
    reference = set[str]().union(*(known[page] for page in known if page.startswith("reference/")))
    names = ["resize", "flush", "lines", "map_file", "advise", "make_exec", "shared", "willneed"]
    assert [name for name in names if name not in reference] == []


def test_code_is_split_into_its_words(site: Site) -> None:
    known = set[str]().union(*words(site).values())
    assert [word for word in known if re.search(r"[.(),='\"`]", word)] == []
