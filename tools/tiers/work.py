"""The folder that this tool keeps its things in, and the programs that it runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from targets import ROOT


class Failed(Exception):
    """Something that should have worked did not."""


class Absent(Exception):
    """Something can't be had on this machine; the text says what and why."""


@dataclass(frozen=True)
class Tally:
    """What a run of the test suite gave, and under what it ran."""

    passed: int
    failed: int
    skipped: int
    seconds: float
    python: str
    under: str
    # How many of those that passed did so at a second try only.
    late: int = 0


class Work:
    """The cache folder. What is in it can be removed at any time and is made again."""

    def __init__(self, folder: Path | None = None) -> None:
        chosen = os.environ.get("MMAP_RS_TIERS_CACHE")
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self.root = folder or (Path(chosen) if chosen else caches / "mmap-rs-tiers")
        self.root.mkdir(parents=True, exist_ok=True)
        self._began = time.monotonic()

    def folder(self, name: str) -> Path:
        """Return a folder of that name in the cache, made if it is not there."""
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def once(self, name: str, key: str, make: Callable[[Path], None]) -> Path:
        """Return the folder `name`, made by `make` unless it is there from the same `key`.

        A broken-off making leaves nothing behind.
        """
        path = self.root / name
        stamp = path.with_name(path.name + ".key")
        if path.is_dir() and stamp.is_file() and stamp.read_text(encoding="utf-8") == key:
            return path
        self.say(f"making {name}")
        stamp.unlink(missing_ok=True)
        unfinished = path.with_name(path.name + ".unfinished")
        for old in (unfinished, path):
            if old.exists():
                shutil.rmtree(old)
        unfinished.mkdir(parents=True)
        make(unfinished)
        unfinished.rename(path)
        stamp.write_text(key, encoding="utf-8")
        return path

    def remembered(self, name: str, key: str) -> str | None:
        """Return what `remember` was told under that name, if it was with the same key."""
        path = self.folder("done") / name
        if not path.is_file():
            return None
        known, _, text = path.read_text(encoding="utf-8").partition("\n")
        return text if known == key else None

    def remember(self, name: str, key: str, text: str) -> None:
        """Keep what came of a step that took long; `key` tells what it was done with."""
        (self.folder("done") / name).write_text(f"{key}\n{text}", encoding="utf-8")

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        log: str,
        env: Mapping[str, str] | None = None,
        cwd: Path = ROOT,
        timeout: float | None = None,
        check: bool = True,
    ) -> str:
        """Run a program with what it prints in the file `logs/<log>.log`, and return that text.

        `env` is added to the environment. A status other than 0 is `Failed` with the last lines, unless
        `check` is false.
        """
        path = self.folder("logs") / f"{log}.log"
        with path.open("w", encoding="utf-8") as out:
            out.write(f"$ {' '.join(map(str, argv))}\n")
            out.flush()
            try:
                status = subprocess.run(
                    [str(word) for word in argv],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **(env or {})},
                    cwd=cwd,
                    timeout=timeout,
                    check=False,
                ).returncode
            except FileNotFoundError as error:
                raise Absent(f"the program {argv[0]} is not on this machine") from error
            except subprocess.TimeoutExpired as error:
                raise Failed(f"{argv[0]} did not end in {timeout:.0f} s; see {path}") from error
        text = path.read_text(encoding="utf-8", errors="replace")
        if check and status != 0:
            last = "\n".join("    " + line for line in text.splitlines()[-15:])
            raise Failed(f"{argv[0]} ended with status {status}; see {path}\n{last}")
        return text

    def say(self, text: str) -> None:
        """Show what goes on, with the time since the start."""
        print(f"[{time.monotonic() - self._began:6.0f} s] {text}", file=sys.stderr, flush=True)
