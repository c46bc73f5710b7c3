"""The test suite on Android: its own C library and a CPython made for it, run by qemu in a root of their own.

The C library is Android's, and no package: `MMAP_RS_BIONIC` names a folder that holds it as a device does,
with `system/bin/linker64` and, in `system/lib64`, libc, libm, libdl, liblog, libz and libc++, which libz
needs. Python's library and its standard library are those that apps for Android take from Maven Central; the
program that starts it is made here.
"""

from __future__ import annotations

import os
import platform
import shutil
import struct
import zipfile
from functools import partial
from pathlib import Path

import chroots
import programs
import roots
from targets import Target
from work import Absent, Tally, Work

VARIABLE = "MMAP_RS_BIONIC"
NEEDED = (
    "bin/linker64",
    "lib64/libc.so",
    "lib64/libm.so",
    "lib64/libdl.so",
    "lib64/liblog.so",
    "lib64/libz.so",
    "lib64/libc++.so",
)
PYTHON = "3.11"
ARTEFACT = "com.chaquo.python:target:3.11.10-0"
LAUNCHER = Path(__file__).with_name("bionic-launcher.c")
TIMEOUT = 4 * 3600.0

ENVIRONMENT = {
    "ANDROID_DATA": "/data",
    "ANDROID_ROOT": "/system",
    "LD_LIBRARY_PATH": "/system/lib64",
    "PYTHONHOME": "/python",
    "TMPDIR": "/tmp",
    "TZ": "UTC",
}

COMPILING = ("-O1", "-fPIC", "-fno-builtin", "-fno-stack-protector", "-w")
LINKING = ("-m", "aarch64linux", "-z", "max-page-size=16384", "--allow-shlib-undefined")

# Of an ELF file's dynamic section.
FLAGS_1 = 0x6FFFFFFB


def given() -> Path:
    """Return the folder that holds Android's C library."""
    name = os.environ.get(VARIABLE)
    if not name:
        raise Absent(
            f"needs Android's C library: set {VARIABLE} to a folder with system/bin/linker64 and lib64"
        )
    folder = Path(name)
    missing = [name for name in NEEDED if not (folder / "system" / name).is_file()]
    if missing:
        raise Absent(f"{VARIABLE}={folder} has no system/{missing[0]}")
    return folder


def artefact(work: Work, kind: str) -> Path:
    """Return an archive of Python for Android, as Maven keeps it."""
    maven = ["mvn", "-q", "-B", "dependency:get", "-Dtransitive=false"]
    work.run([*maven, f"-Dartifact={ARTEFACT}:zip:{kind}"], log=f"bionic-{kind}")
    group, name, version = ARTEFACT.split(":")
    kept = Path.home() / ".m2" / "repository" / group.replace(".", "/") / name / version
    path = kept / f"{name}-{version}-{kind}.zip"
    if not path.is_file():
        raise Absent(f"Maven keeps what it fetched elsewhere than at {path}")
    return path


def quiet(program: Path) -> None:
    """Take back a mark on a program which Android 6 does not know, and says so at each start."""
    content = bytearray(program.read_bytes())
    (table,) = struct.unpack_from("<Q", content, 0x20)
    size, count = struct.unpack_from("<HH", content, 0x36)
    for header in range(table, table + size * count, size):
        kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", content, header)
        if kind == 2:  # PT_DYNAMIC
            for entry in range(offset, offset + length, 16):
                if struct.unpack_from("<Q", content, entry) == (FLAGS_1,):
                    struct.pack_into("<Q", content, entry + 8, 0)
    program.write_bytes(content)


def time_zones() -> bytes:
    """Return a table of time zones as Android has it, in which all that it asks for is UTC."""
    names = ("localtime", "GMT", "UTC", "posixrules")
    # A file of zoneinfo for UTC: no change of the clock, one kind of time, its name.
    zone = b"TZif" + bytes(16) + struct.pack(">6I", 0, 0, 0, 0, 1, 4) + bytes(6) + b"UTC\0"
    entries = b"".join(struct.pack(">40s3I", name.encode(), 0, len(zone), 0) for name in names)
    start = 24 + len(entries)
    return struct.pack(">12s3I", b"tzdata2020a", 24, start, start + len(zone)) + entries + zone


