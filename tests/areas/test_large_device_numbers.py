"""Every test of areas and of merging, run again where device minors are above 0xff."""

import sys
from pathlib import Path

import pytest

from tests.areas.mount_namespace import LARGE_DEVICE_NUMBER
from tests.support.child_process import check_child
from tests.support.paths import TESTS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mount namespaces are Linux's")

FILES = [
    *(
        f"areas/{path.name}"
        for path in sorted((TESTS / "areas").glob("test_*.py"))
        if path.name != Path(__file__).name
    ),
    "mapping/test_merge_refused.py",
    "mapping/test_split_merge.py",
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
    if " passed" not in output and " skipped" in output:
        pytest.skip(f"nothing of {name} runs here: {output.splitlines()[-2]}")
    assert " passed" in output, output
