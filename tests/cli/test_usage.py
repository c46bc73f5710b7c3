"""`areas --usage` and `--by-file`: columns, sums and JSON of what is in memory; and narrow terminals."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("needs Linux: a pseudo-terminal, and its areas", allow_module_level=True)

from mmap_rs import MmapFlags, MmapOptions
from mmap_rs._cli.rows import NUMBERS
from mmap_rs._cli.text import cells, human
from tests.cli.run_command import error_output, on_terminal, output
from tests.support.procfs import smaps, smaps_at

ME = str(os.getpid())
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def parsed(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def tables(text: str) -> tuple[list[str], list[str]]:
    """Return the lines of both tables, each with its headings."""
    first, second = ESCAPE.sub("", text).rstrip("\n").split("\n\n")
    return first.split("\n"), second.split("\n")


@pytest.fixture
def standing() -> Iterator[str]:
    """A process that only waits."""
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        # What it runs until it waits brings pages in.
        state = Path(f"/proc/{process.pid}/stat")
        while state.read_text("utf-8", "replace").rpartition(") ")[2][0] != "S":
            time.sleep(0.01)
        yield str(process.pid)
        process.communicate(b"\n")


def test_columns_and_sums(standing: str) -> None:
    shown, sums = tables(output("areas", "--pid", standing, "--usage"))
    kernels = smaps(standing)
    assert shown[0].split() == [
        *("address", "size", "resident", "proportional", "prot", "share", "offset", "path"),
    ]
    assert len(shown) == 1 + len(kernels)
    for line, area in zip(shown[1:], kernels, strict=True):
        assert line.split()[3:5] == human(area.sizes["Rss"]).split()
    assert sums[0].split() == ["kind", "areas", "size", "resident", "proportional"]
    total = sums[-1].split()
    assert total[0] == "total"
    assert " ".join(total[4:6]) == human(sum(area.sizes["Rss"] for area in kernels))


def test_json_has_all_numbers(page: int) -> None:
    with MmapOptions(8 * page).with_flags(MmapFlags.SHARED).map_mut() as mapping:
        mapping[: 2 * page] = bytes([1]) * (2 * page)
        where = ("areas", "--pid", ME, "--address", hex(mapping.start()), "--json")
        (plain,), (found,) = parsed(output(*where)), parsed(output(*where, "--usage"))
        kernels = smaps_at(mapping.start())
        by_range = ("areas", "--pid", ME, "--range", f"{mapping.start()}:{mapping.start() + 1}")
        assert parsed(output(*by_range, "--json", "--usage")) == [found]
    assert {name: found[name] for name in plain} == plain
    assert found.keys() - plain.keys() == {"name", "vm_flags", *NUMBERS}
    assert found["resident"] == kernels.sizes["Rss"] == 2 * page
    assert set(found["vm_flags"]) == kernels.vm_flags


def test_nothing_at_the_address() -> None:
    said = error_output("areas", "--pid", ME, "--address", "0", "--usage")
    assert said == f"python -m mmap_rs: nothing is mapped at 0x0 in process {ME}\n"


def test_groups_of_files(standing: str) -> None:
    kernels = smaps(standing)
    expected: dict[str | None, list[int]] = {}
    for area in kernels:
        key = None if area.path is None else area.path.decode()
        sums = expected.setdefault(key, [0, 0, 0])
        sums[0] += 1
        sums[1] += area.size
        sums[2] += area.sizes["Rss"]
    groups = parsed(output("areas", "--pid", standing, "--by-file", "--json", "--usage"))
    named = {each["path"]: each for each in groups if each["path"] is not None}
    for path, (areas, size, resident) in expected.items():
        if path is not None:
            each = named.pop(path)
            assert (each["areas"], each["size"], each["resident"]) == (areas, size, resident)
    assert named == {}
    assert sum(each["areas"] for each in groups) == len(kernels)
    order = [each["resident"] for each in groups]
    assert order == sorted(order, reverse=True)
    # Without numbers from the system the largest is first.
    plain = parsed(output("areas", "--pid", standing, "--by-file", "--json"))
    assert [each["size"] for each in plain] == sorted((e["size"] for e in plain), reverse=True)
    assert plain[0].keys() == {"path", "path_bytes", "kind", "areas", "size"}


def test_table_of_files(standing: str) -> None:
    shown, sums = tables(output("areas", "--pid", standing, "--by-file"))
    assert shown[0].split() == ["areas", "size", "path"]
    assert any(line.endswith("  (anonymous)") for line in shown)
    assert sums[0].split() == ["kind", "areas", "size"]
    shown, _ = tables(output("areas", "--pid", standing, "--by-file", "--usage"))
    assert shown[0].split() == ["areas", "size", "resident", "proportional", "path"]


# --- narrow terminals

CHANGES: list[dict[str, str]] = [{}, {"NO_COLOR": "1"}]


@pytest.mark.parametrize("options", [(), ("--usage",), ("--by-file",), ("--by-file", "--usage")])
@pytest.mark.parametrize("changes", CHANGES, ids=["colour", "plain"])
@pytest.mark.parametrize("columns", [60, 80, 100, 200])
def test_a_row_is_a_line(
    columns: int, changes: dict[str, str], options: tuple[str, ...], standing: str
) -> None:
    shown = on_terminal("areas", "--pid", standing, *options, columns=columns, changes=changes)
    first, sums = tables(shown)
    assert max(cells(line.rstrip()) for line in (*first, *sums)) <= columns
    if "--by-file" not in options:
        assert len(first) == 1 + len(smaps(standing))


def test_offset_goes_first_then_the_end_then_the_share_mode(tmp_path: Path, page: int) -> None:
    file = tmp_path / ("long" * 20) / "file.bin"
    file.parent.mkdir()
    file.write_bytes(bytes(page))
    widths = (200, 82, 76, 62, 50, 40)
    if sys.maxsize < 1 << 32:
        # An address has 4 digits less: a range of them 8.
        widths = (192, 74, 68, 58, 46, 36)
    with MmapOptions(page).with_file(file).map() as mapping:
        where = ("areas", "--pid", ME, "--address", hex(mapping.start()))
        headings: list[list[str]] = []
        for columns in widths:
            (heading, row), _ = tables(on_terminal(*where, columns=columns))
            assert cells(row.rstrip()) <= columns
            assert row.rstrip().endswith("file.bin")
            headings.append(heading.split())
    everything = ["address", "size", "prot", "share", "offset", "path"]
    assert headings[:2] == [everything, everything]
    assert headings[2] == ["address", "size", "prot", "share", "path"]
    assert headings[3] == ["start", "size", "prot", "share", "path"]
    assert headings[4:] == [["start", "size", "prot", "path"]] * 2


@pytest.mark.parametrize("options", [(), ("--usage",)])
def test_80_columns_show_more_of_a_path_than_60(
    options: tuple[str, ...], tmp_path: Path, page: int
) -> None:
    file = tmp_path / ("long" * 20) / "file.bin"
    file.parent.mkdir()
    file.write_bytes(bytes(page))
    lengths: list[int] = []
    with MmapOptions(page).with_file(file).map():
        for columns in (60, 80):
            rows, _ = tables(on_terminal("areas", "--pid", ME, *options, columns=columns))
            (path,) = [row.split()[-1] for row in rows if row.rstrip().endswith("file.bin")]
            lengths.append(len(path))
    narrow, wide = lengths
    # At 20 columns other columns stay, and short addresses leave some more room for the path.
    assert narrow >= 12
    assert min(narrow, 20) <= wide
