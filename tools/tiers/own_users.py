"""Runs a command in new namespaces of users, mounts and processes: `python own_users.py COMMAND...`.

`unshare` can give such a namespace one user only, its root. Who is root outside can give it all users, as the
tests need that become another one.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x10000000, 0x20000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
PR_SET_PDEATHSIG, SIGKILL = 1, 9
USERS = 65536


def main(command: list[str]) -> int:
    """Run the command and return its status."""
    libc = ctypes.CDLL(None, use_errno=True)
    ready, is_ready = os.pipe()
    go, may_go = os.pipe()
    child = os.fork()
    if child == 0:
        libc.prctl(PR_SET_PDEATHSIG, SIGKILL)
        os.close(ready)
        os.close(may_go)
        if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID):
            print(f"unshare: {os.strerror(ctypes.get_errno())}", file=sys.stderr)
            os._exit(1)
        os.write(is_ready, b".")
        os.read(go, 1)
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        if libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None):
            print(f"mount: {os.strerror(ctypes.get_errno())}", file=sys.stderr)
            os._exit(1)
        # The first process of the new namespace: with it all others end.
        first = os.fork()
        if first == 0:
            libc.prctl(PR_SET_PDEATHSIG, SIGKILL)
            os.execvp(command[0], command)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]) & 0xFF)
    os.close(is_ready)
    if os.read(ready, 1):
        for kind in ("uid", "gid"):
            Path(f"/proc/{child}/{kind}_map").write_text(f"0 0 {USERS}\n", encoding="ascii")
        os.write(may_go, b".")
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
