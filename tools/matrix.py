"""Print the jobs of the release workflow as JSON, from tiers.toml: the list of targets is written there only.

On a runner the lists go to the file that $GITHUB_OUTPUT names, one output for each kind of job; elsewhere
they are printed, so that they can be looked at.
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "tiers"))

from targets import Target, load

# Which job of the workflow does which ways of building.
JOBS = {
    "linux": ("zig",),
    "native": ("native",),
    "phones": ("cibuildwheel", "ndk"),
    "vm": ("vm",),
}
# The Python that tests each kind of wheel, and builds it where only itself can; a stable ABI is tested with
# the newest that it is for, too.
TESTED = {"abi3-py311": "3.11", "cp314t": "3.14t", "abi3t-py315": "3.15t"}
NEWEST = {"abi3-py311": "3.15", "cp314t": "", "abi3t-py315": "3.15"}
ARCHITECTURES = {
    "x86_64": "x64",
    "i686": "x86",
    "i386": "x86",
    "aarch64": "arm64",
    "arm64": "arm64",
}
# The images of the Python Packaging Authority: every CPython, and compilers for what the tests need.
IMAGES = {
    "manylinux_2_28_i686": "sha256:4458e9ec6af8588fe269d23adf2306231c15b949a9b0637a9c0943f80d6931d5",
    "manylinux_2_31_armv7l": "sha256:235c282aa532e01136e5e1db0a9403463032c9281fa56d89b39e45dfb5081484",
    "musllinux_1_2_x86_64": "sha256:75327606c7666fc971bd9239c6b220fd205b4bb9563b588075164622609219ca",
    "musllinux_1_2_aarch64": "sha256:cea133e28484a93e9c40fc661256e8f1ec69b2887d0b64acbfaf48f26bbab103",
}
# What Docker calls a processor that is emulated.
PLATFORMS = {"armv7l": "linux/arm/v7"}


def image(target: Target) -> str:
    """Return the container that the tests run in, or an empty text where they run without one."""
    if target.release.tests not in {"container", "qemu"}:
        return ""
    (name,) = (name for name in IMAGES if name.endswith(f"_{target.arch}") and fits(name, target))
    return f"quay.io/pypa/{name}@{IMAGES[name]}"


def fits(name: str, target: Target) -> bool:
    """Tell whether an image has the target's C library."""
    return name.startswith("musl") == (target.system == "musl")


def entry(target: Target, kind: str) -> dict[str, str]:
    """Return what the workflow has to know of one wheel."""
    # Where the target's own Python builds and tests, it must be of its architecture.
    own = target.release.build == "native"
    return {
        "target": target.triple,
        "kind": kind,
        "runner": target.release.runner,
        "tests": target.release.tests,
        "python": TESTED[kind] if own or target.release.tests == "here" else "3.13",
        "newest": NEWEST[kind] if target.release.tests == "here" else "",
        "architecture": ARCHITECTURES.get(target.arch, "x64") if own else "",
        "image": image(target),
        "platform": PLATFORMS.get(target.arch, "") if target.release.tests == "qemu" else "",
    }


def matrix() -> dict[str, list[dict[str, str]]]:
    """Return the wheels of each job."""
    return {
        job: [
            entry(target, kind)
            for target in load()
            if target.release.build in builds
            for kind in target.pythons
        ]
        for job, builds in JOBS.items()
    }


def main() -> int:
    """Write the lists, and return the exit status."""
    lines = [
        f"{job}={json.dumps({'include': entries}, separators=(',', ':'))}"
        for job, entries in matrix().items()
    ]
    place = os.environ.get("GITHUB_OUTPUT")
    if place:
        with Path(place).open("a", encoding="utf-8") as out:
            out.write("\n".join(lines) + "\n")
    for job, entries in matrix().items():
        print(f"{job}: {len(entries)} wheels")
        for row in entries:
            print("  " + ", ".join(f"{name} {text}" for name, text in row.items() if text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
