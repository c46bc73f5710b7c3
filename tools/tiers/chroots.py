"""Runs a program in a root folder, in namespaces of its own, so that this machine stays as it is.

A container engine would do it too, but needs a service, and rights that machines like this do not give.
"""

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.tiers import debian
from tools.tiers.work import Absent, Work

BASE = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
NATIVE = ("x86_64", "i686")
# qemu's names of other machines.
EMULATORS = {"aarch64": "qemu-aarch64", "armv7l": "qemu-arm"}

# Root of new namespaces with all users, as the tests need that become another one. `unshare` gives one only.
USERS = """set -e
setpriv --pdeathsig KILL unshare --user --keep-caps --mount --pid --fork --kill-child sh -c '
    until grep -q 65536 /proc/self/uid_map; do sleep 0.1; done
    exec setpriv --pdeathsig KILL --reuid 0 --regid 0 --clear-groups "$@"' users "$@" &
until [ "$(readlink /proc/$!/ns/pid_for_children)" != "$(readlink /proc/$$/ns/pid)" ]; do sleep 0.1; done
for kind in uid gid; do echo "0 0 65536" >/proc/$!/${kind}_map; done
wait $!
"""

# What runs inside the namespaces, with the root, the cache to show at /mnt, and a command as arguments.
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
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" || true
if [ -n "$BINFMT" ]; then
    mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
    printf %s "$BINFMT" >/proc/sys/fs/binfmt_misc/register
fi
exec "$@"
"""


def qemu(work: Work) -> Path:
    """Return a root with qemu's programs: sid's, which need no libraries and get most right."""
    if platform.machine() != "x86_64":
        raise Absent("runs other machines' programs on x86_64 only")
    return debian.root(work, "root-qemu", "sid", "x86_64", ["qemu-user", "qemu-user-binfmt"])


def how(work: Work, machine: str) -> str:
    """Return how programs of a machine are run here, in words: natively, or by which version of qemu."""
    system = f"Linux {platform.release()}"
    if machine in NATIVE:
        return f"natively, {system}"
    program = qemu(work) / "usr" / "bin" / EMULATORS[machine]
    said = work.run([program, "--version"], log="qemu-version")
    version = next(line.split()[2] for line in said.splitlines() if " version " in line)
    return f"qemu-user {version}, {system}"


def inside(work: Work, path: Path) -> str:
    """Return the path that something of the cache has in a root."""
    return str("/mnt" / path.relative_to(work.root))


def run(
    work: Work,
    root: Path,
    argv: Sequence[str],
    *,
    machine: str = "x86_64",
    env: Mapping[str, str] | None = None,
    folder: str = "/",
    log: str,
    check: bool = True,
) -> str:
    """Run `argv` in the folder `folder` of a root, where the cache is at /mnt, and return what it printed.

    `env` is added to `BASE`, and all of its environment.
    """
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    registered = ""
    if machine not in NATIVE:
        programs, name = qemu(work), EMULATORS[machine]
        known = programs / "usr" / "share" / "qemu" / "binfmt.d" / f"{name}.conf"
        magic, mask = known.read_text(encoding="ascii").split(":")[4:6]
        registered = f":{name}:M::{magic}:{mask}:{programs / 'usr' / 'bin' / name}:F"
    # Who is root keeps its rights, as some tests need them, unless another machine's programs are to be run:
    # how to start those can be told to the kernel for a namespace of users alone.
    if os.geteuid() != 0:
        namespaces += ["--user", "--map-root-user"]
    elif registered:
        namespaces = ["sh", "-c", USERS, "users"]
    entering: list[str | Path] = ["sh", "-c", ENTER, "enter", root, work.root, "env", "-i"]
    entering += [f"{name}={value}" for name, value in {**BASE, **(env or {})}.items()]
    entering += ["setarch", "i686"] if machine == "i686" else []
    entering += ["unshare", f"--root={root}", f"--wd={folder}", *argv]
    own = {"BINFMT": registered}
    return work.run([*namespaces, *entering], log=log, env=own, check=check)
