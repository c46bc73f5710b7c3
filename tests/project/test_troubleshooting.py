"""The page of messages: each is made by its example, word for word, and the page is in their order."""

import csv
import doctest
import json
import multiprocessing
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

import mmap_rs
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
SECTION = re.compile(r"^## `([^\n]+)`\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"^```pycon\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTIONS: dict[str, str] = dict(SECTION.findall(PAGE))
# What an example says or does as Linux does.
LINUX = ("Errno", "faulthandler", "/dev/null")


def names() -> dict[str, Any]:
    """Everything that the examples name."""
    modules = (csv, json, mmap_rs, multiprocessing, os, re, subprocess, sys, warnings)
    own = {name: getattr(mmap_rs, name) for name in mmap_rs.__all__}
    return {module.__name__: module for module in modules} | own | {"Path": Path}


@pytest.mark.parametrize("message", SECTIONS)
def test_the_example_makes_the_message(
    message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [example] = EXAMPLE.findall(SECTIONS[message])
    if sys.platform != "linux" and any(word in example for word in LINUX):
        pytest.skip("the words, or what is done, are those of Linux")
    found = names()
    if "np." in example:
        found["np"] = pytest.importorskip("numpy")
    monkeypatch.chdir(tmp_path)
    test = doctest.DocTestParser().get_doctest(example, found, message, None, None)
    said: list[str] = []
    with warnings.catch_warnings():
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        outcome = runner.run(test, out=said.append)
    assert outcome.failed == 0, "".join(said)
    # The heading is what is raised, or printed, but for what differs from case to case.
    shown = [each.exc_msg or each.want for each in test.examples]
    words = ".*".join(re.escape(part) for part in message.split("…"))
    assert any(re.search(words, text) for text in shown), shown


def test_the_page_is_in_the_order_of_the_messages() -> None:
    order = [re.sub(r"^[^a-z]+", "", message.lower()) for message in SECTIONS]
    assert len(order) > 25
    assert order == sorted(order)
    assert PAGE.count("\n## ") == len(SECTIONS)
