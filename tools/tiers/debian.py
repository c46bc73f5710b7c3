"""Roots of Debian packages, of any suite and architecture, without a change to the host's packages.

apt resolves and fetches with a state of its own in the cache, and the packages are unpacked, not installed:
no script of theirs runs. debootstrap and mmdebstrap would run those, and know only whole systems.
"""

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tools.tiers.work import Absent, Work

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Debian's names of architectures, and of the folders of their libraries.
ARCHITECTURES = {
    "x86_64": ("amd64", "x86_64-linux-gnu"),
    "i686": ("i386", "i386-linux-gnu"),
    "aarch64": ("arm64", "aarch64-linux-gnu"),
    "armv7l": ("armhf", "arm-linux-gnueabihf"),
}
APT = Path(__file__).with_name("apt.conf")
UNPACK = """set -e
root=$1
shift
for package in "$@"; do
    dpkg-deb --fsys-tarfile "$package" |
        tar --extract --keep-directory-symlink --no-same-owner --directory "$root"
done
"""
# What the packages' scripts would have made.
ETC = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
    "group": "root:x:0:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost\n",
}


def _mirror(work: Work) -> str:
    """Return the address of the Debian mirror that this machine uses."""
    asked = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(COMPONENT) $(LABEL) $(REPO_URI)"]
    for line in work.run(asked, log="debian-mirror").splitlines():
        if line.startswith("Debian main Debian "):
            return line.split()[-1]
    raise Absent("apt knows no mirror of Debian here: run apt-get update first")


def _apt(work: Work, log: str, kind: str, suite: str, arch: str, folder: Path) -> dict[str, str]:
    """Return the environment in which apt has its state in `folder`; `kind` is deb or deb-src."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    line = f"{kind} [signed-by={KEYRING}] {_mirror(work)} {suite} main\n"
    (folder / "sources.list").write_text(line)
    (folder / "status").touch()
    conf = APT.read_text(encoding="ascii").replace("FOLDER", str(folder)).replace("ARCH", arch)
    (folder / "apt.conf").write_text(conf)
    env = {"APT_CONFIG": str(folder / "apt.conf"), "DEBIAN_FRONTEND": "noninteractive"}
    work.run(["apt-get", "-q", "update"], log=f"{log}-update", env=env)
    return env


def sources(work: Work, suite: str, packages: Sequence[str], folder: Path) -> None:
    """Unpack source packages as their authors released them, each into a folder of `folder` by its name."""
    fetched = folder / "apt"
    env = _apt(work, "sources", "deb-src", suite, "amd64", fetched)
    for package in packages:
        kept = fetched / package
        kept.mkdir()
        words = ["source", "--download-only", "--only-source", package]
        work.run(["apt-get", "-q", *words], log=f"sources-{package}", env=env, folder=kept)
        (archive,) = kept.glob("*.orig.tar.*[!c]")
        (folder / package).mkdir()
        tar = ["tar", "--extract", "--strip-components=1", "--no-same-owner", "--file", archive]
        work.run([*tar, "--directory", folder / package], log=f"sources-{package}-unpack")
    shutil.rmtree(fetched)


def fill(work: Work, name: str, suite: str, machine: str, packages: Sequence[str], folder: Path) -> None:
    """Unpack packages, and all that they depend on, into a folder that `chroot` can enter then."""
    fetched = folder / "apt"
    arch, libraries = ARCHITECTURES[machine]
    env = _apt(work, name, "deb", suite, arch, fetched)
    words = ["-qy", "--download-only", "install", *packages]
    work.run(["apt-get", *words], log=f"{name}-fetch", env=env)
    for merged in ("bin", "lib", "sbin", "lib64"):
        (folder / "usr" / merged).mkdir(parents=True)
        (folder / merged).symlink_to(f"usr/{merged}")
    archives = sorted((fetched / "cache" / "archives").glob("*.deb"))
    work.run(["sh", "-c", UNPACK, "unpack", folder, *archives], log=f"{name}-unpack")
    shutil.rmtree(fetched)
    for place in ("proc", "sys", "dev", "tmp", "run", "etc", "root", "mnt"):
        (folder / place).mkdir(exist_ok=True)
    (folder / "tmp").chmod(0o1777)
    for file, text in ETC.items():
        (folder / "etc" / file).write_text(text)
    # NumPy's linear algebra is chosen by links.
    for kind in ("blas", "lapack"):
        link = folder / "usr" / "lib" / libraries / f"lib{kind}.so.3"
        if (link.parent / kind / link.name).exists() and not link.exists():
            link.symlink_to(f"{kind}/{link.name}")


def root(work: Work, name: str, suite: str, machine: str, packages: Sequence[str]) -> Path:
    """Return the folder `name` of the cache, filled so; `machine` is one of `ARCHITECTURES`."""
    make = partial(fill, work, name, suite, machine, packages)
    return work.once(name, f"5 {suite} {machine} {' '.join(packages)}", make)
