"""Runs a program in a root folder, in namespaces of its own, so that this machine stays as it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import suite
from work import Absent, Tally, Work

VERSION = "import platform as p; print(p.python_implementation(), p.python_version(), p.machine())"

OWN_USERS = Path(__file__).with_name("own_users.py")

# How qemu's interpreters are registered: the ELF header's beginning, and which of its bits count.
MAGIC = {
    "aarch64": (
        "qemu-aarch64",
        r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00",
        r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff",
    ),
    "armv7l": (
        "qemu-arm",
        r"\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00",
        r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff",
    ),
}

BASE = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}

# What runs inside the namespaces, with the root, the folder to show at /mnt, and a command as arguments.
ENTER = """set -e
root=$1
shown=$2
shift 2
# Programs that make mounts of their own need a root that is one.
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
mount --bind "$shown" "$root/mnt"
if [ -n "$PACKAGES" ]; then
    mount --bind "$PACKAGES" "$root/mnt/packages"
fi
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" || true
if [ -n "$BINFMT" ]; then
    mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
    printf %s "$BINFMT" >/proc/sys/fs/binfmt_misc/register
fi
exec "$@"
"""


def _namespaces(foreign: bool) -> list[str]:
    """Return the command that makes the namespaces.

    Who is root keeps its rights, as some tests need them, unless another machine's programs are to be run:
    how to start those can be told to the kernel for a namespace of users alone.
    """
    if foreign and os.geteuid() == 0:
        return [sys.executable, str(OWN_USERS)]
    common = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    if foreign or os.geteuid() != 0:
        common += ["--user", "--map-root-user"]
    return common


def run(
    work: Work,
    root: Path,
    shown: Path,
    argv: Sequence[str],
    *,
    machine: str = "x86_64",
    qemu: Path | None = None,
    env: Mapping[str, str] | None = None,
    folder: str = "/",
    packages: Path | None = None,
    log: str,
    timeout: float | None = None,
    check: bool = True,
) -> str:
    """Run `argv` in the folder `folder` of a root, where `shown` is at /mnt, and return what it printed.

    `env` is added to `BASE`, and all of its environment. `qemu` is the folder of qemu's programs, if the root
    is of another machine. `packages` is a folder to show at /mnt/packages.
    """
    if not Path("/proc/self/ns/user").exists():
        raise Absent("this kernel has no namespaces")
    registered = ""
    if qemu is not None:
        program, magic, mask = MAGIC[machine]
        registered = f":{program}:M::{magic}:{mask}:{qemu / program}:F"
    personality = ["setarch", "i686"] if machine == "i686" else []
    entering: list[str | Path] = ["env", "-i"]
    variables = [f"{name}={value}" for name, value in {**BASE, **(env or {})}.items()]
    entering += [*variables, *personality, "unshare", f"--root={root}", f"--wd={folder}", *argv]
    return work.run(
        [*_namespaces(qemu is not None), "sh", "-c", ENTER, "enter", root, shown, *entering],
        log=log,
        env={"BINFMT": registered, "PACKAGES": str(packages or "")},
        timeout=timeout,
        check=check,
    )


def run_suite(
    work: Work,
    root: Path,
    wheel: Path,
    packages: Path,
    interpreter: str,
    arguments: list[str],
    *,
    name: str,
    under: str,
    timeout: float,
    machine: str = "x86_64",
    qemu: Path | None = None,
    env: Mapping[str, str] | None = None,
    emulators: str = "qemu",
) -> Tally:
    """Run the test suite on a wheel with the Python of a root, whose path there is `interpreter`.

    `packages` is a folder with the suite's requirements, `name` names the run, `under` is for the tally. Of
    `emulators`, tests/conftest.py leaves out what they get wrong, where there is one at all.
    """
    shown = work.folder(f"run-{name}")
    suite.copy(shown / "project")
    suite.install(work, wheel, shown / "wheel", interpreter, f"{name}-wheel")
    # Itself, not a copy: what Python compiles of it stays for the next run.
    (shown / "packages").mkdir(exist_ok=True)
    own = {**BASE, **(env or {}), "PYTHONPATH": "/mnt/wheel:/mnt/packages"}
    own["PATH"] = f"/mnt/wheel/bin:{own['PATH']}"
    if qemu is not None:
        own["MMAP_RS_EMULATOR"] = emulators
        # Far from a real processor's speed.
        arguments = ["-o", "timeout=300", "-o", "faulthandler_timeout=600", *arguments]
    enter = partial(run, work, root, shown, machine=machine, qemu=qemu, env=own, packages=packages)
    told = enter([interpreter, "-c", VERSION], log=f"{name}-version").splitlines()[-1]

    def tests(words: list[str], log: str) -> str:
        argv = [interpreter, *words]
        return enter(argv, folder="/mnt/project", log=log, timeout=timeout, check=False)

    return suite.run(tests, f"test-{name}", arguments, python=told, under=under)
