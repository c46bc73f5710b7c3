"""A case: the same work done by several sides, and how they are to compare."""

import re
import timeit
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

OURS = "mmap_rs"


class Turn(Protocol):
    """One side's way to do the work."""

    def __call__(self, loops: int, /) -> float:
        """Do the work so many times; return the seconds it took."""
        ...


class Statement:
    """A turn of a Python statement, whose names are local variables, as in a function of a user's."""

    def __init__(self, statement: str, setup: str = "pass", **names: object) -> None:
        self.text = statement
        given = [f"{name} = given_{name}" for name in names]
        self._timer = timeit.Timer(
            statement,
            "\n".join([*given, setup]),
            globals={f"given_{name}": value for name, value in names.items()},
        )

    def __call__(self, loops: int, /) -> float:
        """Take a turn."""
        return self._timer.timeit(loops)


@dataclass(frozen=True)
class Ratio:
    """Our time must be at most `limit` times that of the fastest of the rivals."""

    rivals: tuple[str, ...]
    limit: float
    kept: float | None = None
    """What `--check` holds us to where the limit is out of reach; `reason` says why it is."""
    reason: str = ""
    unit = ""

    def value(self, ours: float, theirs: float) -> float:
        """Return what `limit` limits."""
        return ours / theirs


@dataclass(frozen=True)
class Excess:
    """Our time must be at most `limit` nanoseconds more than that of the fastest of the rivals."""

    rivals: tuple[str, ...]
    limit: float
    kept: float | None = None
    reason: str = ""
    unit = "ns"

    def value(self, ours: float, theirs: float) -> float:
        """Return what `limit` limits."""
        return (ours - theirs) * 1e9


Bar = Ratio | Excess


def key(family: str, name: str) -> str:
    """Return what a case is known by."""
    return f"{family}: {name}"


@dataclass(frozen=True)
class Case:
    """The same work by several sides; a side that no bar names is shown only."""

    family: str
    name: str
    sides: Mapping[str, Turn]
    bars: tuple[Bar, ...] = ()
    calls: int = 1
    """How many calls a loop makes: times are given for one."""
    once: bool = False
    """A call takes so long that it doesn't matter where code lies: one process will do."""
    counted: tuple[int, int] | None = None
    """Two numbers of loops whose difference gives the instructions of one; without it they aren't counted."""

    @property
    def key(self) -> str:
        """Return what the case is known by."""
        return key(self.family, self.name)


@dataclass(frozen=True)
class Scope:
    """Which cases are asked for."""

    large: bool = False
    """Those over 1 GiB too."""
    counting: bool = False
    """Instructions are counted, a hundred times slower: no imports for the sake of a rival."""
    only: str = ""
    """A regular expression that the keys of the cases match somewhere."""

    def wants(self, family: str, name: str) -> bool:
        """Whether a case is asked for: those that take long to set up may look before."""
        return re.search(self.only, key(family, name)) is not None


class Family(Protocol):
    """A module of `benchmarks.families`."""

    def cases(self, scope: Scope) -> Iterator[Case]:
        """Give the cases one by one. What a case needs is there until the next is asked for."""
        ...


@dataclass(frozen=True)
class Measured:
    """What a case came to: seconds a call for each side."""

    family: str
    name: str
    bars: tuple[Bar, ...]
    seconds: Mapping[str, float]

    @property
    def key(self) -> str:
        """Return what the case is known by."""
        return key(self.family, self.name)

    def with_best_of(self, other: "Measured") -> "Measured":
        """Return the same with the lesser of both times of each side."""
        seconds = {side: min(time, other.seconds[side]) for side, time in self.seconds.items()}
        return replace(self, seconds=seconds)

    def rival(self, bar: Bar) -> str:
        """Return the fastest of a bar's rivals."""
        return min(
            (name for name in bar.rivals if name in self.seconds), key=self.seconds.__getitem__
        )

    def value(self, bar: Bar) -> float:
        """Return what the bar limits."""
        return bar.value(self.seconds[OURS], self.seconds[self.rival(bar)])
