"""Print the jobs of the release workflow as JSON; our own, as tiers.toml is the one list of targets.

On a runner, the lists go to the file that $GITHUB_OUTPUT names, one output for each kind of job.
"""

import json
import os
import sys
from pathlib import Path

from tools.tiers.targets import Target, load

# Which job of the workflow does which ways of building.
JOBS = {"linux": {"zig"}, "native": {"native"}, "phones": {"ndk", "xcode"}}
# By kind of wheel: the Python that tests it, and builds it where only itself can; the newest that a stable
# ABI is tested with, too; the folders of those that test it in a container.
PYTHONS = {
    "abi3-py311": ("3.11", "3.15", "cp311-cp311 cp314-cp314"),
    "cp314t": ("3.14t", "", "cp314-cp314t"),
    "abi3t-py315": ("3.15t", "3.15", "cp315-cp315t cp315-cp315"),
}
ARCHITECTURES = {"i686": "x86", "aarch64": "arm64", "arm64": "arm64"}
# What Docker calls a processor that is emulated.
PLATFORMS = {"armv7l": "linux/arm/v7"}


def entry(target: Target, kind: str) -> dict[str, str]:
    """Return what the workflow has to know of one wheel."""
    tests, image = target.release.tests, target.release.image
    # Phones' wheels are built by any Python, and tested by cibuildwheel's.
    phone = target.release.build in JOBS["phones"]
    python, newest, contained = ("", "", "") if phone else PYTHONS[kind]
    # Where the target's own Python builds and tests, it must be of its architecture.
    own = target.release.build == "native"
    return {
        "target": target.triple,
        "kind": kind,
        "runner": target.release.runner,
        "tests": tests,
        "python": python if own or tests == "here" else "3.13",
        "newest": newest if tests == "here" else "",
        "architecture": ARCHITECTURES.get(target.arch, "x64") if own else "",
        "image": f"quay.io/pypa/{image}" if image else "",
        "pythons": contained if image else "",
        "platform": PLATFORMS.get(target.arch, "") if tests == "qemu" else "",
        # Only what is in `dist` goes to the package index; the rest is on the release's page.
        "shelf": "dist" if target.release.index else "apart",
    }


def matrix() -> dict[str, list[dict[str, str]]]:
    """Return the wheels of each job."""
    return {
        job: [entry(it, kind) for it in load() if it.release.build in builds for kind in it.pythons]
        for job, builds in JOBS.items()
    }


def main() -> int:
    """Write the lists, and return the exit status."""
    lines = [f"{job}={json.dumps({'include': rows})}\n" for job, rows in matrix().items()]
    if place := os.environ.get("GITHUB_OUTPUT"):
        with Path(place).open("a", encoding="utf-8") as out:
            out.writelines(lines)
    print("".join(lines).replace("{", "\n  {"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
