"""Roots of Debian packages, of any suite and architecture, without a change to the host's packages.

apt resolves and fetches with a state of its own in the cache folder, and the packages are unpacked, not
installed: no script of theirs runs.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from work import Absent, Failed, Work

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

# Debian's names of architectures, and of the folders of their libraries.
ARCHITECTURES = {
    "x86_64": ("amd64", "x86_64-linux-gnu"),
    "i686": ("i386", "i386-linux-gnu"),
    "aarch64": ("arm64", "aarch64-linux-gnu"),
    "armv7l": ("armhf", "arm-linux-gnueabihf"),
}

# apt's own configuration is read as well: it may know a proxy.
APT = """
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
APT::Architecture "{arch}";
APT::Architectures {{ "{arch}"; }};
APT::Install-Recommends "false";
APT::Keep-Downloaded-Packages "true";
APT::Sandbox::User "root";
Acquire::Languages "none";
"""

UNPACK = """set -e
root=$1
shift
for package in "$@"; do
    dpkg-deb --fsys-tarfile "$package" |
        tar --extract --keep-directory-symlink --no-same-owner --directory "$root"
done
"""


def mirror(work: Work) -> str:
    """Return the address of the Debian mirror that this machine uses; `Absent` if it uses none."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise Absent("needs apt and dpkg, so a Debian or one of its kind")
    if not KEYRING.is_file():
        raise Absent(f"{KEYRING} is missing: install the package debian-archive-keyring")
    known = work.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN) $(COMPONENT) $(LABEL) $(REPO_URI)"],
        log="debian-mirror",
    )
    for line in known.splitlines():
        if line.startswith("Debian main Debian "):
            return line.split()[-1]
    raise Absent("apt knows no mirror of Debian here: run apt-get update first")


def _apt(work: Work, log: str, kind: str, suite: str, arch: str, folder: Path) -> dict[str, str]:
    """Return the environment in which apt has its state in `folder`; `kind` is deb or deb-src."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    line = f"{kind} [signed-by={KEYRING}] {mirror(work)} {suite} main\n"
    (folder / "sources.list").write_text(line)
    (folder / "apt.conf").write_text(APT.format(folder=folder, arch=arch))
    env = {"APT_CONFIG": str(folder / "apt.conf"), "DEBIAN_FRONTEND": "noninteractive"}
    work.run(["apt-get", "-q", "update"], log=f"{log}-update", env=env)
    return env


def sources(
    work: Work, name: str, suite: str, machine: str, packages: Sequence[str], folder: Path
) -> None:
    """Unpack source packages as their authors released them, each into a folder of `folder` by its name."""
    fetched = folder / "apt"
    fetched.mkdir()
    env = _apt(work, name, "deb-src", suite, ARCHITECTURES[machine][0], fetched)
    for package in packages:
        kept = fetched / package
        kept.mkdir()
        words = ["source", "--download-only", "--only-source", package]
        work.run(["apt-get", "-q", *words], log=f"{name}-{package}", env=env, cwd=kept)
        found = sorted(kept.glob("*.orig.tar.*[!c]"))
        if len(found) != 1:
            raise Failed(f"the source of {package} is not one archive but {len(found)}")
        (folder / package).mkdir()
        tar = ["tar", "--extract", "--strip-components=1", "--no-same-owner"]
        work.run(
            [*tar, "--directory", folder / package, "--file", found[0]],
            log=f"{name}-{package}-unpack",
        )
    shutil.rmtree(fetched)


def _download(
    work: Work, log: str, suite: str, arch: str, packages: Sequence[str], folder: Path
) -> None:
    """Fetch packages and all that they depend on into `folder`/cache/archives."""
    env = _apt(work, log, "deb", suite, arch, folder)
    work.run(
        ["apt-get", "-qy", "--download-only", "install", *packages], log=f"{log}-fetch", env=env
    )


def unpacked(
    work: Work,
    name: str,
    suite: str,
    machine: str,
    packages: Sequence[str],
    *,
    finish: Callable[[Path], None] | None = None,
    version: int | str = 1,
) -> Path:
    """Return the folder `name` with these packages, and all that they depend on, unpacked.

    `machine` is one of `ARCHITECTURES`; `finish` is called with the new folder; `version` tells its changes.
    """
    arch = ARCHITECTURES[machine][0]

    def make(root: Path) -> None:
        fetched = root / "apt"
        fetched.mkdir()
        _download(work, name, suite, arch, packages, fetched)
        for folder in ("bin", "lib", "sbin", "lib64"):
            (root / "usr" / folder).mkdir(parents=True)
            (root / folder).symlink_to(f"usr/{folder}")
        archives = sorted((fetched / "cache" / "archives").glob("*.deb"))
        work.run(["sh", "-c", UNPACK, "unpack", root, *archives], log=f"{name}-unpack")
        shutil.rmtree(fetched)
        if finish is not None:
            finish(root)

    key = f"3 {version} {suite} {arch} {' '.join(packages)}"
    return work.once(name, key, make)


def _complete(machine: str, root: Path) -> None:
    """Make what the packages' scripts would have made and the tests need."""
    for name in ("proc", "sys", "dev", "tmp", "run", "etc", "root", "mnt"):
        (root / name).mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
    (root / "etc" / "passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"
    )
    (root / "etc" / "group").write_text("root:x:0:\nnogroup:x:65534:\n")
    (root / "etc" / "hosts").write_text("127.0.0.1 localhost\n")
    # NumPy's linear algebra is chosen by links.
    libraries = root / "usr" / "lib" / ARCHITECTURES[machine][1]
    for kind in ("blas", "lapack"):
        library = libraries / kind / f"lib{kind}.so.3"
        link = libraries / library.name
        if library.exists() and not link.exists():
            link.symlink_to(library.relative_to(libraries))


def root(
    work: Work,
    name: str,
    suite: str,
    machine: str,
    packages: Sequence[str],
    *,
    finish: Callable[[Path], None] | None = None,
    version: int | str = 1,
) -> Path:
    """Return a folder that `chroot` can enter: `unpacked` with the places that programs expect."""

    def complete(folder: Path) -> None:
        _complete(machine, folder)
        if finish is not None:
            finish(folder)

    return unpacked(work, name, suite, machine, packages, finish=complete, version=version)
