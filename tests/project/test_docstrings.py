"""What help() and editors show: every public name is told of, once, and truly."""

import doctest
import enum
import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

import mmap_rs
from mmap_rs import _mmap_rs
from tests.support.child_process import check_child
from tests.support.paths import ROOT
from tools import sync_docs

# What upstream calls unsafe, and what is unsafe here for the same reasons.
UNSAFE = {
    "MmapOptions.for_file",
    "MmapOptions.with_file",
    "MmapOptions.with_unsafe_flags",
    "MmapOptions.map_exec_mut",
    "MmapOptions.reserve_exec_mut",
    "Mapping.make_exec_mut",
    "Mapping.make_exec_no_flush",
    "Mapping.set_inheritance",
    "Mmap.function",
}
PUBLIC = [getattr(mmap_rs, name) for name in mmap_rs.__all__]
CLASSES: list[type[Any]] = [value for value in PUBLIC if isinstance(value, type)]
# Bases that are not public, by the first class that derives from them.
BASES: dict[type[Any], str] = {
    mmap_rs.MmapNone.__base__: "MmapNone",  # type: ignore[dict-item]
    mmap_rs.Mmap.__base__: "Mmap",  # type: ignore[dict-item]
}
COMPILED: list[type[Any]] = [
    *(value for value in vars(_mmap_rs).values() if isinstance(value, type)),
    *BASES,
]


def own_members(cls: type) -> Iterator[tuple[str, Any]]:
    """Give the public members that a class defines itself, as `help()` sees them."""
    for name, value in vars(cls).items():
        described: Any = getattr(value, "__func__", value)
        if not name.startswith("_") and (
            inspect.isroutine(described) or inspect.isdatadescriptor(described)
        ):
            yield name, described


def texts() -> list[tuple[str, str]]:
    """List the docstrings of all classes and their members."""
    found: list[tuple[str, str]] = []
    for cls in {*CLASSES, *COMPILED}:
        if cls not in BASES:
            found.append((cls.__name__, cls.__doc__ or ""))
        if not issubclass(cls, enum.Enum | BaseException):
            found += [
                (f"{BASES.get(cls, cls.__name__)}.{name}", value.__doc__ or "")
                for name, value in own_members(cls)
            ]
    return sorted(found)


@pytest.mark.parametrize(("name", "text"), texts(), ids=lambda value: value[:40])
def test_every_public_name_is_told_of(name: str, text: str) -> None:
    first = text.strip().split("\n\n")[0]
    assert first.endswith((".", "()`.")), f"{name}: {first!r}"
    # Python shows the signature already.
    assert not re.match(rf"{name.rpartition('.')[2]}\(", first), name


@pytest.mark.parametrize("name", sorted(UNSAFE))
def test_what_is_unsafe_says_what_to_keep_to(name: str) -> None:
    owner, member = name.split(".")
    text = getattr(getattr(_mmap_rs, owner), member).__doc__
    assert re.search(r"^ *Safety:\n +\S", text, re.MULTILINE), text


def test_nothing_else_is_called_unsafe() -> None:
    told = {name for name, text in texts() if "\nSafety:\n" in inspect.cleandoc(text)}
    assert told == UNSAFE


@pytest.mark.parametrize("cls", COMPILED, ids=lambda cls: cls.__name__)
def test_compiled_methods_name_their_upstream_item(cls: type) -> None:
    silent = [
        name
        for name, value in own_members(cls)
        if inspect.isroutine(value) and "Upstream: " not in (value.__doc__ or "")
    ]
    # An iterator that is left early is Python's matter.
    assert set(silent) <= {"close"}


@pytest.mark.parametrize("cls", COMPILED, ids=lambda cls: cls.__name__)
def test_compiled_methods_have_signatures(cls: type) -> None:
    for name, value in own_members(cls):
        if inspect.isroutine(value):
            assert getattr(value, "__text_signature__", None), name


@pytest.mark.parametrize(
    ("name", "text"),
    [(name, text) for name, text in texts() if ">>> " in text],
    ids=lambda value: value[:40],
)
def test_examples_of_compiled_docstrings_run(name: str, text: str) -> None:
    scope = {public: getattr(mmap_rs, public) for public in mmap_rs.__all__}
    test = doctest.DocTestParser().get_doctest(inspect.cleandoc(text), scope, name, None, 0)
    outcome = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)
    assert outcome.failed == 0


def test_dir_lists_what_is_not_imported_yet() -> None:
    check_child("import mmap_rs; assert set(dir(mmap_rs)) >= {*mmap_rs.__all__, '__name__'}")


def test_the_stubs_have_the_text_of_the_module() -> None:
    assert sync_docs.main(["--check"]) == 0


def test_sync_writes_replaces_and_removes() -> None:
    source = (
        'class A:\n    """Old."""\n\n    def f(self) -> int: ...\n'
        '    def g(self) -> int:\n        """Gone."""\n'
    )
    told = {"A": "New.", "A.f": "Return 1.\n\nOr so."}
    assert sync_docs.with_docstrings(source, told.get) == (
        'class A:\n    """New."""\n\n    def f(self) -> int:\n        """Return 1.\n\n'
        '        Or so.\n        """\n    def g(self) -> int:\n        ...\n'
    )


@pytest.mark.parametrize("name", ["MmapFlags", "UnsafeMmapFlags", "Protection", "Seals", "Inherit"])
def test_editors_show_what_a_flag_does(name: str) -> None:
    stub = (ROOT / "python" / "mmap_rs" / "_flags.pyi").read_text(encoding="utf-8")
    owner = stub.split(f"\nclass {name}(", maxsplit=1)[1].split("\nclass ", maxsplit=1)[0]
    said = dict(re.findall(r'^    (\w+) = \S+\n    """([^"]+)"""$', owner, re.MULTILINE))
    members = [member.name for member in getattr(mmap_rs, name)]
    assert [*said] == members
    assert [text for text in said.values() if not re.fullmatch(r"[A-Z].*\.", text)] == []
