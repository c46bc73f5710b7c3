"""Each program of examples/ runs as a newcomer runs it, and prints what it is for."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mmap_rs
from child import child_environment

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def run(name: str, *arguments: str, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / name, *arguments],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=60,
        env=child_environment(),
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def test_every_example_is_tested() -> None:
    tested = set(re.findall(r'run\("([a-z_]+\.py)"', Path(__file__).read_text(encoding="utf-8")))
    assert {path.name for path in EXAMPLES.glob("*.py")} == tested


def test_demo() -> None:
    shown = run("demo.py")
    assert re.search(r"Made the file \S*pages\.txt of \d+ bytes", shown)
    steps = [int(number) for number in re.findall(r"^(\d+)\. ", shown, re.MULTILINE)]
    assert steps == list(range(1, len(steps) + 1))
    passed = re.search(r"All (\d+) checks passed", shown)
    assert passed is not None
    assert shown.count("   ok: ") == int(passed[1]) >= 15
    assert "FAILED" not in shown
    for name in ("file, shared", "file, private", "committed", "reserved", "split and merged"):
        assert re.search(rf"<== .*{name}", shown), name


def test_demo_fails_when_a_step_does_not_hold(tmp_path: Path) -> None:
    broken = (EXAMPLES / "demo.py").read_text(encoding="utf-8")
    # What is flushed is not what is looked for in the file.
    broken = broken.replace('mapping[12:18] = b"shared"', 'mapping[12:18] = b"SHARED"')
    (tmp_path / "demo.py").write_text(broken, encoding="utf-8")
    shown = run(str(tmp_path / "demo.py"), status=1)
    assert "FAILED" in shown.splitlines()[-1]


def test_areas_of_this_process_and_of_another() -> None:
    own = run("areas.py")
    line = re.compile(r"[0-9a-f]+-[0-9a-f]+ [r-][w-][x-][sp] [0-9a-f]+ .*")
    assert all(line.fullmatch(row) for row in own.splitlines())
    assert "python" in own

    mapping = mmap_rs.MmapOptions(1 << 16).map()
    start, end = mapping.start(), mapping.end()
    spans = [
        tuple(int(part, 16) for part in row.split(" ")[0].split("-"))
        for row in run("areas.py", str(os.getpid())).splitlines()
    ]
    assert any(low <= start and end <= high for low, high in spans)


def test_map_anon() -> None:
    assert run("map_anon.py") == "mapping: ['74', '65', '73', '74']\n"


def test_page_sizes() -> None:
    shown = run("page_sizes.py")
    page = mmap_rs.MmapOptions.page_size()
    assert f"{page:,} bytes" in shown


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_examples_are_short_and_say_what_they_do(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith('"""')
    assert len(text.splitlines()) < 300
