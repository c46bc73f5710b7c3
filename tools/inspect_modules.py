"""Hold the compiled modules of wheels to the rules of their targets: `python tools/inspect_modules.py dist`.

tools/inspect_wheel.py looks at the other files of a wheel, and needs no library for that.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "tiers"))

import inspection
from build_wheel import is_of
from inspect_wheel import wheels_in
from targets import Target, load
from work import Failed


def meant(name: str) -> tuple[Target, str]:
    """Return what the file name of a wheel says: its target, and the kind of Python."""
    found = [
        (target, kind) for target in load() for kind in target.pythons if is_of(name, target, kind)
    ]
    if len(found) != 1:
        raise Failed(f"{name}: tiers.toml has no such wheel")
    return found[0]


def main(words: list[str] | None = None) -> int:
    """Inspect wheels, print a line for each, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":", maxsplit=1)[0])
    parser.add_argument(
        "wheels", nargs="+", type=Path, metavar="WHEEL", help="a wheel, or a folder of wheels"
    )
    status = 0
    for wheel in wheels_in(parser.parse_args(words).wheels):
        try:
            with tempfile.TemporaryDirectory() as folder:
                target, kind = meant(wheel.name)
                print(inspection.inspect(Path(folder), wheel, target, kind))
        except Failed as error:
            print(error, file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
