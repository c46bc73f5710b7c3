"""Install a wheel in a fresh environment and run the tests on it: `python tools/try_wheel.py dist`.

The suite runs in a copy of the tree whose own package is not on the path: what is imported is what was
installed, which is looked at before. What else the tests need is fetched, and compiled where there is no
wheel of it; but not NumPy, which takes hours under an emulator: where it has no wheel, the tests with it are
left out.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "tiers"))

import suite
from check_dist import copy_tree
from inspect_wheel import wheels_in

# An emulator is far from a real processor's speed, and a machine that has one has several processors.
EMULATED = ("-n", "logical", "-o", "timeout=300", "-o", "faulthandler_timeout=600")

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


def for_this_release(wheel: Path, folder: Path, platform: str) -> Path:
    """Return the wheel by a name that this system's pip takes.

    pip takes a wheel for FreeBSD on the very release that its name says, down to the patches, though FreeBSD
    runs what was made for earlier ones: there it is copied to the name for this release. `platform` is what
    Python calls the system.
    """
    if not platform.startswith("freebsd-"):
        return wheel
    head, tag = wheel.stem.rsplit("-", 1)
    mine = re.sub(r"\W", "_", platform).lower()
    here, there = mine.split("_"), tag.split("_")
    # The same version of the system, and the same processor.
    if (*here[:2], here[-1]) != (*there[:2], there[-1]):
        return wheel
    folder.mkdir(exist_ok=True)
    return Path(shutil.copyfile(wheel, folder / f"{head}-{mine}.whl"))


def emulated() -> bool:
    """Tell whether an emulator runs this: tests/conftest.py asks the same variable for which."""
    return bool(os.environ.get("MMAP_RS_EMULATOR"))


def install_requirements(environment: Path) -> None:
    """Install what the tests need; NumPy only where there is a wheel of it."""
    more = ["pytest-xdist"] if emulated() else []
    # Of Hypothesis older versions serve too, whose wheels are for every machine; newer ones need Rust.
    pip = ("pip", "install", "--quiet", "--only-binary", "hypothesis")
    try:
        wanted = suite.requirements()
        in_environment(environment, *pip, "--only-binary", "numpy", *wanted, *more)
    except subprocess.CalledProcessError:
        rest = suite.requirements(without=("numpy",))
        in_environment(environment, *pip, *rest, *more)
        print("no wheel of NumPy is to be had here: the tests with it are left out", flush=True)


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
        mine = [for_this_release(path, work / "named", sysconfig.get_platform()) for path in wheels]
        wheel = choose(environment, mine)
        print(f"==> {wheel.name} with Python {sys.version}", flush=True)
        install_requirements(environment)
        # By itself, and from nowhere else.
        in_environment(environment, "pip", "install", "--quiet", "--no-index", "--no-deps", wheel)
        in_environment(environment, "pip", "check")
        tree = work / "tree"
        copy_tree(tree)
        refuse_other_package(environment, tree)
        slower = EMULATED if emulated() else ()
        in_environment(environment, "pytest", *slower, *given.pytest.split(), cwd=tree)
    return 0


if __name__ == "__main__":
    sys.exit(main())
