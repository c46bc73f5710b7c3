"""Prepare and check releases; docs/releasing.md tells the way.

prepare VERSION   write the version and the changelog's section, commit, tag; nothing is pushed
check REF         fail unless a ref is no tag of a version, or is the tag of this tree's version
complete FOLDER   fail unless every file of a release is in a folder, and no other
page TAG FOLDER   make the release page of a tag with the changelog's section and all files
address URL       write where the repository is, into pyproject.toml and the links of README.md

Our own, as cargo-release and bump-my-version don't know the policy on upstream's versions, nor tiers.toml.
"""

import argparse
import datetime as dt
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NoReturn

from tools.build_wheel import meant
from tools.inspect_wheel import PLACEHOLDER, repository, version
from tools.tiers.targets import ROOT, load

NUMBER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
CHANGELOG = ROOT / "CHANGELOG.md"
UNRELEASED = "## [Unreleased]"
# All that `prepare` changes.
CHANGED = ("CHANGELOG.md", "Cargo.toml", "Cargo.lock", "sbom/mmap-rs.cdx.json", "THIRD-PARTY.md")

# The files with the address of the repository.
ADDRESSED = ("README.md", "pyproject.toml")


def refuse(reason: str) -> NoReturn:
    """End the program, and say why nothing was done."""
    raise SystemExit(f"refused: {reason}")


def git(*words: str) -> str:
    """Run git in the tree and return what it prints."""
    return subprocess.check_output(["git", *words], cwd=ROOT, encoding="utf-8").strip()


def number(text: str) -> tuple[int, ...]:
    """Return a version as numbers: `1.2.3` and nothing else."""
    if not NUMBER.fullmatch(text):
        refuse(f"{text!r} is no version: write three numbers, as in VERSION=1.2.3")
    return tuple(int(part) for part in text.split("."))


def upstream_pin(manifest: str) -> str:
    """Return the version of upstream's crate in the text of a Cargo.toml: an exact one."""
    needed = str(tomllib.loads(manifest)["workspace"]["dependencies"]["mmap-rs"])
    if not needed.startswith("="):
        refuse(f"Cargo.toml must name one version of mmap-rs (=1.2.3), and not {needed!r}")
    return needed.removeprefix("=")


def refuse_wrong_version(wanted: str) -> None:
    """Check a new version against this tree, its tags, and the policy on upstream's versions."""
    new = number(wanted)
    tags = [name.removeprefix("v") for name in git("tag", "--list", "v*").splitlines()]
    released = sorted(filter(NUMBER.fullmatch, tags), key=number)
    if wanted in released:
        refuse(f"there is a tag v{wanted} already")
    newest = max([version(), *released], key=number)
    if new < number(newest):
        refuse(f"{wanted} is not newer than {newest}")
    if not released:
        return
    before = upstream_pin(git("show", f"v{released[-1]}:Cargo.toml"))
    pin = upstream_pin((ROOT / "Cargo.toml").read_text(encoding="utf-8"))
    if pin != before and new[:2] == number(released[-1])[:2]:
        since = f"mmap-rs changed from {before} to {pin} since {released[-1]}"
        refuse(f"{since}, so that this needs a new minor version, and not {wanted}")


def refuse_placeholder() -> None:
    """Check that the repository's address is known, as every link of the package's page needs it."""
    if any(PLACEHOLDER in (ROOT / name).read_text(encoding="utf-8") for name in ADDRESSED):
        refuse(
            f"the repository's address is not known, and {PLACEHOLDER} stands in its place: "
            "run `python -m tools.release address URL`, and commit"
        )


def address(url: str) -> None:
    """Write the repository's address in place of the one that is there."""
    if not re.fullmatch(r"https://[\w.-]+(/[\w.-]+)+", url):
        refuse(f"{url!r} is not the address of a repository: https://HOST/OWNER/NAME, without a / at the end")
    before = repository()
    for name in ADDRESSED:
        path = ROOT / name
        text = re.sub(rf"{re.escape(before)}(?=[/\")])", url, path.read_text(encoding="utf-8"))
        path.write_text(text, encoding="utf-8", newline="\n")


def section(changelog: str, title: str) -> str:
    """Return the text of a changelog's section, without its head."""
    form = rf"(?ms)^## \[{re.escape(title)}\][^\n]*\n(.*?)(?=^## \[|^\[[^\]]+\]: |\Z)"
    found = re.search(form, changelog)
    return found[1].strip() if found else ""


def released_changelog(changelog: str, wanted: str, day: str) -> str:
    """Return the changelog with what is unreleased as the section of a version."""
    if not section(changelog, "Unreleased"):
        refuse("CHANGELOG.md says nothing under 'Unreleased': write there what changes")
    if section(changelog, wanted):
        refuse(f"CHANGELOG.md has a section of {wanted} already")
    return changelog.replace(UNRELEASED, f"{UNRELEASED}\n\n## [{wanted}] - {day}", 1)


