"""Leads readers of the reference on: each member to an example, each `name()` in its text to its entry.

A member whose docstring has no example gets a link to the first one that uses it: on its own page of the
reference, or in a guide that the page links. `tests/test_site.py` shows that every member has one.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mmap_rs

FENCE = re.compile(r"^```python\n(.*?)^```$|^(#+) ([^\n]+)$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([\w./-]+\.md)(?:#[\w-]*)?\)")
HEADING = re.compile(r'(<h[23] id="(mmap_rs\.[\w.]+)" class="doc doc-heading">)')
ANCHOR = re.compile(r'<code id="([\w.]+)">')
# Where the text of an entry ends.
END_OF_CLASS = '<div class="doc doc-children">'
END_OF_MEMBER = "\n    </div>\n\n</div>"
# What begins a line of an example in a docstring.
PROMPT = 'class="gp"'
CALL = re.compile(r"<code>(?:(\w+)\.)?(\w+)\(\)</code>(?!</a>)")


@dataclass(frozen=True)
class Example:
    """A code block of a page: where it is, and the classes and members that it uses."""

    title: str
    page: str  # below docs, such as guides/numpy.md
    anchor: str
    uses: frozenset[str]


def anchor_of(heading: str) -> str:
    """Return the anchor that the generator gives to a heading.

    >>> anchor_of("A growing buffer, `merge` & more")
    'a-growing-buffer-merge-more'
    """
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


def examples(text: str, page: str) -> list[Example]:
    r"""List the code blocks of a page.

    >>> page = "# A map\n\n## Use it\n\n```python\nm.fill(0)\n```\n"
    >>> [(example.title, example.anchor, sorted(example.uses)) for example in examples(page, "a.md")]
    [('Use it', 'use-it', ['fill'])]
    """
    found: list[Example] = []
    title, anchor = "", ""
    for match in FENCE.finditer(text):
        code, level, heading = match.groups()
        if level:
            title, anchor = heading.strip(), anchor_of(heading) if len(level) > 1 else ""
        else:
            uses = frozenset(used(code))
            found.append(Example(title, page, anchor, uses))
    return found


def used(code: str) -> Iterator[str]:
    """Give the attributes in a piece of code, and the names that are the package's.

    A variable, or a function of Python's own, that has the name of a member does not use it.

    >>> sorted(used("start = m.size(); len(m); Mmap.try_from(m)"))
    ['Mmap', 'size', 'try_from']
    """
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name) and node.id in mmap_rs.__all__:
            yield node.id


def near(docs: Path, page: str) -> list[Example]:
    """List the examples on a page and on those that it links, in the order of the links."""
    text = (docs / page).read_text(encoding="utf-8")
    linked = [(docs / page).parent / target for target in LINK.findall(text)]
    pages = dict.fromkeys([page, *(path.resolve().relative_to(docs).as_posix() for path in linked)])
    return [
        example
        for name in pages
        for example in examples((docs / name).read_text(encoding="utf-8"), name)
    ]


def lead(name: str, found: list[Example], up: str) -> str:
    """Write the line that leads from a member to the first example that uses it, if any does."""
    for example in found:
        if name in example.uses:
            target = f"{up}{example.page.removesuffix('.md')}.html#{example.anchor}".rstrip("#")
            return f'<p class="lead-on">Example: <a href="{target}">{example.title}</a></p>\n'
    return ""


def on_page_content(html: str, page: Any, config: Any, **_: Any) -> str:
    """Lead on from each member in a page of the reference."""
    name = page.file.src_uri
    if not name.startswith("reference/"):
        return html
    # What signatures link to, beside the entries themselves.
    for anchor in ANCHOR.findall(html):
        config["plugins"]["autorefs"].register_anchor(page, anchor)
    found = near(Path(config["docs_dir"]).resolve(), name)
    head, *parts = HEADING.split(html)
    out = [head]
    owner = ""
    for heading, identifier, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        if heading.startswith("<h2"):
            owner = identifier.rpartition(".")[2]
        out += [heading, linked(with_lead(body, identifier.rpartition(".")[2], found), owner)]
    return "".join(out)


def with_lead(body: str, name: str, found: list[Example]) -> str:
    """Put the link to an example at the end of a text, unless it has an example."""
    end = body.find(END_OF_CLASS) if END_OF_CLASS in body else body.find(END_OF_MEMBER)
    if PROMPT in body or end < 0:
        return body
    return body[:end] + lead(name, found, "../") + body[end:]


def linked(body: str, owner: str) -> str:
    """Link each `name()` and `Class.name()` in the text of a class to its entry, where there is one."""

    def link(call: re.Match[str]) -> str:
        classes = [call[1]] if call[1] else [owner, "MmapOptions", "Mmap", "MmapMut"]
        for name in classes:
            if hasattr(getattr(mmap_rs, name, None), call[2]):
                return f'<autoref identifier="mmap_rs.{name}.{call[2]}">{call[0]}</autoref>'
        return call[0]

    return CALL.sub(link, body)
