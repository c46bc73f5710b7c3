"""The cache and the programs that are run: our own, as what fails and what can't be done here must differ."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from subprocess import DEVNULL

from tools.tiers.targets import ROOT

# The most seconds for one program: a suite under an emulator takes hours.
LIMIT = 4 * 3600


class Failed(Exception):
    """Something that should have worked did not."""


class Absent(Exception):
    """Something can't be had on this machine; the text says what and why."""


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

    def once(self, name: str, key: str, make: Callable[[Path], object]) -> Path:
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

    def run(
        self,
        argv: Sequence[object],
        *,
        log: str,
        env: Mapping[str, str] | None = None,
        folder: str | Path = ROOT,
        check: bool = True,
    ) -> str:
        """Run a program with what it prints in the file `logs/<log>.log`, and return that text.

        `env` is added to the environment. A status other than 0 is `Failed` with the last lines, unless
        `check` is false.
        """
        path = self.folder("logs") / f"{log}.log"
        words, own = [str(word) for word in argv], {**os.environ, **(env or {})}
        with path.open("w", encoding="utf-8") as out:
            out.write(f"$ {' '.join(words)}\n")
            out.flush()
            try:
                status = subprocess.call(
                    words, stdin=DEVNULL, stdout=out, stderr=out, env=own, cwd=folder, timeout=LIMIT
                )
            except FileNotFoundError as error:
                raise Absent(f"the program {words[0]} is not on this machine") from error
            except subprocess.TimeoutExpired as error:
                raise Failed(f"{words[0]} did not end in {LIMIT} s; see {path}") from error
        text = path.read_text(encoding="utf-8", errors="replace")
        if check and status != 0:
            raise Failed(f"{words[0]} ended with status {status}; see {path}\n{last_lines(text)}")
        return text

    def say(self, text: str) -> None:
        """Show what goes on, with the time since the start."""
        print(f"[{time.monotonic() - self._began:6.0f} s] {text}", file=sys.stderr, flush=True)


def last_lines(text: str) -> str:
    """Return the end of what a program said, to be shown under an error."""
    return "\n".join(f"    {line}" for line in text.splitlines()[-15:])
