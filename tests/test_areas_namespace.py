"""Every test of areas and of merging, run again where device minors are above 0xff."""

import sys
from pathlib import Path

import pytest

from child import TESTS, check_child
from namespace import LARGE_DEVICE_NUMBER

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mount namespaces are Linux's")

FILES = [
    *(
        path.name
        for path in sorted(TESTS.glob("test_areas*.py"))
        if path.name != Path(__file__).name
    ),
    "test_merge_refused.py",
    "test_split_merge.py",
]


@pytest.mark.parametrize("name", FILES)
def test_with_large_device_numbers(name: str, tmp_path: Path) -> None:
    output = check_child(
        LARGE_DEVICE_NUMBER
        + """
os.environ["TMPDIR"] = directory
import pytest

raise SystemExit(
    pytest.main(["-q", "-p", "no:cacheprovider", "--basetemp", f"{directory}/pytest", sys.argv[2]])
)
""",
        arguments=(str(tmp_path), str(TESTS / name)),
        timeout=110,
    )
    if output.startswith("skip: "):
        pytest.skip(f"needs a mount namespace of its own: {output.removeprefix('skip: ').strip()}")
    assert " passed" in output, output
