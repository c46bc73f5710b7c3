"""`areas --svg`: well-formed, complete, without overlaps, and small however much is mapped."""

import os
import random
import re
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

if sys.platform == "win32":
    pytest.skip("the helpers use a pseudo-terminal", allow_module_level=True)

from mmap_rs import MmapOptions
from mmap_rs._cli import svg, svg_marks
from mmap_rs._cli.rows import Row, kind_of
from mmap_rs._cli.svg_blocks import Block, Gap, Part, merge, split
from mmap_rs._cli.svg_layout import COLUMN_HEIGHT, arrange
from mmap_rs._cli.text import cells, human
from tests.cli.run_command import output, run

NAME = "{http://www.w3.org/2000/svg}"
PAGE = 4096


def row(
    start: int, size: int, protection: str = "rw-", path: bytes | None = None, shared: bool = False
) -> Row:
    kind = kind_of(path, protection, shared)
    offset = None if path is None else 0
    return Row(start, start + size, protection, shared, offset, path, kind)


def many(number: int, seed: int = 0) -> list[Row]:
    """Make areas as a large process has them: mostly small, some touching, some far apart."""
    choose = random.Random(seed)
    rows = [
        row(0x400000, 8 * PAGE, "r-x", b"/bin/program"),
        row(0x10000000, 1 << 20, path=b"[heap]"),
    ]
    address = 0x7F0000000000
    while len(rows) < number:
        address += choose.choice([0, 0, 0, PAGE, 1 << 20, 1 << 31])
        size = PAGE * choose.choice([1, 1, 2, 16, 300])
        path = choose.choice([None, None, b"/lib/a.so", b"/lib/b.so"])
        protection = choose.choice(["r--", "rw-", "r-x", "---", "rwx", "--x"])
        rows.append(row(address, size, protection, path, shared=choose.random() < 0.1))
        address += size
    return rows


def parsed(picture: str) -> ET.Element:
    root = ET.fromstring(picture.encode())
    assert root.tag == f"{NAME}svg"
    return root


def texts(root: ET.Element) -> list[str]:
    return ["".join(each.itertext()) for each in root.iter(f"{NAME}text")]


def tips(root: ET.Element) -> list[str]:
    return ["".join(each.itertext()) for each in root.iter(f"{NAME}title")]


def boxes(root: ET.Element) -> list[tuple[float, float, float, float, str]]:
    """Return left, top, right and bottom of each text, as wide as the widest font would set it."""
    found: list[tuple[float, float, float, float, str]] = []
    for each in root.iter(f"{NAME}text"):
        kinds = each.get("class", "").split()
        size = 20.0 if "title" in kinds else 10.5 if "small" in kinds else 12.0
        width = svg_marks.SANS_WIDTH
        if "mono" in kinds:
            size, width = min(size, 11.0), svg_marks.MONO_WIDTH
        content = "".join(each.itertext())
        wide = cells(content) * size * width
        x, y = float(each.get("x", "")), float(each.get("y", ""))
        left = x - wide if "end" in kinds else x - wide / 2 if "middle" in kinds else x
        found.append((left, y - size * 0.8, left + wide, y + size * 0.15, content))
    return found


def overlaps(root: ET.Element) -> list[tuple[str, str]]:
    placed = boxes(root)
    return [
        (one[4], other[4])
        for place, one in enumerate(placed)
        for other in placed[place + 1 :]
        if one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
    ]


PICTURES = {
    "nothing": [],
    "one": [row(PAGE, PAGE)],
    "reserved only": [row(PAGE, 1 << 40, "---")],
    "the last page": [row((1 << 64) - PAGE, PAGE, "--x", b"[vsyscall]")],
    "long path": [row(PAGE, PAGE, path=b"/" + b"very-long/" * 50 + "漢字".encode() * 50)],
    "many parts": [row(PAGE * n, PAGE, ("r--", "rw-")[n % 2]) for n in range(1, 200)],
    "20": many(20),
    "100": many(100),
    "150": many(150),
    "5000": many(5000),
    "far apart": [row(n << 32, PAGE * n) for n in range(1, 3000)],
}


@pytest.mark.parametrize("rows", PICTURES.values(), ids=PICTURES.keys())
def test_a_picture_is_sound(rows: Sequence[Row]) -> None:
    picture = svg.draw(rows, "process 1")
    root = parsed(picture)
    wide, high = float(root.get("width", "")), float(root.get("height", ""))
    assert root.get("viewBox") == f"0 0 {wide:.0f} {high:.0f}"
    assert wide <= 1700
    assert high <= COLUMN_HEIGHT + 500
    assert len(picture) < 500_000
    assert overlaps(root) == []
    for left, top, right, bottom, content in boxes(root):
        assert left >= 0, content
        assert top >= 0, content
        assert right <= wide, content
        assert bottom <= high, content
    for each in root.iter(f"{NAME}rect"):
        if each.get("width") != "100%" and each.get("fill") != "url(#several)":
            x, breadth = float(each.get("x", "0")), float(each.get("width", ""))
            assert breadth >= 0
            assert x + breadth <= wide + 0.1


