"""Count the instructions of one call, ours and the rival's, and compare them with a stored count.

valgrind's callgrind counts them in one process that runs every statement so many times, and then more
times: the difference is the statement alone. Counts are the same on a busy machine as on an idle one,
but not with another Python, compiler or C library, so the stored ones are kept for each of these
combinations; elsewhere `--against COMMIT` counts those of another commit. A count may grow by 3 %. What the
kernel does is not counted.
"""

import argparse
import contextlib
import gc
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import families
from benchmarks.machine import output
from benchmarks.model import OURS, Scope, Statement
from tools import tell_absent

ROOT = Path(__file__).resolve().parents[1]
BASELINE = Path(__file__).with_suffix(".json")
ROOM = 0.03
GRAIN = 2
"""How many instructions more are never a fault: a count is a mean of a few hundred loops."""
SAME = 0.01
"""How far the rival's count may be off before it is not the Python that the stored counts are of."""
FAMILIES = ("items", "slices", "maps", "system", "guard")
# A function of the C library that nothing here calls; callgrind writes what it has counted at each call.
MARK = "getppid"

Counts = dict[str, dict[str, float]]


def loop() -> None:
    """Run every statement under callgrind, and print which were run how often, in order."""
    gc.disable()
    ran: list[tuple[str, str, int, int]] = []
    for name in FAMILIES:
        for case in families.load(name).cases(Scope(counting=True)):
            if case.counted is None:
                continue
            few, many = case.counted
            for side, turn in case.sides.items():
                if not isinstance(turn, Statement) or side not in {OURS, "mmap"}:
                    continue
                # The interpreter adapts its byte code to what it runs.
                turn(few)
                os.getppid()
                turn(few)
                os.getppid()
                turn(many)
                os.getppid()
                ran.append((case.key, side, many - few, case.calls))
    print(json.dumps(ran))


def total(profile: Path) -> int:
    """Return how many instructions a part of the profile holds."""
    found = re.search(
        r"^(?:summary|totals): (\d+)", profile.read_text(encoding="utf-8"), re.MULTILINE
    )
    if found is None:
        msg = f"callgrind wrote no sum into {profile}"
        raise RuntimeError(msg)
    return int(found[1])


def count(tree: Path = ROOT) -> Counts:
    """Return the instructions of one call, for each case and side, of the package in a tree."""
    with tempfile.TemporaryDirectory(prefix="mmap-rs-callgrind-") as folder:
        out = Path(folder) / "part"
        command = ["valgrind", "-q", "--tool=callgrind", f"--dump-before={MARK}"]
        command += [
            f"--callgrind-out-file={out}",
            sys.executable,
            "-m",
            "benchmarks.instructions",
            "--loop",
        ]
        environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(tree / "python")}
        done = subprocess.run(
            command, stdout=subprocess.PIPE, check=True, text=True, env=environment, cwd=tree
        )
        counts: Counts = {}
        part = 1
        for key, side, loops, calls in json.loads(done.stdout):
            few, many = (total(Path(f"{out}.{part + later}")) for later in (1, 2))
            counts.setdefault(key, {})[side] = round((many - few) / loops / calls, 1)
            part += 3
        return counts


def combination() -> str:
    """Return what the counts depend on."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    rust = "rustc " + output(["rustc", "--version"]).split()[1]
    return f"{python}, {rust}, {' '.join(platform.libc_ver())}, {platform.machine()}"


def count_at(commit: str) -> Counts:
    """Return the counts of another commit, by its own benchmarks."""
    git = ["git", "-C", str(ROOT), "worktree"]
    with tempfile.TemporaryDirectory(prefix="mmap-rs-instructions-") as folder:
        tree, out = Path(folder) / "tree", Path(folder) / "out"
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), commit], check=True)
        try:
            maturin = [sys.executable, "-m", "maturin", "build", "--release", "--quiet"]
            maturin += ["--target-dir", str(ROOT / "target"), "--out", str(out)]
            subprocess.run(maturin, cwd=tree, check=True)
            (wheel,) = out.iterdir()
            with zipfile.ZipFile(wheel) as archive:
                compiled = [name for name in archive.namelist() if name.endswith(".so")]
                archive.extractall(tree / "python", compiled)
            return count(tree)
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def stored() -> dict[str, Counts]:
    """Return all stored counts."""
    with contextlib.suppress(FileNotFoundError):
        found: dict[str, Counts] = json.loads(BASELINE.read_text(encoding="utf-8"))
        return found
    return {}


def rival_differs(now: Mapping[str, float], before: Mapping[str, float]) -> bool:
    """Whether the rival's count says that this is another build of Python."""
    new, old = now.get("mmap"), before.get("mmap")
    return new is not None and old is not None and abs(new - old) > SAME * old + GRAIN


def compare(counts: Counts, before: Counts) -> tuple[list[str], list[str]]:
    """Return what has grown too much, and what can't be said."""
    grown: list[str] = []
    unsaid: list[str] = []
    for key, now in counts.items():
        then = before.get(key)
        if then is None:
            unsaid.append(f"{key}: no count is stored")
        elif rival_differs(now, then):
            unsaid.append(
                f"{key}: this Python is built in another way than the stored counts' Python"
            )
        elif now[OURS] > then[OURS] * (1 + ROOM) + GRAIN:
            grown.append(f"{key}: {now[OURS]:,.0f} instructions, {then[OURS]:,.0f} are stored")
    return grown, unsaid


def table(counts: Counts, before: Counts) -> str:
    """Return the counts as a table."""
    lines = [f"{'instructions a call':<60} {OURS:>12} {'mmap':>12} {'ratio':>6} {'stored':>12}"]
    for key, now in counts.items():
        ours, theirs, then = now[OURS], now.get("mmap"), before.get(key, {}).get(OURS)
        beside = f"{theirs:>12,.0f} {ours / theirs:>6.2f}" if theirs else f"{'':>19}"
        lines.append(
            f"{key:<60} {ours:>12,.0f} {beside} {'' if then is None else format(then, ',.0f'):>12}"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--update", action="store_true", help="store the counts")
    parser.add_argument(
        "--against", metavar="COMMIT", help="compare with that, not with the stored"
    )
    parser.add_argument("--loop", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.loop:
        loop()
        return 0
    if sys.platform != "linux" or shutil.which("valgrind") is None:
        tell_absent("instructions are not counted: there is no valgrind")
        return 0
    known = stored()
    name = combination()
    before = count_at(options.against) if options.against else known.get(name, {})
    counts = count()
    print(name)
    print(table(counts, before))
    if options.update:
        known[name] = counts
        BASELINE.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(f"stored in {BASELINE.name}")
        return 0
    if not before:
        tell_absent(f"no counts of instructions are stored for {name} (--update stores them)")
        return 0
    grown, unsaid = compare(counts, before)
    for line in unsaid:
        print(f"not compared: {line}")
    for line in grown:
        print(f"more than {ROOM:.0%} over: {line}", file=sys.stderr)
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
