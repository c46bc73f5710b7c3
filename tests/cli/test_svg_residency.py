"""`areas --svg`: what is in memory is shaded, and what can't be seen one by one is drawn in proportion."""

import os
import sys
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

if sys.platform == "win32":
    pytest.skip("the helpers use a pseudo-terminal", allow_module_level=True)

from mmap_rs import MmapOptions
from mmap_rs._cli import svg, svg_marks
from mmap_rs._cli.rows import Row
from mmap_rs._cli.svg_blocks import Block
from tests.cli.run_command import output
from tests.cli.test_svg import NAME, PAGE, overlaps, parsed, row, texts, tips

READ_WRITE = svg_marks.colour("rw-")


def used(size: int, resident: int | None, *, start: int = 1 << 20, protection: str = "rw-") -> Row:
    usage = {"resident": resident, "proportional": resident}
    return replace(row(start, size, protection), usage=usage)


def drawn(root: ET.Element, colour: str = READ_WRITE) -> list[ET.Element]:
    """Return what is drawn in a colour as part of a block: not the legend's, nor the bar's."""
    edge = svg.MARGIN + svg.ADDRESS
    found = [each for each in root.iter(f"{NAME}rect") if each.get("fill") == colour]
    return [
        each
        for each in found
        if float(each.get("x", "0")) >= edge
        and each.get("height") != "22"
        and not each.get("stroke")
    ]


def heights(root: ET.Element) -> dict[bool, float]:
    """Return the height of what is pale (`True`) and of what is not."""
    return {
        each.get("fill-opacity") is not None: float(each.get("height", "")) for each in drawn(root)
    }


@pytest.mark.parametrize("eighths", range(9))
def test_as_much_is_shaded_as_is_resident(eighths: int) -> None:
    found = heights(parsed(svg.draw([used(800 * PAGE, eighths * 100 * PAGE)], "process 1")))
    if eighths:
        assert found[False] == pytest.approx(found[True] * eighths / 8, abs=0.1)
    else:
        assert list(found) == [True]


def test_a_little_is_seen_too() -> None:
    found = heights(parsed(svg.draw([used(1 << 40, PAGE)], "process 1")))
    assert 1 <= found[False] <= 2


@pytest.mark.parametrize(
    "rows", [[row(1 << 20, PAGE)], [used(PAGE, None)]], ids=["plain", "unknown"]
)
def test_nothing_is_pale_where_it_is_not_known(rows: list[Row]) -> None:
    root = parsed(svg.draw(rows, "process 1"))
    assert list(heights(root)) == [False]
    assert "resident" not in " ".join([*texts(root), *tips(root)])


def test_more_resident_than_large_stays_in_its_place() -> None:
    found = heights(parsed(svg.draw([used(PAGE, 5 * PAGE)], "process 1")))
    assert found[False] == found[True]


def test_numbers_are_told() -> None:
    rows = [used(8 * PAGE, 3 * PAGE), used(PAGE, PAGE, start=1 << 30, protection="r-x")]
    root = parsed(svg.draw(rows, "process 1"))
    shown = texts(root)
    assert shown[1].startswith("2 areas, 36 KiB, 16 KiB resident, from 0x100000 to ")
    assert any("Full colour from the bottom" in text for text in shown)
    assert any("resident 12 KiB, proportional 12 KiB" in tip for tip in tips(root))
    assert overlaps(root) == []


def dense(number: int, *, usage: bool) -> list[Row]:
    rows = [
        used(PAGE, PAGE if n % 4 == 0 else 0, start=n * PAGE, protection=("r--", "---")[n % 2])
        for n in range(1, number + 1)
    ]
    return rows if usage else [replace(each, usage=None) for each in rows]


@pytest.mark.parametrize("usage", [False, True])
def test_a_block_of_5000_areas(usage: bool) -> None:
    rows = dense(5000, usage=usage)
    root = parsed(svg.draw(rows, "process 1"))
    # Half of the block each, hatched; nothing thinner than a pixel.
    bands = {
        colour: [float(each.get("width", "")) for each in drawn(root, svg_marks.colour(colour))]
        for colour in ("r--", "---")
    }
    assert {width for widths in bands.values() for width in widths} == {svg.BLOCK / 2}
    assert [each for each in root.iter(f"{NAME}rect") if each.get("fill") == "url(#several)"]
    for each in root.iter(f"{NAME}rect"):
        if each.get("width") != "100%":
            assert float(each.get("width", "")) >= 1
    shown = "\n".join(texts(root))
    assert "5,000 areas: --- r--" in shown or "5,000 areas: r-- ---" in shown
    assert "Hatched: more areas than can be seen one by one" in shown
    assert any("r--: 2,500 areas, 9.8 MiB" in tip for tip in tips(root))
    assert overlaps(root) == []


def test_the_bar_shows_areas_below_a_pixel_in_proportion() -> None:
    rows = [
        used(PAGE, PAGE, start=n * PAGE, protection=("r--", "rw-", "rw-")[n % 3])
        for n in range(1, 6001)
    ]
    root = parsed(svg.draw(rows, "process 1"))
    bar = [
        each
        for each in root.iter(f"{NAME}rect")
        if each.get("height") == "22" and each.get("fill-opacity")
    ]
    wide = {
        protection: sum(
            float(each.get("width", ""))
            for each in bar
            if each.get("fill") == svg_marks.colour(protection)
        )
        for protection in ("r--", "rw-")
    }
    assert min(float(each.get("width", "")) for each in bar) >= 1
    assert wide["rw-"] / wide["r--"] == pytest.approx(2, rel=0.1)


def test_a_band_below_a_pixel_is_left_out() -> None:
    rows = [*dense(2000, usage=True), used(PAGE, PAGE, start=2001 * PAGE, protection="rwx")]
    root = parsed(svg.draw(rows, "process 1"))
    assert drawn(root, svg_marks.colour("rwx")) == []
    assert any("rwx: 1 area, 4 KiB" in tip for tip in tips(root))


def test_of_a_few_areas_each_is_drawn() -> None:
    root = parsed(svg.draw(dense(20, usage=False), "process 1"))
    assert len(drawn(root, svg_marks.colour("r--"))) == 10
    assert not [each for each in root.iter(f"{NAME}rect") if each.get("fill") == "url(#several)"]


def test_gaps_give_way_to_what_is_resident() -> None:
    anonymous = used(PAGE, PAGE)
    file = replace(used(PAGE, PAGE, start=1 << 30), path=b"/file")
    reserved = replace(used(PAGE, 0, start=1 << 40, protection="---"), kind="reserved")
    block = Block((anonymous, file, reserved), blocks=3, gaps=PAGE)
    contents = "1 path, anonymous, reserved"
    assert svg._detail(block, 80) == f"{contents}; gaps 4 KiB; 8 KiB resident"
    assert svg._detail(block, 50) == f"{contents}; 8 KiB resident"


@pytest.mark.skipif(sys.platform != "linux", reason="not all systems say what is resident")
def test_the_command_shades_by_itself(page: int) -> None:
    with MmapOptions(64 * page).map_mut() as mapping:
        mapping.populate(write=True)
        at = hex(mapping.start())
        root = parsed(output("areas", "--pid", str(os.getpid()), "--address", at, "--svg", "-"))
    assert True in heights(root)
    assert any("resident" in tip for tip in tips(root))
