"""Write the page "From Rust to Python": each public item of the Rust crate with its counterpart.

It uses what the parity tests use: the crate's source, and the table of what has another form here. With
`--check` it writes nothing, and ends with status 1 if the page would change.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from counterparts import RENAMED, TRAITS, VARIANTS
from upstream_items import Item, read_items, source_folder, upstream_package

import mmap_rs

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "from-rust.md"

# Where the reference tells of a class.
PAGES = {
    "MmapOptions": "options",
    "Mmap": "mmap",
    "MmapMut": "mmap-mut",
    "MmapNone": "mmap-none",
    "Reserved": "reserved",
    "ReservedMut": "reserved",
    "ReservedNone": "reserved",
    "MemoryArea": "areas",
    "MemoryAreas": "areas",
    "Error": "errors",
}

HEAD = """\
# From Rust to Python

Each public item of mmap-rs {version} and its counterpart here. The parity tests read the items from the
crate's source and fail if one has no counterpart; `tests/rust-parity/page.py` generates this page from the
same data.

How Rust maps to Python:

| Rust | Python |
| --- | --- |
| `X::new(..)` | `X(..)` |
| `Result<T, E>` | a return value, or an exception |
| `Option<T>` | a value, or `None` |
| `Range<usize>` | a `range`; a `slice` works too |
| `usize` | `int`; `OverflowError` if it does not fit |
| `Path` | `pathlib.Path` |
| a raw pointer | its address, an `int` |
| `self` by value | the object is consumed: using it raises `ConsumedError` |
| `MmapOptions`, a builder | immutable; each `with_*` returns a new one |
| `&m[a..b]` | `memoryview(m)[a:b]`; `m[a:b]` is a copy, `bytes` |
| `unsafe fn` | the same name; its docstring has a `Safety` section |
| `drop(m)` | `m.close()`, `with m:`, or when the last reference goes |
"""

OPERATORS = {
    "__getitem__": "`m[i]`, `m[a:b]`",
    "__setitem__": "`m[i] = v`, `m[a:b] = data`",
    "__len__": "`len(m)`",
    "__iter__": "iteration",
    "__next__": "`next()`",
    "__contains__": "`in`",
    "__eq__": "`==`",
    "__lt__": "`<`",
    "__le__": "`<=`",
    "__gt__": "`>`",
    "__ge__": "`>=`",
    "__hash__": "`hash()`",
    "as_slice": "`as_slice()`",
    "as_mut_slice": "`as_mut_slice()`",
    "with_traceback": "an exception",
}
WITHOUT_NAME = {
    "Debug": "`repr()`",
    "Clone": "not needed: immutable",
    "Copy": "not needed: immutable",
}


def link(owner: str, name: str, shown: str) -> str:
    """Link to the place in the reference."""
    page = PAGES.get(owner, "flags")
    anchor = f"mmap_rs.{owner}.{name}" if name else f"mmap_rs.{owner}"
    return f"[`{shown}`](reference/{page}.md#{anchor})"


def rust(item: Item) -> str:
    """Show an item as Rust has it."""
    arguments = ", ".join(filter(None, [item.receiver, *item.parameters]))
    shown = {
        "method": f"{item.owner}::{item.name}({arguments})",
        "trait": f"{item.name}{f'<{item.source}>' * bool(item.source)} for {item.owner}",
        "field": f"{item.owner}.{item.name}",
        "type": item.owner or item.name,
    }.get(item.kind, f"{item.owner}::{item.name}")
    return f"`{shown}`"


def python(item: Item) -> str:
    """Show its counterpart, linked to the reference."""
    name = RENAMED.get((item.owner, item.name), item.name)
    arguments = ", ".join(item.parameters)
    match item.kind:
        case "method" if name == "__new__":
            return link(item.owner, "", f"{item.owner}({arguments})")
        case "method":
            told = getattr(mmap_rs, item.owner)
            unsafe = "Safety:" in (getattr(told, name).__doc__ or "")
            return link(item.owner, name, f"{name}({arguments})") + " (unsafe)" * unsafe
        case "variant" if item.owner == "Error":
            error = VARIANTS.get(item.name, f"{item.name}Error")
            return f"[`{error}`](reference/errors.md#mmap_rs.{error})"
        case "trait" if item.name == "TryFrom":
            return link(item.owner, "try_from", "try_from(other)")
        case "trait":
            shown = [OPERATORS[attribute] for attribute in TRAITS[item.name]]
            return ", ".join(shown) or WITHOUT_NAME[item.name]
        case "type":
            return link(item.owner, "", item.owner)
        case "field" | "constant":
            return f"`{item.owner}.{name}`"
        case _:
            return f"`{item.owner}.{name}`"


def condition(item: Item) -> str:
    """Say where the item exists, if that is not everywhere."""
    return f" (`{item.cfg}`)" if item.cfg else ""


def lines(items: Iterable[Item]) -> Iterator[str]:
    """Give the lines of the page after its head."""
    owners: dict[str, list[Item]] = {}
    for item in items:
        owners.setdefault(item.owner, []).append(item)
    for owner in sorted(owners):
        yield from ["", f"## {owner}", "", "| Rust | Python |", "| --- | --- |"]
        for item in owners[owner]:
            yield f"| {rust(item)}{condition(item)} | {python(item)} |"


def page() -> str:
    """Return the whole page."""
    items = read_items(source_folder(upstream_package()))
    head = HEAD.format(version=mmap_rs.__upstream_version__)
    return "\n".join([head.rstrip(), *lines(items), ""])


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or with `--check` only compare it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; status 1 if it differs"
    )
    check: bool = parser.parse_args(arguments).check
    wanted = page()
    same = PAGE.exists() and PAGE.read_text(encoding="utf-8") == wanted
    if not same and not check:
        PAGE.write_text(wanted, encoding="utf-8", newline="\n")
    return int(check and not same)


if __name__ == "__main__":
    sys.exit(main())
