"""The picture of an address space: what is mapped, from the lowest address on, in columns like a text's.

Sizes differ by a factor of a million and gaps by more, so heights grow with the logarithm of the size
and gaps are only marked; a bar at the top shows the true proportions.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mmap_rs._cli import svg_marks as marks
from mmap_rs._cli.rows import Row
from mmap_rs._cli.svg_blocks import Block, Gap
from mmap_rs._cli.svg_layout import TWO_LINES, Layout, Placed, arrange
from mmap_rs._cli.text import cells, count, human, shorten
from mmap_rs._cli.totals import Sum, by_kind, by_protection

WIDTHS = {1: 900, 2: 1300, 3: 1640}
MARGIN, GUTTER = 28, 36
ADDRESS, BLOCK = 112, 130  # widths in a column
LEGEND_LINE = 19
MIXED = 8  # of a band of areas that are thinner than a pixel each
RESIDENT = 415  # where the numbers of what is in memory end

HOW_TO_READ = (
    "Below: lowest address first. A block's height grows with the logarithm of its size; "
    "gaps are not to scale."
)


def draw(rows: Sequence[Row], subject: str) -> str:
    """Return an SVG document: the picture of areas in order of address; `subject` says whose they are."""
    layout = arrange(rows)
    wide = WIDTHS[layout.columns]
    header, top = _header(rows, subject, layout, wide)
    column = (wide - 2 * MARGIN - GUTTER * (layout.columns - 1)) / layout.columns
    body = [
        drawn
        for each in layout.parts
        for drawn in _part(each, MARGIN + each.column * (column + GUTTER), top, column)
    ]
    high = top + layout.height + MARGIN
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            marks.opening(wide, math.ceil(high)),
            marks.title([f"Address space of {subject}"]),
            f"<style>{marks.STYLE}</style>",
            marks.DEFINITIONS,
            f'<rect width="100%" height="100%" fill="{marks.PAPER}"/>',
            *header,
            *body,
            "</svg>",
            "",
        ]
    )


def _header(
    rows: Sequence[Row], subject: str, layout: Layout, wide: float
) -> tuple[list[str], float]:
    """Return title, sums and proportions, and where they end."""
    total = by_kind(rows)["total"]
    drawn = [marks.text(MARGIN, 42, f"Address space of {subject}", "title")]
    if not rows:
        return [*drawn, marks.text(MARGIN, 66, "Nothing is mapped here.")], 80
    resident = "" if total.resident is None else f", {human(total.resident)} resident"
    ends = f"from {rows[0].start:#x} to {rows[-1].end:#x}"
    what = f"{count(total.areas, 'area')}, {human(total.size)}{resident}, {ends}"
    drawn.append(marks.text(MARGIN, 64, what))
    y = 98.0
    left = _protections(rows, MARGIN, y)
    right = _kinds(rows, wide / 2 + 20, y)
    y += LEGEND_LINE * (max(len(by_protection(rows)) + 1, len(by_kind(rows))) + 0.4)
    bar, y = _proportions(rows, y + 10, wide)
    notes = [HOW_TO_READ]
    faint = 1
    if total.resident is not None:
        faint = 2
        notes.append("Full colour from the bottom: what is in memory. Pale: what is not.")
    if any(_is_dense(block) and not block.merged for block in layout.blocks):
        notes.append("Hatched: more areas than can be seen one by one, the colours in proportion.")
    if layout.merged:
        small = sum(len(block.rows) for block in layout.merged)
        notes.append(
            f"{count(small, 'smaller area')} are drawn in {count(len(layout.merged), 'hatched block')}, "
            "each a run of neighbours with its sums, the colours in proportion."
        )
    explained = [
        marks.text(MARGIN, y + 17 * place, note, "faint" if place < faint else "head")
        for place, note in enumerate(notes)
    ]
    return [*drawn, *left, *right, *bar, *explained], y + 17 * len(notes) + 12


def _protections(rows: Sequence[Row], x: float, y: float) -> Iterator[str]:
    """Draw the legend: a colour for each protection that occurs, and the mark of shared areas, with sums."""

    def entry(fill: str, name: str, meaning: str, each: Sum) -> Iterator[str]:
        look = f'fill="{fill}" stroke="{marks.INK}" stroke-width="0.5"'
        yield marks.rectangle(x, y - 11, 24, 14, look)
        yield marks.text(x + 34, y, name, "mono")
        yield marks.text(x + 66, y, meaning)
        yield marks.text(x + 270, y, count(each.areas, "area"), "end")
        yield marks.text(x + 350, y, human(each.size), "end")
        if each.resident is not None:
            yield marks.text(x + RESIDENT, y, human(each.resident), "end")

    sums = by_protection(rows)
    yield marks.text(x, y, "Protection", "head")
    if any(each.resident is not None for each in sums.values()):
        yield marks.text(x + RESIDENT, y, "resident", "faint end")
    order = [*marks.COLOURS, *sorted(sums.keys() - marks.COLOURS.keys())]
    for protection in filter(sums.__contains__, order):
        y += LEGEND_LINE
        meaning = marks.meaning(protection)
        yield from entry(marks.colour(protection), protection, meaning, sums[protection])
    shared = by_kind(row for row in rows if row.shared)["total"]
    if shared.areas:
        y += LEGEND_LINE
        yield from entry(marks.PAPER, "", "shared (of these)", shared)
        yield marks.rectangle(x, y - 1, 24, 3, marks.SHARED)


def _kinds(rows: Sequence[Row], x: float, y: float) -> Iterator[str]:
    """Draw the sums per kind."""
    yield marks.text(x, y, "Kind", "head")
    sums = by_kind(rows)
    if sums["total"].resident is not None:
        yield marks.text(x + 360, y, "resident", "faint end")
    for kind, each in sums.items():
        y += LEGEND_LINE
        bold = " head" if kind == "total" else ""
        yield marks.text(x, y, kind, bold.strip())
        yield marks.text(x + 200, y, count(each.areas, "area"), f"end{bold}")
        yield marks.text(x + 280, y, human(each.size), f"end{bold}")
        if each.resident is not None:
            yield marks.text(x + 360, y, human(each.resident), f"end{bold}")


def _proportions(rows: Sequence[Row], y: float, wide: float) -> tuple[list[str], float]:
    """Draw all that can be accessed as one bar, true to scale, and return where it ends."""
    used = [row for row in rows if row.protection != "---"]
    total = sum(row.size for row in used)
    if not total:
        return [], y
    room = wide - 2 * MARGIN
    note = f"{human(total)} in proportion, by address, without gaps"
    if len(used) < len(rows):
        note += " and without what gives no access"
    drawn = [marks.text(MARGIN, y + 4, note, "faint")]
    for protection, start, end, resident in _bands(used, total / room):
        drawn += _shaded(MARGIN + start, y + 11, end - start, 22, protection, resident)
    drawn.append(marks.rectangle(MARGIN, y + 11, room, 22, 'class="outline" stroke-opacity="0.5"'))
    return drawn, y + 60


def _shaded(
    x: float,
    y: float,
    wide: float,
    high: float,
    protection: str,
    resident: float | None,
    tip: Sequence[str] = (),
) -> list[str]:
    """Draw memory of a protection: pale, and from the bottom in full colour as much as is in memory."""
    look = f'fill="{marks.colour(protection)}"'
    if resident is None:
        return [marks.rectangle(x, y, wide, high, look, tip)]
    drawn = [marks.rectangle(x, y, wide, high, f'{look} fill-opacity="{marks.PALE}"', tip)]
    if resident > 0:
        # A little is seen, too.
        filled = min(max(high * resident, 1.5), high)
        drawn.append(
            marks.rectangle(x, y + high - filled, wide, filled, f"{look} {marks.UNTOUCHED}")
        )
    return drawn


def _share(resident: int | None, size: int) -> float | None:
    """Return which share of some memory is resident; `None` if that is not known."""
    return None if resident is None or not size else resident / size


def _bands(
    rows: Sequence[Row], per_pixel: float
) -> Iterator[tuple[str, float, float, float | None]]:
    """Join areas into bands of one protection, none thinner than a pixel but the last.

    Areas that are too small to be seen one by one share a band, in proportion.
    """
    start = wide = 0.0
    mixed = False
    run: list[Row] = []
    for place, row in enumerate(rows):
        run.append(row)
        wide += row.size / per_pixel
        mixed |= row.protection != run[0].protection
        following = rows[place + 1] if place + 1 < len(rows) else None
        if following is not None:
            if mixed:
                goes_on = wide < (1 if following.size >= per_pixel else MIXED)
            else:
                goes_on = wide < 1 or following.protection == row.protection
            if goes_on:
                continue
        yield from _shares(run, start, wide)
        start, wide, mixed, run = start + wide, 0.0, False, []


def _shares(
    run: Sequence[Row], start: float, wide: float
) -> Iterator[tuple[str, float, float, float | None]]:
    """Split a band among its protections; those of less than a pixel are left out."""
    sums = by_protection(run)
    total = sum(each.size for each in sums.values())
    seen = {name: each for name, each in sums.items() if wide * each.size >= total}
    if not seen:
        largest = max(sums, key=lambda name: sums[name].size)
        seen = {largest: sums[largest]}
    shown = sum(each.size for each in seen.values())
    for name, each in seen.items():
        end = start + wide * each.size / shown
        yield name, start, end, _share(each.resident, each.size)
        start = end


def _part(placed: Placed, x: float, top: float, wide: float) -> list[str]:
    """Draw a block or a gap in its column, which starts at `x` and is `wide`."""
    y = top + placed.top
    left = x + ADDRESS
    if isinstance(placed.part, Gap):
        gap = placed.part
        return [
            marks.line(left + 0.5, y, left + 0.5, y + placed.height, "gap"),
            marks.line(left + BLOCK - 0.5, y, left + BLOCK - 0.5, y + placed.height, "gap"),
            marks.text(
                left + BLOCK / 2,
                y + placed.height / 2 + 3.5,
                f"gap {human(gap.size)}",
                "small faint middle",
            ),
        ]
    return _block(placed.part, left, y, wide - ADDRESS, placed.height)


def _block(block: Block, x: float, y: float, wide: float, high: float) -> list[str]:
    """Draw a block with its address to the left and its name and size to the right."""
    drawn = [marks.text(x - 8, y + 12.5, f"{block.start:#x}", "mono faint end")]
    drawn += _merged(block, x, y, high) if _is_dense(block) else _segments(block, x, y, high)
    drawn.append(marks.rectangle(x, y, BLOCK, high, f'fill="none" stroke="{marks.PAPER}"'))

    size = human(block.size)
    right = x + wide
    name_room = wide - BLOCK - 10 - (cells(size) * 12 * marks.SANS_WIDTH + 14)
    name = shorten(block.label, int(name_room / (11 * marks.MONO_WIDTH)))
    drawn.append(marks.text(x + BLOCK + 10, y + 12.5, name, "mono"))
    drawn.append(marks.text(right, y + 12.5, size, "end"))
    if high >= TWO_LINES - 1:
        detail = _detail(block, int((wide - BLOCK - 10) / (10.5 * marks.MONO_WIDTH)))
        drawn.append(marks.text(x + BLOCK + 10, y + 26.5, detail, "mono small faint"))
    return drawn


def _detail(block: Block, room: int) -> str:
    """Return what is said below a block's name; the tip says all, so this says what there is room for."""
    resident = "" if block.resident is None else f"; {human(block.resident)} resident"
    whole = block.detail + resident
    if cells(whole) > room:
        whole = replace(block, gaps=0).detail + resident
    return shorten(whole, room)