def launcher(work: Work, root: Path) -> None:
    """Compile and link the program that starts Python, and the library that wheels name."""
    folder, libraries = root / "build", root / "system" / "lib64"
    folder.mkdir()
    # By its name, not by its path.
    python = (f"-L{libraries}", f"-lpython{PYTHON}")

    def zig(log: str, *words: str | Path) -> None:
        env = programs.zig_env(work)
        work.run([programs.python(work), "-m", "ziglang", *words], log=f"bionic-{log}", env=env)

    def compile_c(source: Path, result: Path) -> None:
        zig(
            result.stem,
            "cc",
            "-target",
            "aarch64-linux-musl",
            "-c",
            *COMPILING,
            "-o",
            result,
            source,
        )

    def link(result: Path, *words: str | Path) -> None:
        zig(f"{result.name}-link", "ld.lld", *LINKING, *words, "-o", result)

    # The C library itself is too old for the linker; its name is what is needed.
    names = "void __libc_init(void) {}\nvoid syscall(void) {}\n"
    (folder / "libc.c").write_text(names, encoding="utf-8")
    compile_c(folder / "libc.c", folder / "libc.o")
    compile_c(LAUNCHER, folder / "launcher.o")
    link(folder / "libc.so", "-shared", "-soname", "libc.so", folder / "libc.o")
    program = root / "system" / "bin" / f"python{PYTHON}"
    start = ["-pie", "--dynamic-linker=/system/bin/linker64", "-E", "--hash-style=both"]
    link(program, *start, folder / "launcher.o", folder / "libc.so", *python)
    quiet(program)
    # It stands for the library of whichever version runs. Without an object the linker would mark it as one
    # for newer processors, which Android 6 does not know, and says so too.
    (folder / "nothing.c").write_text("typedef int nothing;\n", encoding="utf-8")
    compile_c(folder / "nothing.c", folder / "nothing.o")
    words = ["-shared", "-soname", "libpython3.so", "--no-as-needed", *python]
    link(libraries / "libpython3.so", folder / "nothing.o", *words)
    shutil.rmtree(folder)


def make_root(work: Work, bionic: Path, root: Path) -> None:
    """Put Android's library, Python and what starts it into a folder."""
    for name in ("proc", "sys", "dev", "tmp", "mnt", "data", "etc"):
        (root / name).mkdir()
    (root / "tmp").chmod(0o1777)
    for name in NEEDED:
        target = root / "system" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bionic / "system" / name, target)
        target.chmod(0o755)
    zones = root / "system" / "usr" / "share" / "zoneinfo" / "tzdata"
    zones.parent.mkdir(parents=True)
    zones.write_bytes(time_zones())
    home = root / "python" / "lib" / f"python{PYTHON}"
    with zipfile.ZipFile(artefact(work, "stdlib")) as archive:
        archive.extractall(home)
    with zipfile.ZipFile(artefact(work, "arm64-v8a")) as archive:
        for member in archive.namelist():
            parts = Path(member).parts
            if member.endswith("/") or parts[0] not in ("jniLibs", "lib-dynload"):
                continue
            folder = root / "system" / "lib64" if parts[0] == "jniLibs" else home / "lib-dynload"
            folder.mkdir(exist_ok=True)
            (folder / parts[-1]).write_bytes(archive.read(member))
    launcher(work, root)


def test(work: Work, target: Target, wheel: Path, python: str, arguments: list[str]) -> Tally:
    """Run the suite on the wheel; what needs NumPy or PyYAML is skipped, as nobody builds those for it."""
    if python != PYTHON:
        raise Absent(f"of Pythons for Android there is {PYTHON} only")
    bionic = given()
    key = f"1 {bionic.resolve()} {ARTEFACT} {LAUNCHER.read_text(encoding='utf-8')}"
    root = work.once("root-bionic", key, partial(make_root, work, bionic))
    emulator = roots.qemu(work)
    under = f"{roots.emulated(work, emulator, 'aarch64')}, Linux {platform.release()}, Android's C library"
    return chroots.run_suite(
        work,
        root,
        wheel,
        roots.pure(work),
        f"/system/bin/python{PYTHON}",
        arguments,
        name=f"{target.triple}-{PYTHON}",
        under=under,
        timeout=TIMEOUT,
        machine="aarch64",
        qemu=emulator,
        env=ENVIRONMENT,
        emulators="qemu bionic",
    )
