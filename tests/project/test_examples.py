"""Each program of examples/ runs as a newcomer runs it, and prints what it is for."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mmap_rs
from tests.support.child_process import TIMEOUT_FACTOR, child_environment
from tests.support.paths import ROOT

EXAMPLES = ROOT / "examples"
DOCS = EXAMPLES.parent / "docs"


def run(name: str, *arguments: str, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / name, *arguments],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=60 * TIMEOUT_FACTOR,
        env=child_environment(),
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def test_every_example_is_tested() -> None:
    tested = set(re.findall(r'run\("([a-z_]+\.py)"', Path(__file__).read_text(encoding="utf-8")))
    assert {path.name for path in EXAMPLES.glob("*.py")} == tested | set(GUIDES)


def test_demo() -> None:
    shown = run("demo.py")
    assert re.search(r"Made the file \S*pages\.txt of \d+ bytes", shown)
    steps = [int(number) for number in re.findall(r"^(\d+)\. ", shown, re.MULTILINE)]
    assert steps == list(range(1, len(steps) + 1))
    passed = re.search(r"All (\d+) checks passed", shown)
    assert passed is not None
    assert shown.count("   ok: ") == int(passed[1]) >= (13 if "left out" in shown else 15)
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


# What each program of a guide prints, as far as it is the same everywhere.
GUIDES = {
    "append_records.py": r"240000 bytes, grown 3 times\nthe last of them: 19999, 4999\.75\n",
    "app_store.py": r"after a restart: \['written before the app was stopped'\]\n",
    "code_generation.py": r"(3 \* x \+ 4 for x = 0, 1, 2, 10: \[4, 7, 10, 34\]\n){2}|no code for .*\n",
    "copy_on_write.py": r"in memory: width=1920\nin the file: width=0640\n",
    "follow_log.py": r"(line [0-4], in two parts\n){5}end\n",
    "from_mmap.py": r"with_mmap: 3 lines, (.*gray.*)\nwith_mmap_rs: 3 lines, \1\n",
    "from_numpy_memmap.py": r"with_memmap: sum 10000\nwith_mmap_rs: sum 20000\n",
    "growing_buffer.py": r"appended .*\n.*of 64 MiB\nthe address stayed: True\nthe last .*99\n",
    "huge_pages.py": r"(no huge pages: .*\n)?8 MiB of (huge|base) pages.*\n",
    "log_report.py": r"page,requests\n/index,1286\n/lost,857\n/prices,857\nslow: 600\n",
    "numpy_matrix.py": r"the sums of .*: \[9850\. 9900\. 9950\.\]\nthe sum of the file: 995000\.0\n",
    "numpy_over_map.py": r"sum in the mapping: (2499975000.0)\nsum of the file: \1\n",
    "replace_file.py": r".*16000 bytes\nthe reader is current: False\nmapped again: new\n",
    "reserve_and_map.py": r"(\w+ +at 0x.*: program\n){3}in the save.*: program\n|left out: .*\n",
    "ring_between_processes.py": r"2000 messages, [1-9]\d* times around \d+ bytes\n",
    "ring_buffer.py": r"\d+ messages in \d+ bytes, [1-9]\d* of them across the end\n",
    "secret.py": r"(not locked: .*\n)?read 32 bytes\na tag of 32 digits\nafter use: .* closed>\n",
    "shared_memory.py": r"counts: \(1000, 1000, 1000, 1000\), sum: 4000\n",
}


@pytest.mark.parametrize("name", GUIDES)
def test_program_of_a_guide(name: str) -> None:
    if sys.platform == "win32" and name == "replace_file.py":
        pytest.skip("Windows lets nobody put a file in the place of one that is open")
    if "numpy" in name:
        pytest.importorskip("numpy")
    assert re.fullmatch(GUIDES[name], run(name))


def test_every_program_of_a_guide_is_in_one() -> None:
    guides = "".join(path.read_text(encoding="utf-8") for path in DOCS.glob("guides/*.md"))
    assert [name for name in GUIDES if f'--8<-- "examples/{name}"' not in guides] == []


def test_page_sizes() -> None:
    shown = run("page_sizes.py")
    page = mmap_rs.MmapOptions.page_size()
    assert f"{page:,} bytes" in shown


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_examples_are_short_and_say_what_they_do(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith('"""')
    assert len(text.splitlines()) < 300
