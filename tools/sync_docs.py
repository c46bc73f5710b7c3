"""Write the docstrings of the compiled module into its stubs, where editors and the site read them.

The text is typed once: in the `///` comments of `src/` for what is compiled, in `_flags.py` for the flags.
With `--check` nothing is written, and the exit status is 1 if anything differs.

Our own, as docify adds docstrings, but replaces none, and repeats them for overloads and what is inherited.
"""

import argparse
import ast
import importlib
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools import renew
from tools.tiers.targets import ROOT

STUBS = {"_mmap_rs.pyi": "mmap_rs._mmap_rs", "_flags.pyi": "mmap_rs._flags"}


def documented(tree: ast.Module) -> dict[str, ast.ClassDef | ast.FunctionDef]:
    """Return the classes and methods that have docstrings of their own, by their dotted names."""
    found: dict[str, ast.ClassDef | ast.FunctionDef] = {}
    for owner in tree.body:
        if isinstance(owner, ast.ClassDef):
            found[owner.name] = owner
            for member in owner.body:
                if isinstance(member, ast.FunctionDef) and not member.name.startswith("__"):
                    # Only the first of several overloads: the others would repeat it.
                    found.setdefault(f"{owner.name}.{member.name}", member)
    return found


def runtime_text(module: str) -> Callable[[str], str | None]:
    """Return what gives the docstring of a dotted name in a module, if it has its own."""
    classes = dict(vars(importlib.import_module(module)))
    if "Mapping" in classes:
        # The bases that are not public: the module does not hold them, but its classes derive from them.
        classes["_Mapped"] = classes["MmapNone"].__base__
        classes["_Bytes"] = classes["Mmap"].__base__

    def text(name: str) -> str | None:
        owner, _, member = name.partition(".")
        described: Any = classes.get(owner)
        if member:
            # What is inherited is told where it is defined; stubs only sharpen its types.
            described = vars(described).get(member) if isinstance(described, type) else None
            described = getattr(described, "__func__", described)
        # None has a docstring too, from Python 3.13 on.
        doc = None if described is None else described.__doc__
        return inspect.cleandoc(doc) if isinstance(doc, str) else None

    return text


def quoted(text: str, indent: str) -> list[str]:
    """Return a docstring as lines of source."""
    mark = 'r"""' if "\\" in text else '"""'
    end = '\n"""' if "\n" in text else '"""'
    return [f"{indent}{line}".rstrip() for line in f"{mark}{text}{end}".split("\n")]


def with_docstrings(source: str, text: Callable[[str], str | None]) -> str:
    """Return a stub's source with the docstrings that `text` gives for its names."""
    lines = source.split("\n")
    # From the end, so that the line numbers before stay right.
    for name, node in reversed(documented(ast.parse(source)).items()):
        told = text(name)
        first, indent = node.body[0], " " * (node.col_offset + 4)
        new = quoted(told, indent) if told else []
        if ast.get_docstring(node, clean=False) is not None:
            if not new and len(node.body) == 1:
                new = [f"{indent}..."]
            lines[first.lineno - 1 : first.end_lineno] = new
        elif new and isinstance(node, ast.ClassDef):
            lines[node.lineno : node.lineno] = [*new, ""]
        elif new:
            # `def f(self) -> int: ...` becomes a definition of several lines.
            end = first.lineno - 1
            head = lines[end][: first.col_offset].rstrip()
            tail = lines[end][first.col_offset :].removeprefix("...").strip()
            lines[end : end + 1] = [f"{head}  {tail}".rstrip(), *new]
    return "\n".join(lines)


def said_of_members(text: str) -> dict[str, str]:
    r"""Return what a list in a class's docstring says of each member, as sentences.

    >>> said_of_members("Flags.\n\n- `A`, `B`: another\n  size; or not.\n- `C`: none.\n\nMore.")
    {'A': 'Another size; or not.', 'B': 'Another size; or not.', 'C': 'None.'}
    """
    found: dict[str, str] = {}
    for names, words in re.findall(r"^- ((?:`\w+`(?:, )?)+): (.*(?:\n  .*)*)", text, re.MULTILINE):
        line = " ".join(words.split())
        found |= dict.fromkeys(re.findall(r"\w+", names), line[0].upper() + line[1:])
    return found


def with_members(source: str) -> str:
    """Return a stub's source in which each member has what its class says of it, as editors show it."""
    lines = source.split("\n")
    for owner in reversed([node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]):
        said = said_of_members(ast.get_docstring(owner) or "")
        for place, node in reversed([*enumerate(owner.body)]):
            if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
                continue
            text = said.get(node.targets[0].id)
            new = quoted(text, "    ") if text else []
            after = owner.body[place + 1] if place + 1 < len(owner.body) else None
            has = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            end = after.end_lineno if has and after is not None else node.end_lineno
            lines[node.end_lineno : end] = new
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if anything differs")
    check: bool = parser.parse_args(arguments).check
    wanted: dict[Path, str] = {}
    for name, module in STUBS.items():
        path = ROOT / "python" / "mmap_rs" / name
        source = path.read_text(encoding="utf-8")
        wanted[path] = with_members(with_docstrings(source, runtime_text(module)))
    return renew(wanted, "make docstrings", check=check)


if __name__ == "__main__":
    sys.exit(main())
