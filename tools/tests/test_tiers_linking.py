"""tools/tiers: what links for systems whose own linkers and libraries are not here."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.tiers import ios_link, musl

needs_shell = pytest.mark.skipif(
    shutil.which("sh") is None, reason="the linkers are shell scripts, and there is no shell"
)


def test_names_of_macos_become_a_library_for_ios() -> None:
    text = """
targets:         [ x86_64-macos, arm64e-macos,
                   arm64e.x1-macos ]
exports:
  - targets:         [ arm64e-macos ]
    symbols:         [ _mmap, '_close$NOCANCEL' ]
"""
    assert (
        ios_link.for_ios(text)
        == f"""
{ios_link.TARGETS}
exports:
  - {ios_link.TARGETS}
    symbols:         [ _mmap, '_close$NOCANCEL' ]
"""
    )


@needs_shell
def test_the_compiler_for_musl_names_musl(tmp_path: Path) -> None:
    script = tmp_path / "cc"
    script.write_text(musl.CC.replace(shlex.quote(sys.executable), "echo"))
    words = ["sh", str(script), "-O1", "-c", "a b.c"]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert told == "-m ziglang cc -target x86_64-linux-musl -dynamic -O1 -c a b.c\n"
    words = ["sh", str(script), "-O1", "--print-multiarch"]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert told == "x86_64-linux-musl\n"
