"""The page sizes of this system, and on Linux how many huge pages there are."""

import json
import re
from pathlib import Path
from typing import TextIO

from mmap_rs import MmapOptions, PageSize, PageSizes
from mmap_rs._cli.columns import Column
from mmap_rs._cli.table import lines
from mmap_rs._cli.text import human

POOLS = Path("/sys/kernel/mm/hugepages")
MEMINFO = Path("/proc/meminfo")

_COLUMNS = (
    Column("huge page", "right"),
    Column("total", "right"),
    Column("free", "right"),
    Column("reserved", "right"),
    Column("", "left"),
)


def offered() -> list[int]:
    """Return the available page sizes in bytes, smallest first."""
    sizes = MmapOptions.page_sizes()
    return sorted(PageSize.try_from(size).bytes for size in PageSizes if size in sizes)


def default_huge_page() -> int | None:
    """Return the default huge page size in bytes, if the system reports it."""
    text = _text(MEMINFO)
    match = re.search(r"^Hugepagesize: +(\d+) kB$", text, re.MULTILINE)
    return None if match is None else int(match[1]) * 1024


def pool(size: int) -> tuple[str, ...] | None:
    """Return how many huge pages of a size exist, are free, and are reserved, if the system reports it."""
    folder = POOLS / f"hugepages-{size // 1024}kB"
    counts = tuple(
        _text(folder / name).strip()
        for name in ("nr_hugepages", "free_hugepages", "resv_hugepages")
    )
    return counts if all(counts) else None


def _text(path: Path) -> str:
    """Return the contents of a system file, or an empty string if it does not exist."""
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""


def write_json(out: TextIO) -> None:
    """Write the facts about pages as an object: sizes in bytes, and counts of pages."""
    sizes = offered()
    pools = [
        {"size": size, **dict(zip(("total", "free", "reserved"), map(int, counts), strict=True))}
        for size in sizes
        if (counts := pool(size)) is not None
    ]
    facts = {
        "base_page": MmapOptions.page_size(),
        "allocation_granularity": MmapOptions.allocation_granularity(),
        "page_sizes": sizes,
        "default_huge_page": default_huge_page(),
        "huge_pages": pools,
    }
    print(json.dumps(facts), file=out)


def write(out: TextIO) -> None:
    """Write the facts about pages."""
    sizes = offered()
    facts = (
        ("base page", human(MmapOptions.page_size())),
        ("allocation granularity", human(MmapOptions.allocation_granularity())),
        ("page sizes on offer", ", ".join(map(human, sizes))),
    )
    for name, value in facts:
        print(f"{name + ':':<24}{value}", file=out)

    default = default_huge_page()
    pools = [
        (human(size), *counts, "the default" if size == default else "")
        for size in sizes
        if (counts := pool(size)) is not None
    ]
    if pools:
        print(file=out)
        for line in lines(_COLUMNS, pools):
            print(line, file=out)
