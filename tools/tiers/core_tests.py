"""The core's own tests, of Rust, built for Windows and run under Wine.

What Wine gets wrong is left out, as emulators.toml lists it.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import gnu_link
import programs
import rust
import wheels
from work import Failed, Work

TRIPLE = "x86_64-pc-windows-gnu"
RESULT = re.compile(r"^test result: (\w+)\. (\d+) passed; (\d+) failed;", re.MULTILINE)


def _build(work: Work) -> list[Path]:
    """Return the test programs. The standard library is compiled for them, once."""
    compiler = rust.compiler(work, TRIPLE)
    tools = gnu_link.tools(work, TRIPLE)
    # The linker asks the first Python there for zig.
    path = [str(tools), str(programs.python(work).parent)]
    path.append(compiler.env.get("PATH", os.environ["PATH"]))
    env = {
        **compiler.env,
        **programs.zig_env(work),
        "PATH": os.pathsep.join(path),
        "CARGO_TARGET_DIR": str(work.folder("core-tests")),
        "CARGO_TERM_COLOR": "never",
        "CARGO_PROFILE_DEV_DEBUG": "0",
        "CARGO_INCREMENTAL": "0",
        "CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER": str(gnu_link.linker(work, TRIPLE)),
    }
    words = ["test", "--locked", "--package", "mmap-rs-core", "--lib", "--tests", "--no-run"]
    words += ["--target", TRIPLE, "--message-format", "json-render-diagnostics"]
    said = work.run(
        [compiler.programs / "cargo", *words, *compiler.std_words], log="core-tests-build", env=env
    )
    return made(said)


def made(said: str) -> list[Path]:
    """Return the programs that Cargo says it has made."""
    messages = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    found = [message.get("executable") for message in messages]
    return [Path(path) for path in found if path]


def counted(said: str) -> int:
    """Return how many tests of a program passed; `Failed` if not all did."""
    result = RESULT.search(said)
    if result is None or result[1] != "ok" or result[3] != "0":
        last = "\n".join("    " + line for line in said.splitlines()[-15:])
        raise Failed(f"tests of the core failed\n{last}")
    return int(result[2])


def left_out(program: str) -> list[str]:
    """Return the arguments of a test program that leave out what Wine gets wrong."""
    text = Path(__file__).with_name("emulators.toml").read_text(encoding="utf-8")
    rows = [row for row in tomllib.loads(text)["skip"] if row["emulator"] == "wine"]
    listed = [pattern.partition("::") for row in rows for pattern in row["tests"]]
    names = [name for path, _, name in listed if path == f"core/tests/{program}.rs"]
    return ["--exact", *(word for name in names for word in ("--skip", name))] if names else []


def run(work: Work, enter: Callable[[list[str], str], str]) -> int:
    """Run the tests, unless they were with the same sources, and return how many passed.

    `enter` takes a Windows program with its arguments, and the name of a log, and returns what was printed.
    """
    done, key = f"core-tests-{TRIPLE}", wheels.fingerprint("core/tests", "tools/tiers")
    before = work.remembered(done, key)
    if before is not None:
        return int(before)
    passed = 0
    for program in _build(work):
        # The last part of its name is a hash.
        name = program.stem.rpartition("-")[0]
        said = enter([f"Z:{program}", *left_out(name)], f"core-tests-{name}")
        passed += counted(said)
    work.remember(done, key, str(passed))
    return passed
