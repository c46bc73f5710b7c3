"""A module for Windows by Microsoft's conventions, where there is neither their linker nor their libraries.

Released wheels are linked with Microsoft's; the wheel that zig links here is of MinGW's kind, with another
C library, other unwinding and other thread-local data. This links the target that is released: by lld, with
libraries that name what Windows has, as zig lists it, and with what `windows/start.c` says in the place of
Microsoft's own code. Such a wheel is run under Wine, and never shipped.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import programs
import rust
from targets import Target
from work import Absent, Failed, Work

TRIPLE = "x86_64-pc-windows-msvc"
SOURCE = Path(__file__).with_name("windows") / "start.c"
# The names under which rustc and Rust's standard library ask for libraries, by zig's.
LIBRARIES = {
    "dbghelp": "dbghelp",
    "kernel32": "kernel32",
    "ntdll": "ntdll",
    "userenv": "userenv",
    "ws2_32": "ws2_32",
    "ucrt": "ucrtbase",
    "vcruntime": "vcruntime140",
}
MODULE = "mmap_rs/_mmap_rs.pyd"


def libraries(work: Work) -> Path:
    """Return a folder with what rustc's linker asks for."""
    python = programs.python(work)
    mingw = programs.zig_folder(work) / "lib" / "libc" / "mingw"
    common = mingw / "lib-common"
    lib = rust.linker(work, "llvm-lib")

    def make(folder: Path) -> None:
        env = programs.zig_env(work) | rust.debian(work).env
        zig: list[str | Path] = [python, "-m", "ziglang"]
        compile_c: list[str | Path] = [*zig, "cc", "-target", "x86_64-windows-gnu", "-w"]

        def run(*words: str | Path) -> None:
            work.run(words, log="msvc-libraries", env=env, cwd=folder)

        for name, listed in LIBRARIES.items():
            definition = common / f"{listed}.def"
            if not definition.is_file():
                written, definition = common / f"{listed}.def.in", folder / f"{listed}.def"
                including = (f"-I{common}", f"-I{mingw / 'def-include'}")
                run(*compile_c, "-E", "-P", "-xc", *including, written, "-o", definition)
            run(*zig, "dlltool", "-m", "i386:x86-64", "-d", definition, "-l", f"{name}.lib")
        free = ("-ffreestanding", "-fno-stack-check", "-fno-sanitize=all", "-O1")
        run(*compile_c, *free, "-c", SOURCE, "-o", "start.obj")
        run(lib, "/out:msvcrt.lib", "start.obj")
        for empty in ("oldnames", "legacy_stdio_definitions"):
            run(lib, "/llvmlibempty", f"/out:{empty}.lib")

    key = f"{' '.join(programs.REQUIREMENTS)} {' '.join(LIBRARIES)} {SOURCE.read_text()}"
    return work.once("msvc-libraries", key, make)


def module(work: Work) -> Path:
    """Compile and link the module of this tree."""
    compiler = rust.debian(work)
    folder = libraries(work)
    words = [f"-Clink-arg=/LIBPATH:{folder}"]
    words += [f"-Clink-arg=/DEFAULTLIB:{name}" for name in ("ucrt", "vcruntime")]
    variable = f"CARGO_TARGET_{TRIPLE.upper().replace('-', '_')}"
    build = work.folder("build")
    env = {
        **compiler.env,
        "CARGO_TARGET_DIR": str(build),
        "CARGO_TERM_COLOR": "never",
        # maturin would look for Microsoft's libraries in the network; Cargo alone needs to be told that much.
        "PYO3_NO_PYTHON": "1",
        "PYO3_BUILD_EXTENSION_MODULE": "1",
        f"{variable}_LINKER": str(rust.linker(work, "lld-link")),
        f"{variable}_RUSTFLAGS": " ".join(words),
    }
    argv = ["build", "--release", "--locked", "--lib", "--target", TRIPLE, *compiler.std_words]
    work.run([compiler.programs / "cargo", *argv], log=f"module-{TRIPLE}", env=env)
    return build / TRIPLE / "release" / "_mmap_rs.dll"


def records(text: str, content: bytes) -> Iterator[str]:
    """Yield the lines of a wheel's RECORD, with another module."""
    for line in text.splitlines():
        if line.startswith(f"{MODULE},"):
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            yield f"{MODULE},sha256={digest.decode()},{len(content)}\n"
        else:
            yield f"{line}\n"


def relinked(work: Work, target: Target, wheel: Path, key: str) -> Path:
    """Return a wheel like `wheel`, which zig linked, with the module by Microsoft's conventions in its place.

    `key` tells the sources that it is made of.
    """
    if target.triple != TRIPLE:
        raise Absent(f"no libraries of Microsoft's kind are made for {target.triple} here")

    def make(folder: Path) -> None:
        content = module(work).read_bytes()
        with (
            zipfile.ZipFile(wheel) as old,
            zipfile.ZipFile(folder / wheel.name, "w", zipfile.ZIP_DEFLATED) as new,
        ):
            if MODULE not in old.namelist():
                raise Failed(f"{wheel.name} has no {MODULE}")
            for info in old.infolist():
                data = content if info.filename == MODULE else old.read(info)
                if info.filename.endswith(".dist-info/RECORD"):
                    data = "".join(records(data.decode(), content)).encode()
                new.writestr(info.filename, data)

    made = work.once(f"wheels/{target.triple}-msvc", key, make)
    return next(made.glob("*.whl"))
