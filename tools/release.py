"""Prepare and check releases; docs/releasing.md tells the way.

prepare VERSION   write the version and the changelog's section, commit, tag; nothing is pushed
check REF         fail unless a ref is no tag of a version, or is the tag of this tree's version
complete FOLDER   fail unless every file of a release is in a folder
page TAG FOLDER   make the release page of a tag with the changelog's section and all files
"""

import argparse
import datetime as dt
import re
import subprocess
import sys
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "tiers"))

from build_wheel import is_of
from inspect_wheel import version
from targets import ROOT, load

NUMBER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
UNRELEASED = "## [Unreleased]"
# All that `prepare` changes.
CHANGED = ("CHANGELOG.md", "Cargo.toml", "Cargo.lock", "sbom/mmap-rs.cdx.json", "THIRD-PARTY.md")


class Refused(Exception):  # noqa: N818 - it is said to the user, as the end of the program
    """Why nothing was done."""


def git(*words: str) -> str:
    """Run git in the tree and return what it prints."""
    done = subprocess.run(
        ["git", *words], cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8", check=True
    )
    return done.stdout.strip()


def number(text: str) -> tuple[int, ...]:
    """Return a version as numbers: `1.2.3` and nothing else."""
    if not NUMBER.fullmatch(text):
        raise Refused(f"{text!r} is no version: write three numbers, as in VERSION=1.2.3")
    return tuple(int(part) for part in text.split("."))


def tags() -> list[str]:
    """Return the versions that have tags, oldest first."""
    found = [name.removeprefix("v") for name in git("tag", "--list", "v*").splitlines()]
    return sorted(filter(NUMBER.fullmatch, found), key=number)


def upstream_pin(manifest: str) -> str:
    """Return the version of upstream's crate in the text of a Cargo.toml: an exact one."""
    needed = str(tomllib.loads(manifest)["workspace"]["dependencies"]["mmap-rs"])
    if not needed.startswith("="):
        raise Refused(f"Cargo.toml must name one version of mmap-rs (=1.2.3), and not {needed!r}")
    return needed.removeprefix("=")


def refuse_wrong_version(wanted: str) -> None:
    """Check a new version against this tree, its tags, and the policy on upstream's versions."""
    new, current, released = number(wanted), number(version()), tags()
    if wanted in released:
        raise Refused(f"there is a tag v{wanted} already")
    if new < current or (released and new <= number(released[-1])):
        newest = released[-1] if released else version()
        raise Refused(f"{wanted} is not newer than {newest}")
    if not released:
        return
    before = upstream_pin(git("show", f"v{released[-1]}:Cargo.toml"))
    pin = upstream_pin((ROOT / "Cargo.toml").read_text(encoding="utf-8"))
    if pin != before and new[:2] == number(released[-1])[:2]:
        raise Refused(
            f"mmap-rs changed from {before} to {pin} since {released[-1]}, so that the release needs a new "
            f"minor version, and {wanted} has none"
        )


def section(changelog: str, title: str) -> str:
    """Return the text of a changelog's section, without its head."""
    found = re.search(
        rf"^## \[{re.escape(title)}\][^\n]*\n(.*?)(?=^## \[|^\[[^\]]+\]: |\Z)",
        changelog,
        re.MULTILINE | re.DOTALL,
    )
    return found[1].strip() if found else ""


def released_changelog(changelog: str, wanted: str, day: str) -> str:
    """Return the changelog with what is unreleased as the section of a version."""
    if not section(changelog, "Unreleased"):
        raise Refused("CHANGELOG.md says nothing under 'Unreleased': write there what changes")
    if section(changelog, wanted):
        raise Refused(f"CHANGELOG.md has a section of {wanted} already")
    return changelog.replace(UNRELEASED, f"{UNRELEASED}\n\n## [{wanted}] - {day}", 1)


def write_version(wanted: str) -> None:
    """Write the version to its one place, Cargo.toml, and to what is made from it."""
    path = ROOT / "Cargo.toml"
    text = path.read_text(encoding="utf-8")
    new = re.sub(
        r'(?<=^\[workspace\.package\]\n)version = "[^"]*"$',
        f'version = "{wanted}"',
        text,
        flags=re.MULTILINE,
    )
    path.write_text(new, encoding="utf-8", newline="\n")
    subprocess.run(["cargo", "update", "--quiet", "--workspace", "--offline"], cwd=ROOT, check=True)
    subprocess.run([sys.executable, str(ROOT / "tools" / "notices.py")], cwd=ROOT, check=True)


