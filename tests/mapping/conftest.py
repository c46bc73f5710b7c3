"""What several tests of mappings need."""

import pytest

from tests.support.procfs import meminfo


@pytest.fixture(scope="module")
def huge_size() -> int:
    """Give the size of the system's default huge page, in bytes."""
    try:
        return meminfo("Hugepagesize")
    except LookupError:
        pytest.skip("this kernel has no huge pages")
