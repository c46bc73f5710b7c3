"""What all tests share: the page size, files to map, and how hard Hypothesis tries."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import mmap_rs
from tests.support.paths import ROOT

# A mapping's cost is the kernel's, which no deadline per example fits. HYPOTHESIS_PROFILE=thorough
# tries many more examples, "nightly" yet more.
settings.register_profile(
    "default", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", settings.get_profile("default"), max_examples=2_000)
settings.register_profile("nightly", settings.get_profile("default"), max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

FileFactory = Callable[..., Path]


@pytest.fixture(scope="session")
def page() -> int:
    """Size in bytes of the system's base page."""
    return mmap_rs.MmapOptions.page_size()


@pytest.fixture
def tmp_file(tmp_path: Path) -> FileFactory:
    """Give a function that makes a new file: `tmp_file(size)`, or `tmp_file(size, b"content")`.

    The content is repeated or cut to `size` bytes; without one the bytes count up from 0 to 250
    and over again, so that no two pages are alike.
    """
    made = 0

    def make(size: int, content: bytes | None = None, *, name: str | None = None) -> Path:
        nonlocal made
        made += 1
        path = tmp_path / (name or f"file{made}")
        pattern = bytes(range(251)) if content is None else content
        assert pattern or not size, "a file of some size needs some content"
        path.write_bytes((pattern * (size // max(len(pattern), 1) + 1))[:size])
        return path

    return make


@pytest.fixture
def other_process() -> Iterator[int]:
    """Give the id of a process that waits, and maps a file and all that an interpreter maps."""
    # With no buffers of Python's: what it maps after it has said that it waits would be seen.
    process = subprocess.Popen(
        [sys.executable, "-c", "import os, mmap_rs; os.write(1, b'\\n'); os.read(0, 1)"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdout.readline()
    yield process.pid
    process.stdin.close()
    process.wait(20)
    process.stdout.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run stress longer than the usual one does."""
    parser.addoption(
        "--stress-seconds",
        type=float,
        default=2.0,
        help="how long a stress test goes on (default 2)",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what an emulator gets wrong: `MMAP_RS_EMULATOR` names those that the tests run under."""
    emulators = os.environ.get("MMAP_RS_EMULATOR", "").split()
    table = ROOT / "tests" / "support" / "emulators.toml"
    rows: list[dict[str, Any]] = []
    if emulators:
        rows = tomllib.loads(table.read_text(encoding="utf-8"))["skip"]
    for row in rows:
        if row["emulator"] in emulators:
            mark = pytest.mark.skip(reason=f"{row['emulator']}: {row['why']}")
            for item in items:
                if any(fnmatchcase(item.nodeid, pattern) for pattern in row["tests"]):
                    item.add_marker(mark)
