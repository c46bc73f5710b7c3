"""Write what a wheel says of the Rust crates that are compiled into it: `make notices`.

THIRD-PARTY.md holds their licences, sbom/mmap-rs.cdx.json lists them for programs (CycloneDX). In the tree
both are of all targets of tiers.toml together; a released wheel gets those of its own target, with Rust's
standard library and the compiler. They hold nothing of the machine or the day. With `--check` nothing is
written, and the exit status is 1 if a file is not what it would be.

Our own, as maturin's and cargo-cyclonedx's lists name the folder and the time of the build and leave out
Rust's library, and cargo-about would have to be compiled, with 500 crates.
"""

import argparse
import json
import re
import subprocess
import sys
import tomllib
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tools import build_wheel, renew
from tools.tiers.targets import ROOT, Target, load

# Where a crate may be had under one of several licences, the first of these that it names; its file.
FILES = {"MIT": "LICENSE-MIT", "Apache-2.0": "LICENSE-APACHE", "Unlicense": "UNLICENSE"}
USUAL = ("LICENSE", "LICENSE.TXT", "LICENSE.MD", "COPYING")
# A package as Cargo describes it.
Package = dict[str, Any]


def purl(package: Package) -> str:
    """Return the package URL, which names a crate to programs."""
    crate = f"pkg:cargo/{quote(package['name'])}@{quote(package['version'], safe='')}"
    return str(package.get("purl", crate))


