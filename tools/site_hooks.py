"""What the site's build does beyond its configuration in `mkdocs.yml`."""

from pathlib import Path
from typing import Any


def named(nav: Any) -> set[str]:
    """Collect the pages that a part of the navigation names."""
    if isinstance(nav, str):
        return {nav}
    parts: list[Any] = list(nav.values()) if isinstance(nav, dict) else list(nav)
    return set().union(*(named(part) for part in parts))


def on_config(config: Any) -> Any:
    """Put pages that the navigation does not name at the end of its last part: none can be forgotten."""
    docs = Path(config["docs_dir"])
    pages = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")}
    (last,) = config["nav"][-1].values()
    # The changelog stays the last.
    last[-1:-1] = sorted(pages - named(config["nav"]))
    return config
