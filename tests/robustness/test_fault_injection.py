"""Every system call of every operation is made to fail: the error tells it, and nothing has changed."""

from __future__ import annotations

import pytest

from tests.support.syscall_injection import unsupported

if unsupported() is not None:
    pytest.skip(f"no injection here: {unsupported()}", allow_module_level=True)

from tests.robustness import injection_cases, injection_sequences
from tests.support.child_process import check_child

# One child for several operations: a start of the interpreter costs more than all of their failures.
NAMES = sorted(injection_cases.OPERATIONS)
GROUPS = [tuple(NAMES[at : at + 12]) for at in range(0, len(NAMES), 12)]


@pytest.mark.parametrize("names", GROUPS, ids=[group[0] for group in GROUPS])
def test_each_call_of(names: tuple[str, ...]) -> None:
    code = (
        "import sys; from tests.robustness import injection_cases as c; print(c.run(*sys.argv[1:]))"
    )
    points = int(check_child(code, arguments=names))
    silent = sum(any(word in name for word in injection_cases.WITHOUT_CALLS) for name in names)
    assert points >= len(injection_cases.ERRNOS) * (len(names) - silent)


@pytest.mark.parametrize("name", injection_sequences.CASES)
def test_twice_or_late(name: str) -> None:
    out = check_child(
        f"from tests.robustness import injection_sequences as f; f.run({name!r}); print('done')"
    )
    assert out.strip() == "done"
