"""Views of mappings, made and used by an extension module in Rust."""

from collections.abc import Callable, Iterator
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

from benchmarks.data import random_bytes, scratch_file
from benchmarks.model import OURS, Case, Excess, Ratio, Scope, Turn
from benchmarks.remote import EXTENSION, plain
from mmap_rs import MmapFlags, MmapOptions

MIB = 1 << 20
NEEDLE = b"\xf0\xf1\xf2\xf3"


def extension() -> Any:
    """Import the extension module, which `benchmarks.remote.build` has built."""
    if not EXTENSION.exists():
        msg = f"no {EXTENSION.name}: make bench builds it"
        raise ModuleNotFoundError(msg, name=EXTENSION.name)
    loader = ExtensionFileLoader("views", str(EXTENSION))
    spec = spec_from_file_location("views", EXTENSION, loader=loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def turn(work: Callable[..., float], *arguments: object) -> Turn:
    """Return a turn of a function that times its own loops."""

    def take(loops: int, /) -> float:
        return work(loops, *arguments)

    return take


def cases(scope: Scope) -> Iterator[Case]:
    if scope.counting:
        return  # each side is a function of the extension module, and none is a statement of Python
    views = extension()
    loop = turn(views.nothing)
    with MmapOptions(MIB).map_mut() as m:
        sides = {OURS: turn(views.view, m), "nothing": loop}
        yield Case("views", "view and release", sides, (Excess(("nothing",), 60),))
        sides = {OURS: turn(views.clone, m), "nothing": loop}
        yield Case("views", "one more view, detached", sides, (Excess(("nothing",), 60),))
    content = bytes(random_bytes(MIB, bytes(range(128))))
    with (
        scratch_file(content) as path,
        plain() as rust,
        MmapOptions.for_file(path).with_flags(MmapFlags.SHARED).map() as m,
    ):
        sides = {
            OURS: turn(views.find, m, NEEDLE),
            "Rust": rust.turn("find", str(path), NEEDLE.hex()),
        }
        yield Case("views", "find over a view of 1 MiB", sides, (Ratio(("Rust",), 1.05),))
