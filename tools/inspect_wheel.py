"""Check what is in wheels, and what they say of themselves: `python tools/inspect_wheel.py dist/*.whl`."""

import argparse
import base64
import csv
import hashlib
import json
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from email.parser import BytesParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# A wheel is downloaded by everyone who installs the package, and by every run of their CI. The largest
# is that for 32-bit x86.
LIMIT = 512 * 1024

# Without these editors, type checkers, lawyers and scanners miss something.
IN_PACKAGE = ("__init__.py", "__main__.py", "_flags.pyi", "_mmap_rs.pyi", "py.typed")
LICENCES = ("LICENSE-APACHE", "LICENSE-MIT", "THIRD-PARTY.md")
SBOM = "sboms/mmap-rs.cdx.json"
# Folders of the people and machines that build.
PRIVATE = (b"/home/", b"/root/", b"/Users/", b"/github/workspace", b"C:\\Users\\", b"D:\\a\\")


def version() -> str:
    """Return the version of this tree."""
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))
    return str(manifest["workspace"]["package"]["version"])


def content(wheel: Path) -> dict[str, bytes]:
    """Read every file of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def wheels_in(paths: list[Path]) -> list[Path]:
    """Return the wheels among these files and folders; ends the program if there are none."""
    found = [
        wheel
        for path in paths
        for wheel in (sorted(path.glob("*.whl")) if path.is_dir() else [path])
    ]
    if not found:
        raise SystemExit(f"no wheel in {', '.join(map(str, paths))}")
    return [wheel.resolve() for wheel in found]


def record_problems(files: Mapping[str, bytes], info: str) -> list[str]:
    """Compare the wheel's own list of its files with what is there."""
    rows = csv.reader(files[f"{info}/RECORD"].decode().splitlines())
    listed = {row[0]: row[1] for row in rows}
    found = [f"in RECORD, but not there: {name}" for name in listed if name not in files]
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        if name not in listed:
            found.append(f"not in RECORD: {name}")
        elif name != f"{info}/RECORD" and listed[name] != f"sha256={digest}":
            found.append(f"RECORD has another hash for {name}")
    return found


def sbom_problems(text: bytes, wanted: str) -> list[str]:
    """Check the list of components."""
    bill = json.loads(text)
    found: list[str] = []
    if bill.get("bomFormat") != "CycloneDX":
        found.append("the SBOM is not in the form of CycloneDX")
    if bill["metadata"]["component"]["version"] != wanted:
        found.append(f"the SBOM is not of version {wanted}: run make notices")
    names = {component["name"] for component in bill["components"]}
    if not {"mmap-rs", "pyo3", "libc"} <= names:
        found.append("the SBOM does not name mmap-rs, pyo3 and libc")
    return found


def problems(name: str, files: Mapping[str, bytes], size: int, *, released: bool) -> list[str]:
    """List what is wrong with a wheel, one line each.

    `name` is its file name, `size` its bytes. `released` asks for more than a build on this machine can
    give: no name of a folder in what is compiled, and a tag that the package index takes.
    """
    wanted = version()
    info = f"mmap_rs-{wanted}.dist-info"
    found = [f"it is not of version {wanted}"] if not name.startswith(f"mmap_rs-{wanted}-") else []
    needed = [f"mmap_rs/{part}" for part in IN_PACKAGE]
    needed += [f"{info}/licenses/{part}" for part in LICENCES]
    needed += [
        f"{info}/{part}" for part in (SBOM, "METADATA", "WHEEL", "RECORD", "entry_points.txt")
    ]
    missing = [part for part in needed if part not in files]
    found += [f"it has no {part}" for part in missing]
    found += [
        f"it should not have {part}"
        for part in files
        if not part.startswith(("mmap_rs/", f"{info}/"))
    ]
    compiled = [
        part
        for part in files
        if part.startswith("mmap_rs/_mmap_rs.") and part.endswith((".so", ".pyd"))
    ]
    if len(compiled) != 1:
        found.append(f"it has not one compiled module, but {len(compiled)}")
    if size > LIMIT:
        found.append(f"it has {size / 1024:.1f} KiB, and {LIMIT // 1024} are allowed")
    if missing:
        return found
    metadata = BytesParser().parsebytes(files[f"{info}/METADATA"])
    for field, value in (
        ("Name", "mmap-rs"),
        ("Version", wanted),
        ("License-Expression", "MIT OR Apache-2.0"),
        ("Requires-Python", ">=3.11"),
    ):
        if metadata[field] != value:
            found.append(f"its metadata say {field}: {metadata[field]}, not {value}")
    licences = metadata.get_all("License-File") or []
    found += [f"its metadata don't name {part}" for part in LICENCES if part not in licences]
    found += record_problems(files, info)
    found += sbom_problems(files[f"{info}/{SBOM}"], wanted)
    if released:
        if name.endswith(("-linux_x86_64.whl", "-any.whl")):
            found.append("its tag does not say on which systems it runs")
        found += [
            f"{part} names a folder of the machine that built it ({private.decode()})"
            for part in compiled
            for private in PRIVATE
            if private in files[part]
        ]
        if "-manylinux" in name:
            found += [
                f"{part} does not use the system's unwinder: see tools/tiers/linux_link.py"
                for part in compiled
                if b"\0libgcc_s.so.1\0" not in files[part]
            ]
    return found


def main(words: list[str] | None = None) -> int:
    """Check wheels, print a line for each, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":", maxsplit=1)[0])
    parser.add_argument(
        "wheels", nargs="+", type=Path, metavar="WHEEL", help="a wheel, or a folder of wheels"
    )
    paths = wheels_in(parser.parse_args(words).wheels)
    wrong = 0
    for path in paths:
        files = content(path)
        found = problems(path.name, files, path.stat().st_size, released=True)
        wrong += len(found)
        print(f"{path.name}: {len(files)} files, {path.stat().st_size / 1024:.1f} KiB")
        for line in found:
            print(f"  {line}", file=sys.stderr)
    print(f"{len(paths)} wheels checked, {wrong} problems")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
