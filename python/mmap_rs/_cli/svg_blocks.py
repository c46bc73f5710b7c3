"""The picture's parts: blocks of areas that belong together, the gaps between, and what is drawn as one.

A block is a run of areas that touch and have one path, or none. A picture of thousands of blocks tells
nothing, so runs of small ones can be merged; a merged block knows what went into it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mmap_rs._cli.rows import Row
from mmap_rs._cli.text import count, human, printable
from mmap_rs._cli.totals import by_protection

# Of so many areas the protections are listed one by one.
_FEW = 8

# Always drawn by themselves: people look for them.
_LANDMARKS = ("heap", "stack", "kernel")


@dataclass(frozen=True, slots=True)
class Gap:
    """Addresses between two blocks where nothing is mapped."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """Return the size in bytes."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Block:
    """Areas drawn as one; `blocks` is the number of runs that were merged, `gaps` the bytes between them."""

    rows: tuple[Row, ...]
    blocks: int = 1
    gaps: int = 0

    @property
    def start(self) -> int:
        """Return the first address."""
        return self.rows[0].start

    @property
    def end(self) -> int:
        """Return the address after the last."""
        return self.rows[-1].end

    @property
    def size(self) -> int:
        """Return the bytes that are mapped."""
        return sum(row.size for row in self.rows)

    @property
    def merged(self) -> bool:
        """Return whether this stands for several runs of areas."""
        return self.blocks > 1

    @property
    def is_landmark(self) -> bool:
        """Return whether people look for this part."""
        return not self.merged and self.rows[0].kind in _LANDMARKS

    @property
    def label(self) -> str:
        """Say what is in the block."""
        if self.merged:
            return f"{len(self.rows):,} smaller areas"
        path = self.rows[0].path
        if path is not None:
            return printable(path)
        return " and ".join(dict.fromkeys(row.kind for row in self.rows))

    @property
    def detail(self) -> str:
        """Say how the bytes may be used; of a merged block, what is in it and how much lies between."""
        if self.merged:
            return self._contents() + (f"; gaps {human(self.gaps)}" if self.gaps else "")
        if len(self.rows) <= _FEW:
            protections = " ".join(row.protection for row in self.rows)
        else:
            each = " ".join(by_protection(self.rows))
            protections = f"{count(len(self.rows), 'area')}: {each}"
        shared = ", shared" if any(row.shared for row in self.rows) else ""
        return f"{protections}{shared}"

    @property
    def resident(self) -> int | None:
        """Return how many bytes are in memory, as far as the areas say it."""
        known = [row.resident for row in self.rows if row.resident is not None]
        return sum(known) if known else None

    def _contents(self) -> str:
        paths = {row.path for row in self.rows if row.path is not None}
        nameless = dict.fromkeys(row.kind for row in self.rows if row.path is None)
        return ", ".join([*([count(len(paths), "path")] if paths else []), *nameless])


Part = Block | Gap


def split(rows: Sequence[Row]) -> list[Part]:
    """Split areas, which are in order, into blocks and the gaps between them."""
    parts: list[Part] = []
    run: list[Row] = []
    for row in rows:
        if run and (run[-1].end != row.start or run[-1].path != row.path):
            parts.append(Block(tuple(run)))
            if run[-1].end < row.start:
                parts.append(Gap(run[-1].end, row.start))
            run = []
        run.append(row)
    if run:
        parts.append(Block(tuple(run)))
    return parts


def merge(parts: Sequence[Part], blocks: int) -> list[Part]:
    """Keep the `blocks` most telling blocks and some of the largest gaps; merge each run of others."""
    by_weight = sorted(range(len(parts)), key=lambda place: _weight(parts[place]), reverse=True)
    kept = {place for place in by_weight if isinstance(parts[place], Block)}
    kept = set([place for place in by_weight if place in kept][:blocks])
    kept |= set([place for place in by_weight if isinstance(parts[place], Gap)][: blocks // 4 + 4])

    result: list[Part] = []
    run: list[Part] = []
    for place, part in enumerate(parts):
        if place in kept:
            result += _joined(run)
            run = []
            result.append(part)
        else:
            run.append(part)
    return result + _joined(run)


def _weight(part: Part) -> tuple[bool, int]:
    return isinstance(part, Block) and part.is_landmark, part.size


def _joined(run: Sequence[Part]) -> list[Part]:
    """Return a run as one block, with the gaps that it may start and end with."""
    places = [place for place, part in enumerate(run) if isinstance(part, Block)]
    if len(places) < 2:
        return list(run)
    first, last = places[0], places[-1]
    inner = run[first : last + 1]
    block = Block(
        tuple(row for part in inner if isinstance(part, Block) for row in part.rows),
        blocks=len(places),
        gaps=sum(part.size for part in inner if isinstance(part, Gap)),
    )
    return [*run[:first], block, *run[last + 1 :]]
