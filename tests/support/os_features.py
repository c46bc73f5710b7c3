"""What this system and this user can do: files in memory, root's rights, the kernel's version."""

import os
import re
import sys


def memfd(name: str, flags: str = "MFD_CLOEXEC") -> int:
    """Return the descriptor of a new file in memory, made with the flags that are named, `|` between them.

    Where this Python can't make one, as for Android before version 11, the test is skipped.
    """
    if not hasattr(os, "memfd_create"):
        import pytest  # not above: child processes import this module

        pytest.skip("this Python has no os.memfd_create()")
    number = 0
    for flag in flags.split("|"):
        number |= getattr(os, flag)
    return os.memfd_create(name, number)


def is_root() -> bool:
    """Tell whether the process may do what only root may; never on a system without users of that kind."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def kernel_version() -> tuple[int, int]:
    """Return the first two parts of the kernel's version, such as (6, 11); (0, 0) where it is not Linux."""
    if sys.platform != "linux":
        return (0, 0)
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int(re.match(r"\d+", minor)[0])  # type: ignore[index]
