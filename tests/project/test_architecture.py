"""Lists in docs/architecture.md agree with the Rust sources."""

import re

from tests.support.paths import ROOT

UNSAFE = re.compile(r"^#!\[(?:allow|expect)\(unsafe_code, reason = \".+\"\)\]$", re.MULTILINE)


def test_the_modules_with_unsafe_code() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition("## Unsafe code\n")[2].partition("\n## ")[0]
    rows = [
        re.findall(r"`([\w/]+)`", line) for line in section.splitlines() if line.startswith("| `")
    ]
    listed = {f"{folder}/{module}.rs" for folder, *modules in rows for module in modules}
    sources = [path for folder in ("src", "core/src") for path in (ROOT / folder).rglob("*.rs")]
    allowed = {
        path.relative_to(ROOT).as_posix()
        for path in sources
        if UNSAFE.search(path.read_text(encoding="utf-8"))
    }
    assert listed == allowed
