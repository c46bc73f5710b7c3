"""Install the wheel of a folder that suits this Python, and test it: `python -m tools.try_wheel dist`.

Our own, as tox and nox would build: the suite runs on what was built, in a copy of the tree without it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tools.tiers import suite

# An emulator is far from a real processor's speed, and a machine that has one has several processors.
EMULATED = ("-n", "logical", "-o", "timeout=300", "-o", "faulthandler_timeout=600")
# Fails if the tests would import another package than the one in the environment.
IMPORTED = """
import sys, mmap_rs
print(mmap_rs.__version__, mmap_rs._mmap_rs.__file__)
sys.exit(not mmap_rs._mmap_rs.__file__.startswith(sys.prefix))
"""


def main(words: list[str] | None = None) -> int:
    """Install, test, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    given = parser.parse_args(words)
    # tests/conftest.py asks the same variable for what is emulated.
    emulated = bool(os.environ.get("MMAP_RS_EMULATOR"))
    own = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("PYTHON", "VIRTUAL_ENV", "MATURIN"))
    }
    with tempfile.TemporaryDirectory(prefix="mmap-rs-try-") as name:
        work = Path(name).resolve()
        environment, tree = work / "environment", work / "tree"
        # FreeBSD has packages of what pip would compile there.
        venv.create(environment, with_pip=True, system_site_packages="freebsd" in sys.platform)
        programs = environment / ("Scripts" if os.name == "nt" else "bin")

        def python(*words: str | Path) -> None:
            command = [programs / "python", *words]
            subprocess.run(command, cwd=tree, env=own, check=True)

        def install(*words: str | Path) -> None:
            python("-m", "pip", "install", "--disable-pip-version-check", *words)

        suite.copy(tree)
        install("--quiet", "--upgrade", "pip>=25.1")
        # By itself, and from nowhere else. pip says which one it takes.
        install("--no-index", "--no-deps", "--find-links", given.folder.resolve(), "mmap-rs")
        # Of Hypothesis older versions serve too, whose wheels are for every machine; newer ones need Rust.
        usual = ("--quiet", "--only-binary", "hypothesis", *(["pytest-xdist"] if emulated else []))
        try:
            install(*usual, "--only-binary", "numpy", *suite.requirements())
        except subprocess.CalledProcessError:
            # It would take hours to compile under an emulator.
            print("there is no wheel of NumPy here: the tests with it are left out", flush=True)
            install(*usual, *suite.requirements(without=("numpy",)))
        python("-m", "pip", "check")
        python("-c", IMPORTED)
        python("-m", "pytest", "-q", *(EMULATED if emulated else ()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
