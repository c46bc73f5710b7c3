"""Builds the example extension in Rust, with the newest and the oldest versions that the crate allows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.c_api.compiled import load
from tests.support.paths import ROOT

TARGET = ROOT / "target" / "bridge"
OLDEST = {"pyo3": "0.26.0", "mmap-rs": "0.6.1"}
# The Python that PyO3 compiles for is this one.
ENVIRONMENT = {**os.environ, "PYO3_PYTHON": sys.executable, "CARGO_TERM_COLOR": "never"}


def cargo(*arguments: str, folder: Path) -> str:
    """Run cargo; skip where there is none."""
    program = shutil.which("cargo")
    if program is None or os.environ.get("MMAP_RS_EMULATOR"):
        pytest.skip("there is no cargo here")
    done = subprocess.run(
        [program, *arguments],
        check=False,
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def newest() -> Any:
    """Build the example as it is."""
    folder = ROOT / "examples" / "extension-pyo3"
    cargo("build", "--quiet", "--locked", "--target-dir", str(TARGET / "newest"), folder=folder)
    return module(TARGET / "newest")


def probe() -> Any:
    """Build what the tests need beyond the example."""
    folder = ROOT / "tests" / "bridge" / "probe"
    cargo("build", "--quiet", "--locked", "--target-dir", str(TARGET / "newest"), folder=folder)
    return module(TARGET / "newest", "probe")


def oldest() -> Any:
    """Build a copy of the example with the oldest versions."""
    copy = TARGET / "oldest-source"
    shutil.rmtree(copy, ignore_errors=True)
    for part in ("bridge", "examples/extension-pyo3"):
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("target"))
    folder = copy / "examples" / "extension-pyo3"
    manifest = folder / "Cargo.toml"
    feature = '{ path = "../../bridge", features = ["pyo3-0-26"] }'
    manifest.write_text(
        re.sub(r"^(pyo3-mmap-rs = ).*$", rf"\1{feature}", manifest.read_text(), flags=re.MULTILINE)
    )
    for crate, version in OLDEST.items():
        cargo("update", "--quiet", "--precise", version, crate, folder=folder)
    cargo("build", "--quiet", "--locked", "--target-dir", str(TARGET / "oldest"), folder=folder)
    return module(TARGET / "oldest")


def module(target: Path, crate: str = "extension") -> Any:
    """Import the built module, from a file with the name that Python wants."""
    built = next(
        path
        for name in (f"lib{crate}.so", f"lib{crate}.dylib", f"{crate}.dll")
        if (path := target / "debug" / name).exists()
    )
    place = target / (f"{crate}.pyd" if built.suffix == ".dll" else f"{crate}.so")
    place.unlink(missing_ok=True)
    shutil.copy(built, place)
    return load(place)
