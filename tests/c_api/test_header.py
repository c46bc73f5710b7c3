"""The header, today's and version 1: compiled as C and C++ without a warning, and used from Cython."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

import mmap_rs
from mmap_rs import ConsumedError, MmapMut, MmapOptions
from tests.c_api import table
from tests.c_api.compiled import load
from tests.support.paths import ROOT

HERE = Path(__file__).parent
EXAMPLES = ROOT / "examples"
EXTENSION = EXAMPLES / "extension-c" / "extension.c"
TODAY = Path(mmap_rs.get_include())
PYTHON = Path(sysconfig.get_path("include"))
SIZE = 1 << 20


def compiler(name: str) -> str:
    found = shutil.which(name)
    if found is None or sys.platform in ("win32", "android", "ios"):
        pytest.skip(f"there is no {name} here")
    if not (PYTHON / "Python.h").exists():
        pytest.skip(
            f"there is no {PYTHON / 'Python.h'}: the headers of this Python are not installed"
        )
    return found


def build(command: list[str], source: Path, include: Path, folder: Path) -> Any:
    """Compile a module without a warning, and import it."""
    path = folder / f"{source.stem}.so"
    warnings = ["-Wall", "-Wextra", "-pedantic", "-Werror"]
    compile_module([*command, *warnings], source, include, path)
    return load(path)


def compile_module(command: list[str], source: Path, include: Path, path: Path) -> None:
    libraries: list[str] = ["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else []
    options = ["-O1", "-shared", "-fPIC", f"-I{include}", f"-isystem{PYTHON}", *libraries]
    subprocess.run([*command, str(source), *options, "-o", str(path)], check=True, timeout=120)


def use(module: Any) -> None:
    """Do with the compiled module what its docstring says."""
    with MmapOptions(SIZE).map_mut() as m:
        m[10:13] = b"xyx"
        assert module.count(m, ord("x")) == 2
        with pytest.raises(TypeError, match="a mapping of mmap_rs is needed, not bytes"):
            module.count(b"x", 0)
        m[0:4] = b"data"
        assert module.take(m)[:4] == b"data"
        with pytest.raises(ConsumedError):
            module.count(m, 0)
    made = module.make(SIZE)
    assert isinstance(made, MmapMut)
    made[:] = b"z" * SIZE
    assert module.count(made, ord("z")) == SIZE
    before = module.returned()
    made.close()
    assert module.returned() == before + 1


@pytest.mark.parametrize("standard", ["c99", "c11", "c17"])
def test_c(standard: str, tmp_path: Path) -> None:
    use(build([compiler("cc"), f"-std={standard}"], EXTENSION, TODAY, tmp_path))


@pytest.mark.parametrize("standard", ["c++11", "c++17", "c++20"])
def test_cpp(standard: str, tmp_path: Path) -> None:
    command = [compiler("c++"), f"-std={standard}", "-x", "c++"]
    use(build(command, EXTENSION, TODAY, tmp_path))


def test_version_1(tmp_path: Path) -> None:
    """What was compiled with the first version goes on working: this file never changes."""
    use(build([compiler("cc"), "-std=c99"], EXTENSION, HERE / "version-1", tmp_path))


def test_numbers_of_the_header() -> None:
    text = (TODAY / "mmap_rs.h").read_text()
    defined = dict(re.findall(r"^#define (MMAP_RS_\w+) (\w+)$", text, re.MULTILINE))
    kinds = ["MMAP_NONE", "MMAP", "MMAP_MUT", "RESERVED_NONE", "RESERVED", "RESERVED_MUT"]
    assert [defined[f"MMAP_RS_{kind}"] for kind in kinds] == [str(n) for n in range(6)]
    for member in mmap_rs.Protection:
        assert defined[f"MMAP_RS_{member.name}"] == f"{member.value}u"
    assert int(defined["MMAP_RS_API_VERSION"]) == table.table.version


def cython(source: Path, made: Path) -> subprocess.CompletedProcess[str]:
    """Have Cython compile a module to C."""
    path = os.pathsep.join([str(ROOT / "python"), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "cython",
            "-I",
            str(TODAY.parent.parent),
            str(source),
            "-o",
            str(made),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": path},
    )


def test_cython(tmp_path: Path) -> None:
    cc = compiler("cc")
    pytest.importorskip("Cython", reason="Cython is not installed: it is in the group `test`")
    source = tmp_path / "counting.c"
    done = cython(EXAMPLES / "extension-cython" / "counting.pyx", source)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "built"
    folder.mkdir()
    compile_module([cc], source, TODAY, folder / "counting.so")
    module = load(folder / "counting.so")
    with MmapOptions(SIZE).map_mut() as m:
        m[5] = 3
        assert module.count(m, 3) == 1
        with pytest.raises(TypeError, match="a mapping of mmap_rs is needed, not str"):
            module.count("", 0)


def test_cython_knows_what_needs_the_gil(tmp_path: Path) -> None:
    pytest.importorskip("Cython", reason="Cython is not installed: it is in the group `test`")
    source = tmp_path / "detached.pyx"
    calls = ["info(m, NULL)", "view(m, 0, NULL)", "adopt(NULL)", "take(m, NULL)"]
    for call in ["mmap_rs_import()", *(f"table.{call}" for call in calls)]:
        source.write_text(
            "from mmap_rs cimport mmap_rs_api, mmap_rs_import\n"
            "def f(m):\n"
            "    cdef const mmap_rs_api *table = NULL\n"
            "    with nogil:\n"
            f"        {call}\n"
        )
        done = cython(source, tmp_path / "detached.c")
        assert done.returncode != 0, call
        assert "without gil" in done.stdout + done.stderr, call
