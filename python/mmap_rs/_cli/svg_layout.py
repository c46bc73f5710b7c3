"""Where each part of the picture goes: heights by size, and columns that are read like a page's."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mmap_rs._cli.rows import Row
from mmap_rs._cli.svg_blocks import Block, Part, merge, split

# Pixels.
LOWEST, HIGHEST = 17, 62
TWO_LINES = 31
GAP_HEIGHT = 16
COLUMN_HEIGHT = 1150
SHORT_COLUMN = 620
MOST_COLUMNS = 3
# What must be merged anyway is shown with fewer parts, each with more room for its text.
MERGED_COLUMNS, MERGED_SCALE = 2, 0.7


@dataclass(frozen=True, slots=True)
class Placed:
    """A part with its place: the column, counted from 0, and the top and height in it."""

    part: Part
    column: int
    top: float
    height: float


@dataclass(frozen=True, slots=True)
class Layout:
    """All parts in their places."""

    parts: tuple[Placed, ...]
    columns: int
    height: float

    @property
    def blocks(self) -> list[Block]:
        """Return what is drawn, without the gaps."""
        return [each.part for each in self.parts if isinstance(each.part, Block)]

    @property
    def merged(self) -> list[Block]:
        """Return the blocks that stand for several."""
        return [block for block in self.blocks if block.merged]


def arrange(rows: Sequence[Row]) -> Layout:
    """Place all areas, as large and in as few columns as is readable, merging only what must be."""
    parts = split(rows)
    for scale in (1.0, 0.5):
        heights = [height(part, scale) for part in parts]
        columns = columns_for(sum(heights))
        if columns <= MOST_COLUMNS:
            return place(parts, heights, columns)
    return place(*merge_to_fit(parts), MERGED_COLUMNS)


def height(part: Part, scale: float) -> float:
    """Return how high a part is drawn: with the logarithm of its size."""
    if not isinstance(part, Block):
        return GAP_HEIGHT
    lowest = TWO_LINES if part.merged else LOWEST
    steps = math.log2(max(part.size, 1) / 16384)
    return max(min(LOWEST + scale * 4.5 * steps, LOWEST + scale * (HIGHEST - LOWEST)), lowest)


def columns_for(total: float) -> int:
    """Return how many columns a total height needs."""
    return 1 if total <= SHORT_COLUMN else max(2, math.ceil(total / COLUMN_HEIGHT))


def merge_to_fit(parts: Sequence[Part]) -> tuple[list[Part], list[float]]:
    """Merge as little as makes all fit, by bisection over the number of blocks that are kept."""
    room = COLUMN_HEIGHT * MERGED_COLUMNS
    low, high = 0, sum(isinstance(part, Block) for part in parts)
    best = merge(parts, 0)
    while low < high:
        middle = (low + high + 1) // 2
        tried = merge(parts, middle)
        if sum(height(part, MERGED_SCALE) for part in tried) <= room:
            low, best = middle, tried
        else:
            high = middle - 1
    return best, [height(part, MERGED_SCALE) for part in best]


def place(parts: Sequence[Part], heights: Sequence[float], columns: int) -> Layout:
    """Fill the columns one after the other, about equally high."""
    even = sum(heights) / columns
    placed: list[Placed] = []
    column, top, highest, before = 0, 0.0, 0.0, 0.0
    for part, high in zip(parts, heights, strict=True):
        # A gap ends a column rather than starts one: it belongs to what is above it.
        full = before + high / 2 > even * (column + 1)
        if full and isinstance(part, Block) and column + 1 < columns:
            column, top = column + 1, 0.0
        placed.append(Placed(part, column, top, high))
        top += high
        before += high
        highest = max(highest, top)
    return Layout(tuple(placed), columns, highest)
