"""The kernel's side of the model: its list of areas against what is expected of each live mapping."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path

from tests.stateful.model import PAGE, Model


def check_areas(models: Iterable[Model]) -> None:
    """See that each page of each mapping has the protection, share mode and file that the model has."""
    # Cut into fields only where a mapping lies: there are hundreds of lines, and this runs at every step.
    lines = Path("/proc/self/maps").read_bytes().split(b"\n")[:-1]
    for model in models:
        at: int = model.real.start()
        first, end = at, at + model.pages * PAGE
        while at < end:
            index = bisect_right(lines, at, key=start_of) - 1
            fields = lines[index].decode().split(maxsplit=5)
            start, stop = (int(number, 16) for number in fields[0].split("-"))
            assert start <= at < stop, f"{model.real!r}: {at:#x} is not mapped"
            assert fields[1] == model.permissions, f"{model.real!r}: {fields}"
            name = "/memfd:stateful (deleted)" if model.memory else ("/shared", "/private")
            file = len(fields) > 5 and fields[5].endswith(name)
            assert file is ("file" in model.origin), f"{model.real!r}: {fields}"
            if file:
                offset = int(fields[2], 16) + at - start
                assert offset == model.file_offset + at - first, f"{model.real!r}: {fields}"
            at = stop


def start_of(line: bytes) -> int:
    """Return where the area of a line begins."""
    return int(line[: line.index(b"-")], 16)


def locked_bytes() -> int:
    """Return how much of this process's memory is locked, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmLck:"):
            return int(line.split()[1]) * 1024
    raise LookupError("VmLck")