def write_version(wanted: str) -> None:
    """Write the version to its one place, Cargo.toml, and to what is made from it."""
    # What follows works offline, so that no version of a crate changes.
    subprocess.run(["cargo", "fetch", "--locked", "--quiet"], cwd=ROOT, check=True)
    path = ROOT / "Cargo.toml"
    place = r'(?m)(?<=^\[workspace\.package\]\n)version = "[^"]*"$'
    new = re.sub(place, f'version = "{wanted}"', path.read_text(encoding="utf-8"))
    path.write_text(new, encoding="utf-8", newline="\n")
    subprocess.run(["cargo", "update", "--quiet", "--workspace", "--offline"], cwd=ROOT, check=True)
    subprocess.run([sys.executable, "-m", "tools.notices"], cwd=ROOT, check=True)


def prepare(wanted: str, *, dry_run: bool) -> None:
    """Make the commit and the tag of a release; in a dry run, show what they would be and undo it."""
    refuse_placeholder()
    refuse_wrong_version(wanted)
    if git("status", "--porcelain"):
        refuse("there are changes that are not committed: see git status")
    here = git("rev-parse", "--abbrev-ref", "HEAD")
    if here != "main":
        refuse(f"releases are made on the branch main, and this is {here}")
    day = dt.datetime.now(dt.UTC).date().isoformat()
    text = released_changelog(CHANGELOG.read_text(encoding="utf-8"), wanted, day)
    try:
        CHANGELOG.write_text(text, encoding="utf-8", newline="\n")
        write_version(wanted)
        changed = git("diff", "--name-only").splitlines()
        if unexpected := set(changed) - set(CHANGED):
            refuse(f"more than the version changed: {', '.join(sorted(unexpected))}")
        if dry_run:
            print(git("diff"))
            print(f"this would be the commit of {wanted}; nothing was changed")
            return
        git("add", *changed)
        git("commit", "--quiet", "--message", f"Release {wanted}")
        git("tag", "--annotate", f"v{wanted}", "--message", f"mmap-rs {wanted}")
    finally:
        # After a commit there is nothing to restore.
        git("checkout", "--quiet", "HEAD", "--", *CHANGED)
    print(f"The commit and the tag are made, here only. Look at them: git show v{wanted}")
    print(f"What publishes them (see docs/releasing.md): git push origin main v{wanted}")
    print(f"What takes them back: git tag --delete v{wanted} && git reset --hard HEAD~1")


def check(ref: str) -> None:
    """Compare the tag that a run is for with the version that it would publish."""
    tag = ref.removeprefix("refs/tags/")
    if tag == ref:
        print(f"{ref} is no tag: nothing will be published")
    elif tag != f"v{version()}":
        refuse(f"the tag {tag} is not of this tree, whose version is {version()}")
    elif not section(CHANGELOG.read_text(encoding="utf-8"), version()):
        refuse(f"CHANGELOG.md has no section of {version()}")
    else:
        refuse_placeholder()


def complete(folder: str) -> None:
    """Compare the files of a folder with tiers.toml: every wheel and the source distribution, and no more."""
    head, names = f"mmap_rs-{version()}", {path.name for path in Path(folder).iterdir()}
    source = f"{head}.tar.gz"
    wrong = [] if source in names else [f"no {source}"]
    found = {name: meant(name) if name.startswith(f"{head}-") else None for name in sorted(names - {source})}
    wanted = [(target, kind) for target in load() for kind in target.pythons]
    wrong += [
        f"{count} wheels instead of one for {target.triple}, {kind}"
        for target, kind in wanted
        if (count := [*found.values()].count((target, kind))) != 1
    ]
    wrong += [f"{name} is no wheel of {version()} for a target" for name, of in found.items() if of is None]
    if wrong:
        refuse("\n".join(wrong))
    print(f"all files of {version()} are there, and no other")


def page(tag: str, folder: str) -> None:
    """Make the release page of a tag."""
    text = section(CHANGELOG.read_text(encoding="utf-8"), tag.removeprefix("v"))
    files = sorted(str(path) for path in Path(folder).iterdir())
    command = ["gh", "release", "create", tag, "--verify-tag", "--title", f"mmap-rs {tag[1:]}"]
    subprocess.run([*command, "--notes", text, *files], cwd=ROOT, check=True)


def main(words: list[str] | None = None) -> None:
    """Run a command; status 0: done, 1: refused, with the reason, 2: a wrong command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    for run, *arguments in (
        (prepare, "wanted"),
        (check, "ref"),
        (complete, "folder"),
        (page, "tag", "folder"),
        (address, "url"),
    ):
        command = commands.add_parser(run.__name__)
        command.set_defaults(run=run)
        for argument in arguments:
            command.add_argument(argument)
        if run is prepare:
            command.add_argument("--dry-run", action="store_true")
    given = vars(parser.parse_args(words))
    given.pop("run")(**given)


if __name__ == "__main__":
    main()
