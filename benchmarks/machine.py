"""What the numbers are true of."""

import importlib.metadata
import os
import platform
import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import mmap_rs


def processor() -> str:
    """Return the processor's name, as far as the system reports it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def output(command: Sequence[str]) -> str:
    """Return what a command prints, or that it isn't there."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return f"no {command[0]}"
    return done.stdout.strip()


def describe() -> dict[str, str]:
    """Return machine and versions, for the head of a table."""
    gil = "without the GIL" if sysconfig.get_config_var("Py_GIL_DISABLED") else "with the GIL"
    return {
        "processor": f"{processor()}, {os.cpu_count()} CPUs, {platform.machine()}",
        "system": f"{platform.system()} {platform.release()}, {' '.join(platform.libc_ver())}",
        "Python": f"{platform.python_implementation()} {platform.python_version()} {gil}",
        "mmap_rs": f"{mmap_rs.__version__} (mmap-rs {mmap_rs.__upstream_version__})",
        "rustc": output(["rustc", "--version"]).removeprefix("rustc "),
        "NumPy": importlib.metadata.version("numpy"),
        "psutil": importlib.metadata.version("psutil"),
    }
