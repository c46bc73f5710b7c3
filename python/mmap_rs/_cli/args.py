"""What the command line accepts."""

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import PurePath

import mmap_rs

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?", re.ASCII)
_SHORTEST, _LONGEST = 0.01, 86400
_LAST = 2 * sys.maxsize + 1

_AREAS = """\
List what a process has mapped, in order of address: as a table with sums, as JSON, or as a picture.
How much of it is in memory, and what changes, is shown on request.

Numbers are decimal, or hexadecimal with the prefix 0x."""

_AREAS_END = """\
examples:
  %(prog)s --pid 1234
  %(prog)s --pid 1234 --usage --by-file
  %(prog)s --pid 1234 --watch 2
  %(prog)s --pid 1234 --svg map.svg
  %(prog)s --json | jq -r 'select(.execute) | .path'
  %(prog)s --pid 1234 --address 0x7f52c0001000

If nothing is mapped at an address, that is an error (status 1); a range without areas is an empty list."""


@dataclass(frozen=True, slots=True)
class AreasRequest:
    """The options of `areas`; `pid` is `None` for the command's own process."""

    pid: int | None = None
    address: int | None = None
    span: range | None = None
    json: bool = False
    svg: str | None = None
    usage: bool = False
    by_file: bool = False
    watch: float | None = None

    @property
    def wants_usage(self) -> bool:
        """Whether what is in memory is asked for: the picture shows it, too."""
        return self.usage or self.svg is not None


@dataclass(frozen=True, slots=True)
class PageSizesRequest:
    """The option of `page-sizes`."""

    json: bool = False


Request = AreasRequest | PageSizesRequest


def program() -> str:
    """Return the name that the command was started with."""
    return "python -m mmap_rs" if PurePath(sys.argv[0]).name == "__main__.py" else "mmap-rs"


def number(text: str) -> int:
    """Parse a number, decimal or hexadecimal with the prefix `0x`."""
    if not _NUMBER.fullmatch(text):
        raise argparse.ArgumentTypeError(f"not a number, decimal or 0x hexadecimal: {text!r}")
    # `int` itself refuses many decimal digits; no address and no process id has so many.
    if len(text) > 40:
        raise argparse.ArgumentTypeError(f"number too large: {text[:20]}...")
    return int(text, 16) if text[:2] in ("0x", "0X") else int(text)


def address(text: str) -> int:
    """Parse an address of this system."""
    value = number(text)
    if value > _LAST:
        raise argparse.ArgumentTypeError(f"beyond the last address {_LAST:#x}: {text}")
    return value


def seconds(text: str) -> float:
    """Parse a time in seconds, which may have a fraction."""
    if not _SECONDS.fullmatch(text) or not _SHORTEST <= (value := float(text)) <= _LONGEST:
        raise argparse.ArgumentTypeError(
            f"not a number of seconds from {_SHORTEST} to {_LONGEST}: {text[:40]!r}"
        )
    return value


def address_range(text: str) -> range:
    """Parse `START:END`, where END is the address after the last, or `START-END`, as in the table."""
    first, separator, second = text.replace("-", ":", 1).partition(":")
    if not separator:
        raise argparse.ArgumentTypeError(f"not START:END: {text!r}")
    start, end = address(first), address(second)
    if end < start:
        raise argparse.ArgumentTypeError(f"the end is before the start: {text}")
    return range(start, end)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    whole = argparse.ArgumentParser(
        prog=program(),
        description="Show what is mapped, and which page sizes exist.",
        allow_abbrev=False,
    )
    whole.add_argument(
        "--version",
        action="version",
        version=f"mmap-rs {mmap_rs.__version__} (of the crate mmap-rs {mmap_rs.__upstream_version__})",
    )
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)

    areas = commands.add_parser(
        "areas",
        help="list the memory areas of a process",
        description=_AREAS,
        epilog=_AREAS_END,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    areas.add_argument(
        "--pid", type=number, metavar="PID", help="the process (default: this command's own)"
    )
    where = areas.add_mutually_exclusive_group()
    where.add_argument(
        "--address", type=address, metavar="ADDR", help="only the area that contains this address"
    )
    where.add_argument(
        "--range",
        type=address_range,
        metavar="START:END",
        help="only the areas that overlap this range",
    )
    areas.add_argument(
        "--usage", action="store_true", help="show how much of each area is in memory"
    )
    areas.add_argument(
        "--by-file", action="store_true", help="sum up the areas of each file, the largest first"
    )
    areas.add_argument(
        "--watch",
        type=seconds,
        metavar="SECONDS",
        help="look again each so many seconds, and show what came, went and changed in size",
    )
    areas.add_argument("--json", action="store_true", help="print one JSON object per line")
    areas.add_argument(
        "--svg", metavar="FILE", help="write a picture to FILE, or to standard output for -"
    )

    pages = commands.add_parser(
        "page-sizes",
        help="list the page sizes of this system",
        description="Print the base page size, the allocation granularity, and the available page sizes.",
        allow_abbrev=False,
    )
    pages.add_argument("--json", action="store_true", help="print one JSON object")
    return whole


def parse(arguments: list[str]) -> Request:
    """Parse the arguments; on wrong usage, print an error to stderr and exit with status 2."""
    whole = parser()
    found = whole.parse_args(arguments)
    if found.command == "page-sizes":
        return PageSizesRequest(found.json)
    if found.json and found.svg == "-":
        whole.error("areas: --json and --svg - cannot both go to standard output")
    if found.svg is not None and (found.by_file or found.watch is not None):
        whole.error("areas: --svg cannot be used with --by-file or --watch")
    if found.by_file and found.watch is not None:
        whole.error("areas: --by-file cannot be used with --watch")
    return AreasRequest(
        found.pid,
        found.address,
        found.range,
        found.json,
        found.svg,
        found.usage,
        found.by_file,
        found.watch,
    )
