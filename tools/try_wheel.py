"""Install a wheel in a fresh environment and run the tests on it: `python tools/try_wheel.py dist`.

The suite runs in a copy of the tree whose own package is not on the path: what is imported is what was
installed, which is looked at before. What else the tests need is fetched, and compiled where there is no
wheel of it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from check_dist import ROOT, copy_tree
from inspect_wheel import wheels_in

# Prints the one of the wheels that are named that suits this Python best, if any does.
CHOOSE = """
import sys, sysconfig
from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename
mine = list(sys_tags())
best = [(min(mine.index(t) for t in tags), name) for name in sys.argv[1:]
        if (tags := parse_wheel_filename(name.replace('\\\\', '/').rsplit('/', 1)[-1])[3] & set(mine))]
print(min(best)[1] if best else '')
"""


def in_environment(folder: Path, *words: str | Path, cwd: Path | None = None) -> None:
    """Run a module with the environment's Python and nothing of ours in the way."""
    own = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("PYTHON", "VIRTUAL_ENV", "MATURIN"))
    }
    subprocess.run([str(python_of(folder)), "-m", *map(str, words)], cwd=cwd, env=own, check=True)


def python_of(folder: Path) -> Path:
    """Return the Python of an environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def choose(folder: Path, wheels: list[Path]) -> Path:
    """Return the wheel that the environment's Python would take."""
    in_environment(folder, "pip", "install", "--quiet", "--upgrade", "pip>=25.1", "packaging")
    done = subprocess.run(
        [str(python_of(folder)), "-c", CHOOSE, *map(str, wheels)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    if not done.stdout.strip():
        names = ", ".join(path.name for path in wheels)
        raise SystemExit(f"{sys.version} takes none of these wheels: {names}")
    return Path(done.stdout.strip())


def refuse_other_package(folder: Path, tree: Path) -> None:
    """Fail if the tests would import another package than the one in the environment."""
    code = "import mmap_rs; print(mmap_rs.__version__, mmap_rs._mmap_rs.__file__)"
    done = subprocess.run(
        [str(python_of(folder)), "-c", code],
        cwd=tree,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    print(done.stdout.strip(), flush=True)
    if str(folder) not in done.stdout:
        raise SystemExit(f"{done.stdout.strip()} is not what was installed in {folder}")


def main(words: list[str] | None = None) -> int:
    """Install, test, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":", maxsplit=1)[0])
    parser.add_argument(
        "wheels", nargs="+", type=Path, metavar="WHEEL", help="a wheel, or a folder of wheels"
    )
    parser.add_argument("--pytest", default="-q", help="arguments for pytest, in one word")
    given = parser.parse_args(words)
    wheels = wheels_in(given.wheels)
    with tempfile.TemporaryDirectory(prefix="mmap-rs-try-") as name:
        work = Path(name).resolve()
        venv.create(work / "environment", with_pip=True)
        environment = work / "environment"
        wheel = choose(environment, wheels)
        print(f"==> {wheel.name} with Python {sys.version}", flush=True)
        in_environment(
            environment, "pip", "install", "--quiet", "--group", f"{ROOT}/pyproject.toml:test"
        )
        # By itself, and from nowhere else.
        in_environment(environment, "pip", "install", "--quiet", "--no-index", "--no-deps", wheel)
        in_environment(environment, "pip", "check")
        tree = work / "tree"
        copy_tree(tree)
        refuse_other_package(environment, tree)
        in_environment(environment, "pytest", *given.pytest.split(), cwd=tree)
    return 0


if __name__ == "__main__":
    sys.exit(main())
