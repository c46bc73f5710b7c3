"""Write what a wheel says of the Rust crates that are compiled into it: `make notices`.

THIRD-PARTY.md holds their licences, which a wheel carries beside the project's own. sbom/mmap-rs.cdx.json
is a list for programs (CycloneDX; a wheel carries it in its folder `sboms`). Both are made from Cargo.lock
and the crates' own files, for all targets of tiers.toml together, and hold nothing of the machine or the
day. With `--check` nothing is written, and the exit status is 1 if a file is not what it would be.
"""

import argparse
import json
import re
import subprocess
import sys
import tomllib
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parent / "tiers"))

from targets import ROOT, load

PAPER = ROOT / "THIRD-PARTY.md"
LIST = ROOT / "sbom" / "mmap-rs.cdx.json"
# Where a crate may be had under one of several licences, the first of these that it names.
PREFERRED = ("MIT", "Apache-2.0", "Unicode-3.0", "Unlicense")
FILES = {"MIT": "LICENSE-MIT", "Apache-2.0": "LICENSE-APACHE", "Unlicense": "UNLICENSE"}

HEAD = """# Licences of other authors' code

The compiled module of this package contains code of the crates below, depending on the system, and of the
Rust standard library (MIT OR Apache-2.0, The Rust Project contributors). Where a crate may be used under one
of several licences, it is used here under the one whose text follows. `make notices` writes this file."""


@dataclass(frozen=True)
class Crate:
    """A crate of other authors that is part of the compiled module on some target."""

    name: str
    version: str
    expression: str
    authors: str
    repository: str
    checksum: str
    folder: Path
    needs: tuple[str, ...]

    @property
    def purl(self) -> str:
        """The package URL, which names the crate to programs."""
        return f"pkg:cargo/{quote(self.name)}@{quote(self.version, safe='')}"


def metadata() -> dict[str, Any]:
    """Ask Cargo for the packages of all targets."""
    platforms = [word for target in load() for word in ("--filter-platform", target.triple)]
    command = ["cargo", "metadata", "--locked", "--all-features", "--format-version", "1"]
    done = subprocess.run([*command, *platforms], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def linked(found: dict[str, Any]) -> tuple[dict[str, Any], list[Crate], set[str]]:
    """Return the module's package, the crates compiled into it, and which of them it names itself."""
    packages = {package["id"]: package for package in found["packages"]}
    nodes = {node["id"]: node for node in found["resolve"]["nodes"]}
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))
    checksums = {(p["name"], p["version"]): p.get("checksum", "") for p in lock["package"]}

    def dependencies(key: str) -> list[str]:
        """Return the normal ones: macros, build scripts and tests are not in the wheel."""
        return [
            dependency["pkg"]
            for dependency in nodes[key]["deps"]
            if any(
                kind["kind"] is None and kind["target"] != "cfg(loom)"
                for kind in dependency["dep_kinds"]
            )
            and not any(
                "proc-macro" in made["kind"] for made in packages[dependency["pkg"]]["targets"]
            )
        ]

    (root,) = (package for package in found["packages"] if package["name"] == "mmap-rs-python")
    seen: set[str] = set()
    queue = [root["id"]]
    while queue:
        key = queue.pop()
        if key not in seen:
            seen.add(key)
            queue += dependencies(key)

    def named(key: str) -> str:
        return f"{packages[key]['name']}@{packages[key]['version']}"

    own = [key for key in seen if packages[key]["source"] is None]
    direct = {named(other) for key in own for other in dependencies(key) if other not in own}
    crates = [
        Crate(
            name=package["name"],
            version=package["version"],
            expression=package["license"].replace("/", " OR "),
            authors=", ".join(re.sub(r" <.*?>", "", author) for author in package["authors"]),
            repository=package["repository"] or "",
            checksum=checksums[package["name"], package["version"]],
            folder=Path(package["manifest_path"]).parent,
            needs=tuple(sorted(named(other) for other in dependencies(package["id"]))),
        )
        for package in (packages[key] for key in seen)
        if package["source"] is not None
    ]
    return root, sorted(crates, key=lambda crate: (crate.name, crate.version)), direct


