"""What mkdocstrings' backlinks don't do: lead from each member of the reference to an example with it.

A member whose docstring has no example gets a link to the first one that uses it: on its own page of the
reference, or in a guide that the page links. `tests/project/test_site.py` shows that every member has one.
Each `name()` in a text is linked to its entry, and papers of the root folder become pages. The link to the
source is pyproject.toml's. Types stand in the signatures only.
"""

import ast
import re
from pathlib import Path
from typing import Any

from markdown.extensions.toc import slugify

import mmap_rs
from tools.inspect_wheel import repository

# A paper of the root folder that is a page of the site too, and a link in it to another paper.
PAPER = re.compile(r'^--8<-- "([A-Z]+)\.md"$', re.MULTILINE)
TO_PAPER = re.compile(r"\]\((?:docs/([^)]+)|([A-Z]+)(\.md(?:#[^)]*)?))\)")
FENCE = re.compile(r"^```python\n(.*?)^```$|^(#+) ([^\n]+)$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([\w./-]+\.md)(?:#[\w-]*)?\)")
HEADING = re.compile(r'(<h[23] id="(mmap_rs\.[\w.]+)" class="doc doc-heading">)')
ANCHOR = re.compile(r'<code id="([\w.]+)">')
# The type and the default of a parameter in the list of them: the signature above it has both.
TYPE = re.compile(
    r'(<li class="doc-section-item field-body">\s*<b><code>\w+</code></b>)\s*\(.*?\)(?=\s*\N{EN DASH})',
    re.DOTALL,
)
# Where the text of an entry ends: of a class, of a member.
ENDS = ('<div class="doc doc-children">', "\n    </div>\n\n</div>")
# What begins a line of an example in a docstring.
PROMPT = 'class="gp"'
CALL = re.compile(r"<code>(?:(\w+)\.)?(\w+)\(\)</code>(?!</a>)")


def on_config(config: Any, **_: Any) -> Any:
    """Let the link at the top of each page lead to the source."""
    config["repo_url"], config["repo_name"] = repository(), "Source"
    return config


def as_page(text: str) -> str:
    """Let the links of a paper of the root folder lead to pages of the site.

    >>> as_page("[a](docs/guides/a.md), [b](SECURITY.md#how), [c](https://example.org)")
    '[a](guides/a.md), [b](security.md#how), [c](https://example.org)'
    """
    return TO_PAPER.sub(lambda link: f"]({link[1] or link[2].lower() + link[3]})", text)


def on_page_markdown(markdown: str, config: Any, **_: Any) -> str:
    """Put a paper of the root folder into the page that names it."""
    root = Path(config["docs_dir"]).parent
    return PAPER.sub(lambda named: as_page((root / f"{named[1]}.md").read_text(encoding="utf-8")), markdown)


def used(code: str) -> set[str]:
    """Return the attributes in a piece of code, and the names that are the package's.

    A variable, or a function of Python's own, that has the name of a member does not use it.

    >>> sorted(used("start = m.size(); len(m); Mmap.try_from(m)"))
    ['Mmap', 'size', 'try_from']
    """
    nodes = list(ast.walk(ast.parse(code)))
    names = {node.id for node in nodes if isinstance(node, ast.Name)} & {*mmap_rs.__all__}
    return names | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def examples(text: str, page: str) -> list[tuple[str, set[str]]]:
    r"""List the code blocks of a page: a link to each, and what it uses.

    >>> examples("# A map\n\n## Use it\n\n```python\nm.fill(0)\n```\n", "guides/a.md")
    [('<a href="../guides/a.html#use-it">Use it</a>', {'fill'})]
    """
    found: list[tuple[str, set[str]]] = []
    title, target = "", ""
    for code, level, heading in FENCE.findall(text):
        if level:
            title, target = heading.strip(), f"../{page.removesuffix('.md')}.html"
            target += f"#{slugify(heading, '-')}" if len(level) > 1 else ""
        else:
            found.append((f'<a href="{target}">{title}</a>', used(code)))
    return found


def with_lead(body: str, name: str, found: list[tuple[str, set[str]]]) -> str:
    """Put a link to the first example that uses a member at the end of its text, unless it has one."""
    end = next((place for mark in ENDS if (place := body.find(mark)) >= 0), -1)
    link = next((link for link, uses in found if name in uses), None)
    if PROMPT in body or end < 0 or link is None:
        return body
    return f'{body[:end]}<p class="lead-on">Example: {link}</p>\n{body[end:]}'


def linked(body: str, owner: str) -> str:
    """Link each `name()` and `Class.name()` in the text of a class to its entry, where there is one."""

    def link(call: re.Match[str]) -> str:
        for name in [call[1]] if call[1] else [owner, "MmapOptions", "Mmap", "MmapMut"]:
            if hasattr(getattr(mmap_rs, name, None), call[2]):
                return f'<autoref identifier="mmap_rs.{name}.{call[2]}">{call[0]}</autoref>'
        return call[0]

    return CALL.sub(link, body)


def on_page_content(html: str, page: Any, config: Any, **_: Any) -> str:
    """Lead on from each member in a page of the reference."""
    if not page.file.src_uri.startswith("reference/"):
        return html
    # What signatures link to, beside the entries themselves.
    for anchor in ANCHOR.findall(html):
        config["plugins"]["autorefs"].register_anchor(page, anchor)
    docs, own = Path(config["docs_dir"]).resolve(), page.file.src_uri
    targets = LINK.findall((docs / own).read_text(encoding="utf-8"))
    paths = [((docs / own).parent / target).resolve() for target in targets]
    found = [
        example
        for path in dict.fromkeys([docs / own, *paths])
        for example in examples(path.read_text(encoding="utf-8"), path.relative_to(docs).as_posix())
    ]
    head, *parts = HEADING.split(TYPE.sub(r"\1", html))
    owner = ""
    for heading, identifier, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        name = identifier.rpartition(".")[2]
        owner = name if heading.startswith("<h2") else owner
        head += heading + linked(with_lead(body, name, found), owner)
    return head
