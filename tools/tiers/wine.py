"""Run the test suite on Windows CPythons under Wine, and before it the core's own tests.

Nothing is installed on the host: Wine, and the compiler for the libraries that it lacks, are unpacked
Debian packages; the CPythons, built by Microsoft's compiler, are those that Maven has for Java programs.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import core_tests
import debian
import peexports
import suite
from targets import ROOT, Target
from work import Absent, Failed, Tally, Work

RELEASE = "bookworm"
PACKAGES = ("wine64", "gcc-mingw-w64-x86-64-win32")
SOURCES = Path(__file__).with_name("windows")

# The version of the Maven artefact org.bytedeco:cpython for each Python.
PYTHONS = {"3.11": "3.11.3-1.5.9", "3.13": "3.13.5-1.5.12", "3.14": "3.14.3-1.5.13"}

# What is the host's own: its dynamic loader takes no other C library.
HOSTS = re.compile(
    r"(ld-linux.*|lib(c|m|dl|rt|pthread|util|anl|nsl|resolv|mvec|thread_db|BrokenLocale|nss_\w+)[.-].*)"
)

# A new Windows wants neither .NET nor a browser.
PLAIN = "mscoree=;mshtml="
# NumPy calls what Wine's C library only names, so another one is put before it.
OVERRIDES = f"{PLAIN};ucrtbase=n"

# The whole suite takes half an hour on a busy machine.
TIMEOUT = 7200.0
# Processes start slowly, and many tests start some: seconds for a test, and until the interpreter ends.
PATIENCE = ("--timeout", "600", "-o", "faulthandler_timeout=900")


def _finish(root: Path) -> None:
    """Make an unpacked Wine run from any folder."""
    for link in root.rglob("*"):
        if link.is_symlink() and link.readlink().is_absolute():
            inside = root / link.readlink().relative_to("/")
            if inside.exists():
                link.unlink()
                link.symlink_to(os.path.relpath(inside, link.parent))
    for library in (root / "usr" / "lib" / "x86_64-linux-gnu").iterdir():
        if HOSTS.fullmatch(library.name) and not library.is_dir():
            library.unlink()
    # Debian's script looks in the host's folders.
    server = root / "usr" / "lib" / "wine" / "wineserver"
    server.unlink(missing_ok=True)
    server.symlink_to("wineserver64")
    # Debian's Wine finds this one at its place in the host.
    system = root / "usr" / "lib" / "x86_64-linux-gnu" / "wine" / "x86_64-windows"
    shutil.copyfile(root / "usr" / "x86_64-w64-mingw32" / "lib" / "zlib1.dll", system / "zlib1.dll")


class Wine:
    """A Wine with a prefix that Windows programs of today start in."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.root = debian.unpacked(work, "wine", RELEASE, "x86_64", PACKAGES, finish=_finish)
        sources = "".join(path.read_text() for path in sorted(SOURCES.glob("*.c")))
        self.prefix = work.once("wine-prefix", f"1 {sources}", self._make_prefix)

    def env(self, prefix: Path) -> dict[str, str]:
        """Return the environment that Wine needs."""
        libraries = self.root / "usr" / "lib" / "x86_64-linux-gnu"
        return {
            "WINEPREFIX": str(prefix),
            "WINEARCH": "win64",
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": OVERRIDES,
            "LD_LIBRARY_PATH": str(libraries),
            "DISPLAY": "",
        }

    def run(
        self,
        words: Sequence[str],
        log: str,
        *,
        prefix: Path | None = None,
        cwd: Path = ROOT,
        more: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> str:
        """Run a Windows program and return what it said; `more` is added to its environment."""
        program = str(self.root / "usr" / "lib" / "wine" / "wine64")
        # To a file, several processes would write over each other's words.
        piped = ["bash", "-o", "pipefail", "-c", '"$@" 2>&1 | cat', "wine", program, *words]
        env = {**self.env(prefix or self.prefix), **(more or {})}
        return self.work.run(piped, log=log, env=env, cwd=cwd, timeout=TIMEOUT, check=check)

    def link(self, library: Path, *words: str | Path, log: str) -> None:
        """Make a Windows library."""
        compiler = self.root / "usr" / "bin" / "x86_64-w64-mingw32-gcc-win32"
        env = {"LD_LIBRARY_PATH": self.env(self.root)["LD_LIBRARY_PATH"]}
        env["PATH"] = os.pathsep.join([str(compiler.parent), os.environ["PATH"]])
        argv = [compiler, "-shared", "-static-libgcc", "-O2", "-o", library, *words]
        self.work.run(argv, log=log, env=env)

    def _make_prefix(self, prefix: Path) -> None:
        plain = {"WINEDLLOVERRIDES": PLAIN}
        # It ends with an error for want of 32-bit programs.
        self.run(["wineboot", "-i"], "wine-boot", prefix=prefix, more=plain, check=False)
        self._make_libraries(prefix / "drive_c" / "windows" / "system32")
        # The default, Windows 7, can't start a Python of today.
        self.run(["winecfg", "-v", "win10"], "wine-version", prefix=prefix)
        server = self.root / "usr" / "lib" / "wine" / "wineserver"
        self.work.run([server, "-w"], log="wine-server", env=self.env(prefix), check=False)
        if "10.0" not in (said := self.run(["cmd", "/c", "ver"], "wine-ver", prefix=prefix)):
            raise Failed(f"Wine does not answer as Windows 10: {said}")
        self.work.run([server, "-w"], log="wine-server", env=self.env(prefix), check=False)

    def _make_libraries(self, folder: Path) -> None:
        """Make what Wine lacks: see the C files."""
        builtin = self.root / "usr" / "lib" / "x86_64-linux-gnu" / "wine" / "x86_64-windows"
        if not (folder / "zlib1.dll").exists():
            shutil.copyfile(builtin / "zlib1.dll", folder / "zlib1.dll")
        random = SOURCES / "random.c"
        self.link(folder / "bcryptprimitives.dll", random, "-ladvapi32", log="wine-random")
        # Wine's own C library under another name, and before it one that adds what is missing.
        image = (builtin / "ucrtbase.dll").read_bytes()
        # Without the mark it is a library like others, which may lie anywhere.
        unmarked = image.replace(b"Wine builtin DLL", b"Wine copied  DLL", 1)
        (folder / "ucrtwine.dll").write_bytes(unmarked)
        exported = peexports.names(builtin / "ucrtbase.dll")
        source = SOURCES / "complex.c"
        own = {name: f"{name}_" for name in _complex(source.read_text())}
        definition = folder / "ucrtbase.def"
        definition.write_text(peexports.definition("ucrtbase", "ucrtwine", exported, own))
        self.link(folder / "ucrtbase.dll", definition, source, log="wine-complex")
        definition.unlink()

    def python(self, version: str) -> Path:
        """Return the folder of a CPython."""
        if version not in PYTHONS:
            raise Absent(
                f"there is no Windows CPython {version} here; there are {', '.join(PYTHONS)}"
            )
        artefact = f"org.bytedeco:cpython:{PYTHONS[version]}:jar:windows-x86_64"

        def make(folder: Path) -> None:
            maven = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={artefact}"]
            self.work.run([*maven, f"-DoutputDirectory={folder}"], log=f"wine-python-{version}")
            (archive,) = folder.glob("*.jar")
            with zipfile.ZipFile(archive) as jar:
                jar.extractall(folder)
            archive.unlink()
            # It asks a service of Windows that Wine has a part of only, which ends the process. Without this
            # module Python asks in another way.
            for module in folder.rglob("_wmi.pyd"):
                module.unlink()
            home = folder / "org" / "bytedeco" / "cpython" / "windows-x86_64"
            self._make_stable(home, f"python{version.replace('.', '')}")

        made = self.work.once(f"wine-python-{version}", f"2 {artefact}", make)
        return made / "org" / "bytedeco" / "cpython" / "windows-x86_64"

    def _make_stable(self, home: Path, full: str) -> None:
        """Make `python3.dll`, which hands on to the full library; the stable ABI is linked with it."""
        definition = home / "python3.def"
        exported = peexports.names(home / f"{full}.dll")
        definition.write_text(peexports.definition("python3", full, exported, {}))
        bare = ("-nostdlib", "-Wl,--entry,0")
        self.link(home / "python3.dll", definition, *bare, log=f"wine-{full}")
        definition.unlink()


def _complex(source: str) -> set[str]:
    """Return the names of complex.c's functions, without their underscores."""
    both = set(re.findall(r"^TO_(?:REAL|COMPLEX)\((\w+)\)$", source, re.MULTILINE)) | {"cpow"}
    return both | {f"{name}f" for name in both}


def _site(work: Work, version: str) -> Path:
    """Return a folder with what the test suite needs."""
    words = ["--platform", "win_amd64", "--python-version", version, "--only-binary", ":all:"]
    # pip reads conditions such as "under Windows" as the host's, so pytest's own need is named here.
    words += [*suite.requirements(), "colorama"]

    def make(folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder)]
        work.run([*pip, *words], log=f"wine-pip-{version}")

    return work.once(f"wine-site-{version}", " ".join(words), make)


