"""What the site's build does beyond its configuration in `mkdocs.yml`."""

import re
from pathlib import Path
from typing import Any, cast

# The theme takes this from another host; the site brings its own copy, so that search works offline.
FOREIGN = "https://unpkg.com/iframe-worker/shim"
OWN = "assets/iframe-worker.js"
# A paper of the root folder that is a page of the site too, and a link in it to another paper.
PAPER = re.compile(r'^--8<-- "([A-Z]+)\.md"$', re.MULTILINE)
TO_PAPER = re.compile(r"\]\((?:docs/([^)]+)|([A-Z]+)(\.md(?:#[^)]*)?))\)")
# Pages whose tables need the room of the list of headings.
WIDE = {"platforms.md"}
FETCHED = re.compile(r'<(?:script|link|img|iframe)[^>]* (?:src|href)="(?:https?:)?//[^"]*"')


def named(nav: object) -> set[str]:
    """Collect the pages that a part of the navigation names.

    >>> sorted(named([{"Home": "index.md"}, {"More": ["a.md", {"B": "b.md"}]}]))
    ['a.md', 'b.md', 'index.md']
    """
    if isinstance(nav, str):
        return {nav}
    if isinstance(nav, dict):
        return named(list(cast("dict[str, object]", nav).values()))
    return set[str]().union(*(named(part) for part in cast("list[object]", nav)))


def on_config(config: Any) -> Any:
    """Put pages that the navigation does not name into its last part: none can be forgotten."""
    docs = Path(config["docs_dir"])
    pages = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")}
    (last,) = config["nav"][-1].values()
    # The changelog stays the last.
    last[-1:-1] = sorted(pages - named(config["nav"]))
    return config


def as_page(text: str) -> str:
    """Let the links of a paper of the root folder lead to pages of the site.

    >>> as_page("[a](docs/guides/a.md), [b](SECURITY.md#how), [c](https://example.org)")
    '[a](guides/a.md), [b](security.md#how), [c](https://example.org)'
    """
    return TO_PAPER.sub(lambda link: f"]({link[1] or link[2].lower() + link[3]})", text)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Put a paper of the root folder into the page that names it; make room for wide tables."""
    if page.file.src_uri in WIDE:
        page.meta["hide"] = ["toc"]
    root = Path(__file__).resolve().parent.parent
    return PAPER.sub(
        lambda named: as_page((root / f"{named[1]}.md").read_text(encoding="utf-8")), markdown
    )


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Let a page take the search's helper from the site itself."""
    return output.replace(FOREIGN, "../" * page.url.count("/") + OWN)


def on_post_template(output_content: str, **_: Any) -> str:
    """Do the same for what is no page, such as 404.html."""
    return output_content.replace(FOREIGN, OWN)


def on_post_build(config: Any, **_: Any) -> None:
    """Refuse a site that fetches something from another host."""
    for path in Path(config["site_dir"]).rglob("*.html"):
        found = FETCHED.search(path.read_text(encoding="utf-8"))
        if found:
            msg = f"{path}: {found[0]} is from another host"
            raise SystemExit(msg)
