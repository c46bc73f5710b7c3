"""Let Cargo compile for the Python that runs this: for a 32-bit one on 64-bit Windows.

Fetches the standard library that is needed for that, and hands the target on to the later steps of a run
through the file that $GITHUB_ENV names. Does nothing where compiler and Python agree.
"""

import os
import re
import struct
import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Print what is compiled for, and return the exit status."""
    text = subprocess.run(
        ["rustc", "-vV"], stdout=subprocess.PIPE, encoding="utf-8", check=True
    ).stdout
    (host,) = re.findall(r"^host: (.*)$", text, re.MULTILINE)
    bits = 8 * struct.calcsize("P")
    if bits == 64 or "windows" not in host:
        print(f"{bits}-bit Python, Rust for {host}: nothing to do")
        return 0
    target = "i686-pc-windows-msvc"
    subprocess.run(["rustup", "target", "add", target], check=True)
    with Path(os.environ["GITHUB_ENV"]).open("a", encoding="utf-8") as out:
        out.write(f"CARGO_BUILD_TARGET={target}\n")
    print(f"{bits}-bit Python: Rust compiles for {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