def _widths(block: Block) -> list[float]:
    """Return how wide each area of a block is drawn: with the logarithm of its size."""
    weights = [math.log2(2 + row.size / 4096) for row in block.rows]
    unit = BLOCK / sum(weights)
    return [weight * unit for weight in weights]


def _is_dense(block: Block) -> bool:
    """Whether there are too many areas to be drawn side by side: none may be thinner than a pixel."""
    return block.merged or min(_widths(block)) < 1


def _segments(block: Block, x: float, y: float, high: float) -> Iterator[str]:
    """Draw the areas of a block side by side."""
    for row, wide in zip(block.rows, _widths(block), strict=True):
        share = _share(row.resident, row.size)
        yield from _shaded(x, y, wide, high, row.protection, share, _tip(block, row))
        if row.shared:
            yield marks.rectangle(x, y + high - 4, wide, 3, marks.SHARED)
        x += wide
        if row is not block.rows[-1] and wide > 3:
            yield marks.rectangle(x - 0.5, y, 1, high, f'fill="{marks.PAPER}"')


def _merged(block: Block, x: float, y: float, high: float) -> Iterator[str]:
    """Draw a block of more than can be seen one by one: each protection by its share, under hatching."""
    tip = [block.label, block.detail, f"{block.start:#x}-{block.end:#x}", human(block.size)]
    sums = by_protection(block.rows)
    position = x
    for protection in sorted(sums, key=lambda each: [*marks.COLOURS, each].index(each)):
        each = sums[protection]
        wide = BLOCK * each.size / block.size
        # What would be thinner than a pixel is left to the tooltip.
        if wide >= 1:
            share = _share(each.resident, each.size)
            yield from _shaded(position, y, wide, high, protection, share)
        position += wide
        resident = "" if each.resident is None else f", {human(each.resident)} resident"
        tip.append(f"{protection}: {count(each.areas, 'area')}, {human(each.size)}{resident}")
    yield marks.rectangle(x, y, BLOCK, high, 'fill="url(#several)"', tip)


def _tip(block: Block, row: Row) -> list[str]:
    """Return the tooltip of an area."""
    offset = "" if row.offset is None else f", offset {row.offset:#x}"
    lines = [
        block.label,
        row.addresses,
        f"{human(row.size)}, {row.protection}, {row.share_mode}{offset}",
    ]
    if row.resident is not None:
        share = "" if row.proportional is None else f", proportional {human(row.proportional)}"
        lines.append(f"resident {human(row.resident)}{share}")
    return lines