def licence_text(crate: Crate) -> tuple[str, str]:
    """Return the licence that is chosen for a crate, and its text as the crate has it."""
    named = re.findall(r"[\w.-]+", crate.expression)
    chosen = next(name for name in PREFERRED if name in named)
    files = {path.name.upper(): path for path in crate.folder.iterdir() if path.is_file()}
    for name in (FILES.get(chosen, ""), "LICENSE", "LICENSE.TXT", "LICENSE.MD", "COPYING"):
        if name in files:
            lines = files[name].read_text(encoding="utf-8").expandtabs().splitlines()
            return chosen, "\n".join(line.rstrip() for line in lines).strip("\n")
    raise SystemExit(
        f"{crate.name} {crate.version}: no text of its licence {chosen} in {crate.folder}"
    )


def paper(crates: list[Crate]) -> str:
    """Return THIRD-PARTY.md: each text once, with the crates that it is for."""
    texts: dict[tuple[str, str], list[Crate]] = {}
    for crate in crates:
        texts.setdefault(licence_text(crate), []).append(crate)
    parts = [HEAD]
    for (name, text), users in sorted(texts.items(), key=lambda item: item[1][0].name):
        heads = [
            f"- {crate.name} {crate.version} ({crate.expression})"
            + (f", {crate.authors}" if crate.authors else "")
            for crate in users
        ]
        parts += [
            f"## {name}: {', '.join(dict.fromkeys(crate.name for crate in users))}",
            "\n".join(heads),
        ]
        parts += [f"```text\n{text}\n```"]
    return "\n\n".join(parts) + "\n"


def bill(root: dict[str, Any], crates: list[Crate], direct: set[str]) -> str:
    """Return the list of components in the form of CycloneDX 1.6."""
    known = {f"{crate.name}@{crate.version}": crate.purl for crate in crates}
    own = f"pkg:pypi/mmap-rs@{root['version']}"
    components = [
        {
            "type": "library",
            "bom-ref": crate.purl,
            "name": crate.name,
            "version": crate.version,
            "scope": "required",
            "hashes": [{"alg": "SHA-256", "content": crate.checksum}],
            "licenses": [{"expression": crate.expression}],
            "purl": crate.purl,
            **(
                {"externalReferences": [{"type": "vcs", "url": crate.repository}]}
                if crate.repository
                else {}
            ),
        }
        for crate in crates
    ]
    graph = [{"ref": own, "dependsOn": sorted(known[name] for name in direct)}]
    graph += [
        {
            "ref": crate.purl,
            "dependsOn": sorted(known[need] for need in crate.needs if need in known),
        }
        for crate in crates
    ]
    identity = json.dumps([own, components], sort_keys=True)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        # Made of the content: the same content has the same number.
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, identity)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": own,
                "name": "mmap-rs",
                "version": root["version"],
                "licenses": [{"expression": root["license"]}],
                "purl": own,
            }
        },
        "components": components,
        "dependencies": graph,
    }
    return json.dumps(document, indent=1) + "\n"


def main(words: list[str] | None = None) -> int:
    """Write or check both files, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":", maxsplit=1)[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; status 1 if anything differs"
    )
    check: bool = parser.parse_args(words).check
    root, crates, direct = linked(metadata())
    differ = False
    for path, text in ((PAPER, paper(crates)), (LIST, bill(root, crates, direct))):
        name = path.relative_to(ROOT).as_posix()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        differ = True
        if check:
            print(f"{name} is not what the crates say: run make notices", file=sys.stderr)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            print(f"{name}: written")
    print(f"notices: {len(crates)} crates")
    return int(check and differ)


if __name__ == "__main__":
    sys.exit(main())
