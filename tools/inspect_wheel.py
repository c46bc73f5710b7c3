"""Check wheels, by file and by the rules of their targets: `python -m tools.inspect_wheel dist`.

Our own, as check-wheel-contents, twine and abi3audit don't know what belongs in this wheel, nor what each
system asks of a module.
"""

import argparse
import itertools
import re
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.build_wheel import meant
from tools.tiers.targets import ROOT
from tools.tiers.work import Failed

# A wheel is downloaded by everyone who installs the package, and by every run of their CI. The largest
# is that for 32-bit x86 and abi3t, with 685 KiB.
LIMIT = 768 * 1024
# What is in a wheel as it is in the tree.
PACKAGE = ("*.py", "*.pyi", "*.pxd", "*.h", "py.typed")
LICENCES = ("LICENSE-APACHE", "LICENSE-MIT", "THIRD-PARTY.md")
SBOM = "mmap-rs.cdx.json"
METADATA = (
    "Name: mmap-rs",
    "Requires-Python: >=3.11",
    "License-Expression: MIT OR Apache-2.0",
    *(f"License-File: {part}" for part in LICENCES),
)
# What crates are called in messages of the compiled code: the standard library's, and all others.
CRATE = re.compile(r"/(?:rust/deps|crates)[/\\]([\w-]+?)-(\d[\w.+-]*)[/\\]")
# Folders of the people and machines that build.
PRIVATE = (b"/home/", b"/root/", b"/Users/", b"/github/workspace", b"C:\\Users\\", b"D:\\a\\")
# What stands in place of the repository's address while it isn't known.
PLACEHOLDER = "https://repository.example/"


def project() -> dict[str, Any]:
    """Return the table `project` of pyproject.toml."""
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


def repository() -> str:
    """Return the repository's address, or what stands in its place."""
    return str(project()["urls"]["Repository"])


def entry_points() -> list[str]:
    """Return the lines of a wheel's entry_points.txt."""
    return ["[console_scripts]", *(f"{name}={place}" for name, place in project()["scripts"].items())]


def version() -> str:
    """Return the version of this tree."""
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))
    return str(manifest["workspace"]["package"]["version"])


def content(wheel: Path) -> dict[str, bytes]:
    """Read every file of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def problems(
    name: str, files: Mapping[str, bytes], size: int, papers: Mapping[str, str] | None = None
) -> list[str]:
    """List what is wrong with the files of a wheel, one line each.

    `name` is its file name, `size` its bytes. Of a released wheel `papers` has what is its own, and not the
    tree's, by the names in the tree. In the module of another wheel, names of folders may be.
    """
    wanted = version()
    info = f"mmap_rs-{wanted}.dist-info"
    package = ROOT / "python" / "mmap_rs"
    sources = [path for pattern in PACKAGE for path in package.rglob(pattern)]
    of_tree = {f"mmap_rs/{path.relative_to(package).as_posix()}": path for path in sources}
    of_tree |= {f"{info}/licenses/{part}": ROOT / part for part in LICENCES}
    of_tree[f"{info}/sboms/{SBOM}"] = ROOT / "sbom" / SBOM
    own = {ROOT / part: text.encode() for part, text in (papers or {}).items()}

    def lines_of(part: str) -> list[str]:
        return files.get(part, b"").decode().splitlines()

    made = {f"{info}/{part}" for part in ("METADATA", "WHEEL", "RECORD", "entry_points.txt")}
    compiled = [part for part in files if re.fullmatch(r"mmap_rs/_mmap_rs\.[\w.-]*(so|pyd)", part)]
    found = [f"it has no {part}" for part in sorted({*of_tree, *made} - set(files))]
    found += [f"it should not have {part}" for part in sorted(set(files) - {*of_tree, *made, *compiled})]
    found += [
        f"its {part} is not the tree's"
        for part, path in of_tree.items()
        if part in files and files[part] != own.get(path, path.read_bytes())
    ]
    wheel = lines_of(f"{info}/WHEEL")
    if "Root-Is-Purelib: false" not in wheel:
        found.append("its WHEEL does not say Root-Is-Purelib: false, for a compiled module")
    if lines_of(f"{info}/entry_points.txt") != entry_points():
        found.append("its entry points are not those of pyproject.toml")
    tags = {line.removeprefix("Tag: ") for line in wheel if line.startswith("Tag: ")}
    pythons, abis, platforms = (part.split(".") for part in name.removesuffix(".whl").split("-")[-3:])
    named = {"-".join(tag) for tag in itertools.product(pythons, abis, platforms)}
    found += [f"its WHEEL and its name differ in the tag {tag}" for tag in sorted(tags ^ named)]
    if not name.startswith(f"mmap_rs-{wanted}-"):
        found.append(f"it is not of version {wanted}")
    if len(compiled) != 1:
        found.append(f"it has {len(compiled)} compiled modules instead of one")
    if size > LIMIT:
        found.append(f"it has {size / 1024:.1f} KiB, and {LIMIT // 1024} are allowed")
    said, lines = lines_of(f"{info}/METADATA"), (*METADATA, f"Version: {wanted}")
    found += [f"its metadata don't say {line}" for line in lines if line not in said]
    needs = [line for line in said if line.startswith("Requires-Dist: ") and "; extra == " not in line]
    found += [f"its metadata ask for more than Python: {line}" for line in needs]
    if papers is not None:
        found += [
            f"{part} names a folder of the machine that built it ({private.decode()})"
            for part in compiled
            for private in PRIVATE
            if private in files[part]
        ]
        listed = files.get(f"{info}/sboms/{SBOM}", b"").decode()
        found += [
            f"its list of components does not name {crate} {of}"
            for part in compiled
            for crate, of in sorted(set(CRATE.findall(files[part].decode("latin-1"))))
            if f'"pkg:cargo/{crate}@{of}"' not in listed
        ]
    return found


def inspect(wheel: Path) -> str:
    """Hold a wheel to all rules; return what was found, or raise `Failed` with what is wrong."""
    # They need libraries; the rules above do without.
    from installer.sources import WheelFile

    from tools import notices
    from tools.tiers import inspection

    with WheelFile.open(wheel) as source:
        source.validate_record()
    if any(
        PLACEHOLDER.encode() in text for part, text in content(wheel).items() if part.endswith("/METADATA")
    ):
        raise Failed(
            f"{wheel.name}: its metadata lead to {PLACEHOLDER}: see `python -m tools.release address`"
        )
    if (of := meant(wheel.name)) is None:
        raise Failed(f"{wheel.name}: tiers.toml has no such wheel")
    papers = notices.of_wheel(*of)
    return inspection.inspect(wheel, *of, papers)


def main(words: list[str] | None = None) -> int:
    """Inspect wheels, print a line for each, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    wheels = sorted(parser.parse_args(words).folder.glob("*.whl"))
    status = 0 if wheels else 1
    for wheel in wheels:
        try:
            print(inspect(wheel))
        except (Failed, ValueError) as error:
            print(error, file=sys.stderr)
            status = 1
    print(f"{len(wheels)} wheels checked")
    return status


if __name__ == "__main__":
    sys.exit(main())
