"""Look for published advisories on the packages of this environment, by pip-audit: `make audit`.

The package index tells them. Of one that tells none, such as a mirror, pip-audit says for every package
that it is not there: that is no pass, and is said in one line.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def verdict(report: dict[str, Any]) -> tuple[int, list[str]]:
    """Return the exit status for pip-audit's report, and what to say.

    Status 0: all packages are known, and none has an advisory; 1: one has, or is not known; 2: none is known.
    """
    packages: list[dict[str, Any]] = report["dependencies"]
    unknown = [package for package in packages if "skip_reason" in package]
    if not packages or len(unknown) == len(packages):
        text = (
            "advisories: not checked, as the package index here tells none: nothing is known of the"
        )
        return 2, [f"{text} {len(packages)} packages"]
    lines = [package["skip_reason"] for package in unknown]
    advisories = 0
    for package in packages:
        for advisory in package.get("vulns", ()):
            advisories += 1
            fixed = ", ".join(advisory["fix_versions"]) or "no version"
            lines.append(
                f"{package['name']} {package['version']}: {advisory['id']}, mended in {fixed}"
            )
    lines.append(
        f"advisories: {len(packages)} packages, {advisories} advisories, {len(unknown)} packages not known"
    )
    return (1 if advisories or unknown else 0), lines


def main() -> int:
    """Audit, print the outcome, and return the exit status."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "freeze", "--all", "--exclude-editable"],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    ).stdout
    with tempfile.TemporaryDirectory(prefix="mmap-rs-audit-") as folder:
        frozen = Path(folder, "requirements.txt")
        frozen.write_text(listed, encoding="utf-8")
        # What is installed is asked for, and nothing else: there is nothing to resolve.
        command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "-f", "json"]
        done = subprocess.run(
            [*command, "--progress-spinner", "off", "-r", str(frozen)],
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except json.JSONDecodeError:
        print(done.stderr, file=sys.stderr)
        print("advisories: not checked, as pip-audit failed", file=sys.stderr)
        return 2
    status, lines = verdict(report)
    for line in lines:
        print(line, file=sys.stderr if status else sys.stdout)
    return status


if __name__ == "__main__":
    sys.exit(main())
