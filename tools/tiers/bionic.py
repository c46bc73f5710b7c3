"""The test suite on Android: its own C library and a CPython made for it, run by qemu in a root of their own.

The C library is Android's, and no package: `MMAP_RS_BIONIC` names a folder that holds it as a device does,
with `system/bin/linker64` and, in `system/lib64`, libc, libm, libdl, liblog, libz and libc++, which libz
needs. Python's library and its standard library are those that apps for Android take from Maven Central; the
program that starts it is made here.
"""

import dataclasses
import os
import shutil
import struct
from functools import partial
from pathlib import Path

from tools.tiers import programs, roots, suite
from tools.tiers.targets import Target
from tools.tiers.work import Absent, Work

VARIABLE = "MMAP_RS_BIONIC"
LIBRARIES = ("libc", "libm", "libdl", "liblog", "libz", "libc++")
NEEDED = ("bin/linker64", *(f"lib64/{name}.so" for name in LIBRARIES))
PYTHON = "3.11"
ARTEFACT = "com.chaquo.python:target:3.11.10-0"
LAUNCHER = Path(__file__).with_name("bionic-launcher.c")

ENVIRONMENT = {
    "ANDROID_DATA": "/data",
    "ANDROID_ROOT": "/system",
    "LD_LIBRARY_PATH": "/system/lib64",
    "PYTHONHOME": "/python",
    "TMPDIR": "/tmp",
    "TZ": "UTC",
}
COMPILING = "-target aarch64-linux-musl -c -O1 -fPIC -fno-builtin -fno-stack-protector -w"
LINKING = "-m aarch64linux -z max-page-size=16384 --allow-shlib-undefined"


def given() -> Path:
    """Return the folder that holds Android's C library."""
    folder = Path(os.environ.get(VARIABLE, "")) / "system"
    for name in NEEDED:
        if not (folder / name).is_file():
            raise Absent(f"needs Android's C library, but {VARIABLE} names no folder with system/{name}")
    return folder


def quiet(program: Path) -> None:
    """Take back a mark on a program which Android 6 does not know, and says so at each start."""
    # It needs a library, which the tests of this module do without.
    from tools.tiers import binaries

    binary = binaries.parse(program.read_bytes())
    (mark,) = (entry for entry in binary.dynamic_entries if entry.tag.name == "FLAGS_1")
    mark.value = 0
    binary.write(str(program))  # pyright: ignore[reportUnknownMemberType]


def time_zones() -> bytes:
    """Return a table of time zones as Android has it, in which all that it asks for is UTC."""
    names = ("localtime", "GMT", "UTC", "posixrules")
    # A file of zoneinfo for UTC: no change of the clock, one kind of time, its name.
    zone = b"TZif" + bytes(16) + struct.pack(">6I", 0, 0, 0, 0, 1, 4) + bytes(6) + b"UTC\0"
    entries = b"".join(struct.pack(">40s3I", name.encode(), 0, len(zone), 0) for name in names)
    start = 24 + len(entries)
    return struct.pack(">12s3I", b"tzdata2020a", 24, start, start + len(zone)) + entries + zone


def launcher(work: Work, root: Path, folder: Path) -> None:
    """Compile and link the program that starts Python."""
    libraries = root / "system" / "lib64"
    # By its name, not by its path.
    python = (f"-L{libraries}", f"-lpython{PYTHON}")
    zig = partial(programs.zig, work, log="bionic-launcher", folder=folder)
    # The C library itself is too old for the linker; its name is what is needed.
    (folder / "libc.c").write_text("void __libc_init(void) {}\nvoid syscall(void) {}\n")
    for source in (folder / "libc.c", LAUNCHER):
        zig("cc", *COMPILING.split(), source, "-o", f"{source.stem}.o")
    lld = ("ld.lld", *LINKING.split())
    zig(*lld, "-shared", "-soname", "libc.so", "libc.o", "-o", "libc.so")
    program = root / "system" / "bin" / f"python{PYTHON}"
    start = ("-pie", "--dynamic-linker=/system/bin/linker64", "-E", "--hash-style=both")
    zig(*lld, *start, f"{LAUNCHER.stem}.o", "libc.so", *python, "-o", program)
    quiet(program)


def make_root(work: Work, bionic: Path, root: Path) -> None:
    """Put Android's library, Python and what starts it into a folder."""
    for name in ("proc", "sys", "dev", "tmp", "mnt", "data", "etc", "build", "system/usr/share/zoneinfo"):
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    for name in NEEDED:
        target = root / "system" / name
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(bionic / name, target)
        target.chmod(0o755)
    (root / "system" / "usr" / "share" / "zoneinfo" / "tzdata").write_bytes(time_zones())
    home = root / "python" / "lib" / f"python{PYTHON}"
    programs.maven(work, f"{ARTEFACT}:zip:stdlib").extractall(home)
    places = {"jniLibs": root / "system" / "lib64", "lib-dynload": home / "lib-dynload"}
    places["lib-dynload"].mkdir(exist_ok=True)
    archive = programs.maven(work, f"{ARTEFACT}:zip:arm64-v8a")
    for member in map(Path, archive.namelist()):
        if member.suffix == ".so" and member.parts[0] in places:
            (places[member.parts[0]] / member.name).write_bytes(archive.read(str(member)))
    launcher(work, root, root / "build")
    shutil.rmtree(root / "build")


def place(work: Work, target: Target, python: str) -> suite.Place:
    """Return the Python for Android; what needs NumPy or PyYAML is skipped, as nobody builds those for it."""
    if python != PYTHON:
        raise Absent(f"of Pythons for Android there is {PYTHON} only")
    bionic = given()
    key = f"3 {bionic.resolve()} {ARTEFACT} {LAUNCHER.read_text(encoding='utf-8')}"
    root = work.once("root-bionic", key, partial(make_root, work, bionic))
    name, what = f"{target.triple}-{python}", ", Android's C library"
    program = f"/system/bin/python{PYTHON}"
    chosen = roots.inside(work, name, "aarch64", program, root, roots.pure(work), what)
    return dataclasses.replace(chosen, env=ENVIRONMENT, emulators="qemu bionic")