def _windows(path: Path) -> str:
    """Return a path as Wine's programs know it."""
    return "Z:" + str(path.resolve())


def test(work: Work, target: Target, wheel: Path, python: str, arguments: list[str]) -> Tally:
    """Run the test suite on a wheel of 64-bit Windows."""
    if target.system != "windows" or target.arch != "x86_64":
        raise Absent(f"no Wine for {target.triple} here")
    wine = Wine(work)
    if not arguments:

        def core(words: list[str], log: str) -> str:
            return wine.run(words, log, check=False)

        work.say(f"{core_tests.run(work, core)} tests of the core passed")
    home = wine.python(python)
    site = _site(work, python)
    interpreter = str(home / "python.exe")
    package = work.root / f"wine-package-{python}"
    suite.install(work, wheel, package, interpreter, "wine-install")
    copy = work.root / f"wine-suite-{python}"
    suite.copy(copy)
    env = {
        "MMAP_RS_EMULATOR": "wine",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": ";".join(map(_windows, (package, site))),
    }
    version = wine.run([interpreter, "-VV"], "wine-version-of-python", more=env)
    under = wine.run(["--version"], "wine-version-of-wine")

    def tests(words: list[str], log: str) -> str:
        return wine.run([interpreter, *words], log, cwd=copy, more=env, check=False)

    # The first line is the command itself.
    told, how = (said.splitlines()[1].strip() for said in (version, under))
    words = [*PATIENCE, *arguments]
    return suite.run(tests, f"wine-pytest-{python}", words, python=told, under=how)
