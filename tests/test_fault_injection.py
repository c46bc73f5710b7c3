"""Every system call of every operation is made to fail: the error tells it, and nothing has changed."""

from __future__ import annotations

import pytest

from inject import unsupported

if unsupported() is not None:
    pytest.skip(f"no injection here: {unsupported()}", allow_module_level=True)

import fault_cases
import fault_twice
from child import check_child

# One child for several operations: a start of the interpreter costs more than all of their failures.
NAMES = sorted(fault_cases.OPERATIONS)
GROUPS = [tuple(NAMES[at : at + 12]) for at in range(0, len(NAMES), 12)]


@pytest.mark.parametrize("names", GROUPS, ids=[group[0] for group in GROUPS])
def test_each_call_of(names: tuple[str, ...]) -> None:
    code = "import sys, fault_cases; print(fault_cases.run(*sys.argv[1:]))"
    points = int(check_child(code, arguments=names))
    silent = sum(any(word in name for word in fault_cases.WITHOUT_CALLS) for name in names)
    assert points >= len(fault_cases.ERRNOS) * (len(names) - silent)


@pytest.mark.parametrize("name", fault_twice.SCENES)
def test_twice_or_late(name: str) -> None:
    out = check_child(f"import fault_twice as f; f.run({name!r}); print('done')")
    assert out.strip() == "done"
