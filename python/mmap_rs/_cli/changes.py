"""What is different between two lists of areas."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mmap_rs._cli.rows import Row


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to an area: `row` is how it is now, or how it was if it went; `before` is how it was.

    It `came`, `went`, `grew` or `shrank`; with `changed` its protection, share mode or path is another, with
    `resident` another part of it is in memory.
    """

    what: str
    row: Row
    before: Row | None = None

    @property
    def by(self) -> int:
        """Return how many bytes more are mapped, or with `resident` are in memory."""
        if self.what == "resident":
            return (self.row.resident or 0) - (self.before.resident or 0 if self.before else 0)
        if self.what == "went":
            return -self.row.size
        return self.row.size - (0 if self.before is None else self.before.size)


def changes(before: Sequence[Row], after: Sequence[Row]) -> list[Change]:
    """Return what changed between two lists, in the order of addresses."""
    found: list[Change] = []
    old, new = list(before), list(after)
    # What kept its place; then what kept its start or its end, as heaps and stacks do, and is the same else.
    old, new = _pair(old, new, lambda row: (row.start, row.end), found)
    old, new = _pair(old, new, lambda row: (row.start, *_nature(row)), found)
    old, new = _pair(old, new, lambda row: (row.end, *_nature(row)), found)
    found += [Change("went", row) for row in old]
    found += [Change("came", row) for row in new]
    return sorted(found, key=lambda change: (change.row.start, change.what != "went"))


def _nature(row: Row) -> tuple[object, ...]:
    return row.protection, row.shared, row.path


def _pair(
    old: list[Row], new: list[Row], key: Callable[[Row], object], found: list[Change]
) -> tuple[list[Row], list[Row]]:
    """Note the changes of areas that a key finds in both lists, and return what is left of these."""
    places = {key(row): row for row in old}
    left: list[Row] = []
    for row in new:
        was = places.pop(key(row), None)
        if was is None:
            left.append(row)
        elif (what := _what(was, row)) is not None:
            found.append(Change(what, row, was))
    return list(places.values()), left


def _what(was: Row, row: Row) -> str | None:
    if row.size != was.size:
        return "grew" if row.size > was.size else "shrank"
    if _nature(row) != _nature(was) or row.start != was.start:
        return "changed"
    return "resident" if row.resident != was.resident else None