def linked(
    triples: Sequence[str], features: Sequence[str]
) -> tuple[Package, list[Package], dict[str, list[str]]]:
    """Return this package, the crates in its module, and what each of them needs, by their URLs."""
    platforms = [word for triple in triples for word in ("--filter-platform", triple)]
    command = ["cargo", "metadata", "--locked", *features, "--format-version", "1"]
    done = subprocess.run([*command, *platforms], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    found = json.loads(done.stdout)
    packages: dict[str, Package] = {package["id"]: package for package in found["packages"]}
    for package in packages.values():
        package["license"] = (package["license"] or "").replace("/", " OR ")

    def is_linked(needed: dict[str, Any]) -> bool:
        """Tell what is a normal dependency: macros, build scripts and tests are not in the wheel."""
        kinds = [kind for made in packages[needed["pkg"]]["targets"] for kind in made["kind"]]
        ways = [way["target"] for way in needed["dep_kinds"] if way["kind"] is None]
        return "proc-macro" not in kinds and any(way != "cfg(loom)" for way in ways)

    needs: dict[str, list[str]] = {
        node["id"]: [needed["pkg"] for needed in node["deps"] if is_linked(needed)]
        for node in found["resolve"]["nodes"]
    }
    (root,) = (key for key, package in packages.items() if package["name"] == "mmap-rs-python")
    seen: set[str] = set()
    queue = [root]
    while queue:
        key = queue.pop()
        if key not in seen:
            seen.add(key)
            queue += needs[key]
    own = {key for key in seen if packages[key]["source"] is None}
    others = seen - own
    graph = {purl(packages[key]): sorted(purl(packages[at]) for at in needs[key]) for key in others}
    direct = {needed for key in own for needed in needs[key]} - own
    graph[""] = sorted(purl(packages[key]) for key in direct)
    crates = [packages[key] for key in others]
    return (packages[root], sorted(crates, key=lambda crate: (crate["name"], crate["version"])), graph)


def licence_text(crate: Package) -> tuple[str, str]:
    """Return the licence that is chosen for a crate, and its text as the crate has it."""
    named = re.findall(r"[\w.-]+", crate["license"])
    chosen = next(name for name in (*FILES, "Unicode-3.0") if name in named)
    folder = Path(crate["manifest_path"]).parent
    files = {path.name.upper(): path for path in folder.iterdir() if path.is_file()}
    for name in (FILES.get(chosen, ""), *USUAL):
        if name in files:
            lines = files[name].read_text(encoding="utf-8").expandtabs().splitlines()
            return chosen, "\n".join(line.rstrip() for line in lines).strip("\n")
    raise SystemExit(f"no text of the licence {chosen} in {folder}")


def paper(crates: list[Package]) -> str:
    """Return THIRD-PARTY.md: each text once, with the crates that it is for."""
    texts: dict[tuple[str, str], list[Package]] = {}
    for crate in crates:
        texts.setdefault(licence_text(crate), []).append(crate)
    parts = [(ROOT / "sbom" / "THIRD-PARTY.head.md").read_text("utf-8").rstrip("\n")]
    for (licence, text), users in texts.items():
        names = dict.fromkeys(crate["name"] for crate in users)
        lines: list[str] = []
        for crate in users:
            authors = ", ".join(re.sub(r" <.*?>", "", author) for author in crate["authors"])
            line = f"- {crate['name']} {crate['version']} ({crate['license']}), {authors}"
            lines.append(line.removesuffix(", "))
        parts += [f"## {licence}: {', '.join(names)}", "\n".join(lines), f"```text\n{text}\n```"]
    return "\n\n".join(parts) + "\n"


def component(crate: Package, checksums: dict[tuple[str, str], str]) -> dict[str, Any]:
    """Return a crate, or what stands for one, as CycloneDX has it."""
    about = {"type": crate.get("type", "library"), "bom-ref": purl(crate), "name": crate["name"]}
    about |= {"version": crate["version"], "scope": crate.get("scope", "required")}
    if checksum := checksums.get((crate["name"], crate["version"])):
        about["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    about |= {"licenses": [{"expression": crate["license"]}], "purl": purl(crate)}
    places = [{"type": "vcs", "url": crate["repository"]}] if "repository" in crate else []
    return {**about, **({"externalReferences": places} if places else {})}


def bill(root: Package, crates: list[Package], graph: dict[str, list[str]]) -> str:
    """Return the list of components in the form of CycloneDX 1.6."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))["package"]
    checksums = {(it["name"], it["version"]): it["checksum"] for it in lock if "checksum" in it}
    own = f"pkg:pypi/mmap-rs@{root['version']}"
    components = [component(crate, checksums) for crate in crates]
    identity = json.dumps([own, components], sort_keys=True)
    whole = {"type": "library", "bom-ref": own, "name": "mmap-rs", "version": root["version"]}
    whole |= {"licenses": [{"expression": root["license"]}], "purl": own}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        # Made of the content: the same content has the same number.
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, identity)}",
        "version": 1,
        "metadata": {"component": whole},
        "components": components,
        "dependencies": [
            {"ref": name or own, "dependsOn": graph.get(name, [])} for name in ["", *map(purl, crates)]
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def of_wheel(target: Target, python: str) -> dict[str, str]:
    """Return both files for one wheel of a release, by their names in the tree."""
    own = build_wheel.FEATURES.get(python)
    features = [] if own is None else ["--no-default-features", "--features", own]
    root, crates, graph = linked([target.triple], features)
    data = tomllib.loads((ROOT / "sbom" / "rust-std.toml").read_text(encoding="utf-8"))
    text = (ROOT / "sbom" / "THIRD-PARTY.rust.md").read_text("utf-8")
    family = "windows" if target.system == "windows" else "unix"
    library: list[Package] = [it for it in data["crate"] if it["systems"] in {"all", family}]
    lines = [f"- {it['name']} {it['version']} ({it['license']})" for it in library]
    rust: Package = {"version": data["rust"], "license": "MIT OR Apache-2.0"}
    std, rustc = {**rust, "name": "rust-std"}, {**rust, "name": "rustc"}
    std["purl"], rustc["purl"] = (f"pkg:generic/{it['name']}@{data['rust']}" for it in (std, rustc))
    # It made the module, and is not in it.
    rustc |= {"type": "application", "scope": "excluded"}
    known = {purl(it) for it in crates}
    more = [*(it for it in library if purl(it) not in known), std, rustc]
    graph |= {"": [*graph[""], purl(std)], purl(std): [purl(it) for it in library]}
    return {
        "THIRD-PARTY.md": "\n".join([paper(crates), text.format(rust=data["rust"]), *lines, ""]),
        "sbom/mmap-rs.cdx.json": bill(root, [*crates, *more], graph),
    }


def main(words: list[str] | None = None) -> int:
    """Write or check both files, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":", maxsplit=1)[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if anything differs")
    check: bool = parser.parse_args(words).check
    root, crates, graph = linked([target.triple for target in load()], ["--all-features"])
    wanted = {"THIRD-PARTY.md": paper(crates), "sbom/mmap-rs.cdx.json": bill(root, crates, graph)}
    return renew({ROOT / name: text for name, text in wanted.items()}, "make notices", check=check)


if __name__ == "__main__":
    sys.exit(main())