@pytest.mark.parametrize("rows", PICTURES.values(), ids=PICTURES.keys())
def test_nothing_is_lost(rows: Sequence[Row]) -> None:
    parts = [placed.part for placed in arrange(rows).parts]
    assert [each for part in parts if isinstance(part, Block) for each in part.rows] == list(rows)
    for before, after in pairwise(parts):
        assert before.end == after.start
    inner = sum(part.gaps for part in parts if isinstance(part, Block))
    outer = sum(part.size for part in parts if isinstance(part, Gap))
    mapped = sum(each.size for each in rows)
    if rows:
        assert inner + outer + mapped == rows[-1].end - rows[0].start


def test_what_is_merged_is_said() -> None:
    rows = many(5000)
    layout = arrange(rows)
    assert layout.merged
    shown = "\n".join(texts(parsed(svg.draw(rows, "process 1"))))
    small = sum(len(block.rows) for block in layout.merged)
    assert f"{small:,} smaller areas are drawn in {len(layout.merged)} hatched blocks" in shown
    assert "[heap]" in shown
    assert re.search(r"\d paths, .*gaps [\d.]+ [KMGT]iB", shown)
    assert "hatched" not in "\n".join(texts(parsed(svg.draw(many(20), "process 1"))))


def test_legend_sums_and_tips() -> None:
    rows = many(40)
    root = parsed(svg.draw(rows, "process 7"))
    shown = texts(root)
    assert "Address space of process 7" in shown
    total = human(sum(each.size for each in rows))
    assert shown[1].startswith(f"40 areas, {total}, from 0x400000 to 0x7f")
    for protection in {each.protection for each in rows}:
        assert protection in shown
        fills = {each.get("fill") for each in root.iter(f"{NAME}rect")}
        assert svg_marks.colour(protection) in fills
    for kind in {each.kind for each in rows}:
        assert kind in shown
    named = "\n".join(tips(root))
    for each in rows:
        assert each.addresses in named


def test_gaps_are_marked_with_their_sizes() -> None:
    rows = [row(0, PAGE), row(1 << 30, PAGE), row((1 << 30) + PAGE, PAGE, path=b"/x")]
    shown = texts(parsed(svg.draw(rows, "process 1")))
    assert [text for text in shown if text.startswith("gap ")] == ["gap 1 GiB"]


def test_areas_of_one_file_are_one_block() -> None:
    rows = [
        row(0, PAGE, "r--", b"/a"),
        row(PAGE, PAGE, "r-x", b"/a"),
        row(2 * PAGE, PAGE, "rw-", b"/b"),
        row(4 * PAGE, PAGE, "rw-", b"/b"),
    ]
    parts: list[Part] = [Block((rows[0], rows[1])), Block((rows[2],))]
    parts += [Gap(3 * PAGE, 4 * PAGE), Block((rows[3],))]
    assert split(rows) == parts
    everything = Block(tuple(rows), blocks=3, gaps=PAGE)
    # The few largest gaps are kept however few blocks are: without this one, all would be one block.
    assert merge(parts, 0)[0] == Block(tuple(rows[:3]), blocks=2)
    assert (everything.start, everything.end, everything.size) == (0, 5 * PAGE, 4 * PAGE)
    assert everything.detail == "2 paths; gaps 4 KiB"


@pytest.mark.skipif(sys.platform != "linux", reason="such names are Linux's")
@pytest.mark.parametrize(
    "name",
    [
        b"<&>\"'",
        b"]]>",
        b"\x00"[:0] + b"ctrl\x01\x1b\x7f",
        b"new\nline",
        b"\xff\xfe",
        "\uffff".encode(),
    ],
)
def test_odd_paths_are_well_formed(name: bytes, tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)
    Path(os.fsdecode(path)).write_bytes(bytes(PAGE))
    with MmapOptions(PAGE).with_file(path).map() as mapping:
        at = hex(mapping.start())
        root = parsed(output("areas", "--pid", str(os.getpid()), "--address", at, "--svg", "-"))
    plain = name.decode(errors="backslashreplace")
    last = plain if plain.isprintable() else plain.encode("unicode_escape").decode()
    assert any(tip.split("\n")[0].endswith(f"/{last}") for tip in tips(root))


@pytest.mark.skipif(sys.platform != "linux", reason="reads another process")
def test_a_process_of_5000_areas(tmp_path: Path) -> None:
    code = """
from mmap_rs import MmapOptions
kept = [MmapOptions(4096).map_none() if n % 2 else MmapOptions(4096).map() for n in range(5000)]
print(flush=True)
input()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        file = tmp_path / "map.svg"
        done = run("areas", "--pid", str(process.pid), "--svg", file, "--json")
    finally:
        process.communicate(b"\n")
    assert done.stdout.count(b"\n") > 5000
    root = parsed(file.read_text(encoding="utf-8"))
    assert f"Address space of process {process.pid}" in texts(root)
    assert overlaps(root) == []


def test_colours_can_be_told_apart_and_read_on() -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    colours = [*svg_marks.COLOURS.values(), svg_marks.OTHER]
    assert len(set(colours)) == len(colours)
    for each in (svg_marks.INK, svg_marks.FAINT):
        assert 1.05 / (luminance(each) + 0.05) >= 4.5
