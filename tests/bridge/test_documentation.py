"""The documentation of the crate: every public item has an example, which `make bridge` compiles."""

from __future__ import annotations

import re

from tests.support.paths import ROOT

ITEM = re.compile(r"^\s*pub (?:unsafe )?(?:fn|struct|enum|trait|type) (\w+)")


def test_every_public_item_has_an_example() -> None:
    seen: list[str] = []
    without: list[str] = []
    for path in sorted((ROOT / "bridge" / "src").rglob("*.rs")):
        text = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            if item := ITEM.match(line):
                seen.append(item[1])
                if "```" not in text:
                    without.append(f"{path.name}: {item[1]}")
            # Comments and attributes stand before an item; anything else ends them.
            text = text + line if line.lstrip().startswith(("///", "#[")) else ""
    assert {"View", "Given", "Taken", "to_pyerr", "split_off"} <= {*seen}
    # A trait that nobody outside can name.
    assert without == ["given.rs: Sealed"]
