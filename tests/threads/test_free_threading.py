"""The page on threads names every public method and the tests that it relies on; the module needs no GIL."""

from __future__ import annotations

import re
import sys

import pytest

import mmap_rs
from tests.support.paths import ROOT, TESTS

PAGE = (ROOT / "docs" / "free-threading.md").read_text(encoding="utf-8")
CLASSES = (
    mmap_rs.MmapOptions,
    mmap_rs.PageSize,
    mmap_rs.MmapNone,
    mmap_rs.Mmap,
    mmap_rs.MmapMut,
    mmap_rs.ReservedNone,
    mmap_rs.Reserved,
    mmap_rs.ReservedMut,
    mmap_rs.MemoryArea,
    mmap_rs.MemoryAreas,
)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_each_method_has_a_verdict(cls: type) -> None:
    names = {name for name in dir(cls) if not name.startswith("_")}
    if cls is mmap_rs.MmapOptions:
        names = {name for name in names if not name.startswith("with_")}  # named as one
    missing = {name for name in names if not re.search(rf"`(?:\w+\.)?{name}[`(]", PAGE)}
    assert not missing


def test_the_tests_that_it_names_exist() -> None:
    named = re.findall(r"`(\w+/test_\w+\.py)`((?:,? `\w+`)*)", PAGE)
    assert named
    for file, functions in named:
        source = (TESTS / file).read_text(encoding="utf-8")
        for function in re.findall(r"\w+", functions):
            assert f"def {function}(" in source, f"{function} in {file}"


@pytest.mark.skipif(
    not hasattr(sys, "_is_gil_enabled"), reason="this Python does not say whether it has a GIL"
)
def test_the_module_leaves_the_gil_off() -> None:
    import sysconfig

    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        pytest.skip("this Python has the GIL for good")
    assert not getattr(sys, "_is_gil_enabled")()  # noqa: B009  # newer than the oldest Python