def prepare(wanted: str, *, dry: bool, branch: str) -> None:
    """Make the commit and the tag of a release; with `dry`, show what they would be and undo it."""
    refuse_wrong_version(wanted)
    if git("status", "--porcelain"):
        raise Refused("there are changes that are not committed: see git status")
    here = git("rev-parse", "--abbrev-ref", "HEAD")
    if here != branch:
        raise Refused(f"releases are made on the branch {branch}, and this is {here}")
    path = ROOT / "CHANGELOG.md"
    day = dt.datetime.now(dt.UTC).date().isoformat()
    text = released_changelog(path.read_text(encoding="utf-8"), wanted, day)
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
        write_version(wanted)
        changed = git("diff", "--name-only").splitlines()
        unexpected = set(changed) - set(CHANGED)
        if unexpected:
            raise Refused(f"more than the version changed: {', '.join(sorted(unexpected))}")
        if dry:
            print(git("diff"))
            print(f"this would be the commit of {wanted}; nothing was changed")
            return
        git("add", *changed)
        git("commit", "--quiet", "--message", f"Release {wanted}")
        git("tag", "--annotate", f"v{wanted}", "--message", f"mmap-rs {wanted}")
    finally:
        # After a commit there is nothing to restore.
        git("checkout", "--quiet", "HEAD", "--", *CHANGED)
    print(
        f"""The commit and the tag v{wanted} are made, here only. Look at them:
    git show v{wanted}
What publishes them (see docs/releasing.md):
    git push origin {branch} v{wanted}
What takes them back:
    git tag --delete v{wanted} && git reset --hard HEAD~1"""
    )


def check(ref: str) -> None:
    """Compare the tag that a run is for with the version that it would publish."""
    tag = ref.removeprefix("refs/tags/")
    if tag == ref:
        print(f"{ref} is no tag: nothing will be published")
    elif tag != f"v{version()}":
        raise Refused(f"the tag {tag} is not of this tree, whose version is {version()}")
    elif not section((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version()):
        raise Refused(f"CHANGELOG.md has no section of {version()}")
    else:
        print(f"the tag {tag} is the version's, and the changelog has its section")


def complete(folder: Path) -> None:
    """Compare the files of a folder with tiers.toml: every wheel and the source distribution, and no more."""
    left = {path.name for path in folder.iterdir()}
    missing: list[str] = []
    for target in load():
        for kind in target.pythons if target.release.build != "none" else ():
            wheels = {
                name
                for name in left
                if name.startswith(f"mmap_rs-{version()}-") and is_of(name, target, kind)
            }
            if len(wheels) != 1:
                missing.append(f"{len(wheels)} wheels instead of one for {target.triple}, {kind}")
            left -= wheels
    source = f"mmap_rs-{version()}.tar.gz"
    if source not in left:
        missing.append(f"no {source}")
    missing += [f"{name} is of no target" for name in sorted(left - {source})]
    if missing:
        raise Refused("\n".join(missing))
    print(f"all files of {version()} are there, and no other")


def page(tag: str, folder: Path) -> None:
    """Make the release page of a tag."""
    text = section((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), tag.removeprefix("v"))
    files = sorted(str(path) for path in folder.iterdir())
    command = ["gh", "release", "create", tag, "--verify-tag", "--title", f"mmap-rs {tag[1:]}"]
    subprocess.run([*command, "--notes", text, *files], cwd=ROOT, check=True)


def main(words: list[str] | None = None) -> int:
    """Run a command; status 0: done, 1: refused, with the reason, 2: a wrong command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(";", maxsplit=1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    preparing = commands.add_parser("prepare", help="make the commit and the tag")
    preparing.add_argument("version", metavar="VERSION")
    preparing.add_argument("--dry-run", action="store_true", help="show the commit, make none")
    preparing.add_argument("--branch", default="main", help="the branch that releases are made on")
    commands.add_parser("check", help="compare a tag with the version").add_argument("ref")
    commands.add_parser("complete", help="look for all files").add_argument("folder", type=Path)
    paging = commands.add_parser("page", help="make the release page")
    paging.add_argument("tag")
    paging.add_argument("folder", type=Path)
    given = parser.parse_args(words)
    try:
        if given.command == "prepare":
            prepare(given.version, dry=given.dry_run, branch=given.branch)
        elif given.command == "check":
            check(given.ref)
        elif given.command == "complete":
            complete(given.folder)
        else:
            page(given.tag, given.folder)
    except Refused as reason:
        print(f"refused: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
