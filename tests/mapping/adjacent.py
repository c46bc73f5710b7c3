"""Mappings side by side: free addresses to put them at, and pages that tell their number."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mmap_rs import Mapping, MmapMut, MmapOptions
from tests.support.address_space import hole

KINDS = ["map_none", "map", "map_exec", "map_mut", "reserve_none", "reserve", "reserve_mut"]


@pytest.fixture
def address(page: int) -> Iterator[int]:
    """Give an address with 16 free pages."""
    with hole(16 * page) as start:
        yield start


@pytest.fixture
def file(tmp_path: Path, page: int) -> Path:
    """Give a file of eight pages, each full of its own number."""
    path = tmp_path / "file"
    path.write_bytes(b"".join(bytes([number]) * page for number in range(8)))
    return path


def make(kind: str, options: MmapOptions) -> Mapping:
    mapping: Mapping = getattr(options, kind)()
    return mapping


def numbered(pages: int, page: int, address: int = 0) -> MmapMut:
    """Map some pages, each full of its own number."""
    mapping = MmapOptions(pages * page).with_address(address).map_mut()
    for number in range(pages):
        mapping.fill(number, range(number * page, (number + 1) * page))
    return mapping
