"""Hostile snippets: each runs in a child and must end in the exception named beside it, never in a crash."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.robustness.hostile_snippets import END, PRELUDE, SNIPPETS, Snippet
from tests.support.child_process import describe, run_child

CHUNK = 24


@pytest.mark.parametrize("first", range(0, len(SNIPPETS), CHUNK))
def test_hostile(first: int) -> None:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        failures = list(filter(None, pool.map(judge, SNIPPETS[first : first + CHUNK])))
    assert not failures, "\n\n".join(failures)


def judge(snippet: Snippet) -> str | None:
    """Run one snippet in a child; return what is wrong with its end, if anything is."""
    done = run_child(f"{PRELUDE}\nrun({snippet.code!r})\n{END}")
    wanted = set(snippet.expected.split())
    got = done.stdout.strip()
    if done.returncode or not any(repr(name) in got for name in wanted):
        return f"{snippet.code}\n  expected {snippet.expected}\n  got {got}\n{describe(done)}"
    return None
