"""Write the docstrings of the compiled module into its stubs, where editors and the site read them.

The text is typed once: in the `///` comments of `src/` for what is compiled, in `_flags.py` for the
flags. At run time it is `__doc__`; this program copies it from there into the `.pyi` files, and leaves
all else in them as it is. With `--check` it writes nothing, and ends with status 1 if anything differs.
"""

import argparse
import ast
import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent.parent / "python" / "mmap_rs"
STUBS = {"_mmap_rs.pyi": "mmap_rs._mmap_rs", "_flags.pyi": "mmap_rs._flags"}

Described = ast.ClassDef | ast.FunctionDef


def documented(tree: ast.Module) -> list[tuple[str, Described]]:
    """List the classes and methods that have docstrings of their own, with their dotted names."""
    found: list[tuple[str, Described]] = []
    for owner in tree.body:
        if not isinstance(owner, ast.ClassDef):
            continue
        found.append((owner.name, owner))
        seen: set[str] = set()
        for member in owner.body:
            if isinstance(member, ast.FunctionDef) and not member.name.startswith("__"):
                # Only the first of several overloads: the others would repeat it.
                if member.name not in seen:
                    found.append((f"{owner.name}.{member.name}", member))
                seen.add(member.name)
    return found


def runtime_text(module: str) -> Callable[[str], str | None]:
    """Return what gives the docstring of a dotted name in a module, if it has its own."""
    loaded = importlib.import_module(module)

    def text(name: str) -> str | None:
        owner, _, member = name.partition(".")
        cls = getattr(loaded, owner, None)
        if not isinstance(cls, type):
            return None
        if not member:
            return cls.__doc__ and inspect.cleandoc(cls.__doc__)
        # What is inherited is told where it is defined; stubs only sharpen its types.
        own = inspect.getattr_static(cls, member) if member in vars(cls) else None
        if own is None:
            # None has a docstring too, from Python 3.13 on.
            return None
        described: Any = getattr(own, "__func__", own)
        doc = getattr(described, "__doc__", None)
        return inspect.cleandoc(doc) if isinstance(doc, str) else None

    return text


def quoted(text: str, indent: str) -> list[str]:
    """Return a docstring as lines of source."""
    mark = 'r"""' if "\\" in text else '"""'
    first, *rest = text.split("\n")
    if not rest:
        return [f'{indent}{mark}{first}"""']
    return [
        f"{indent}{mark}{first}",
        *(f"{indent}{line}".rstrip() for line in rest),
        f'{indent}"""',
    ]


def with_docstrings(source: str, text: Callable[[str], str | None]) -> str:
    """Return a stub's source with the docstrings that `text` gives for its names."""
    lines = source.split("\n")
    # From the end, so that the line numbers before stay right.
    for name, node in reversed(documented(ast.parse(source))):
        told = text(name)
        first, indent = node.body[0], " " * (node.col_offset + 4)
        old = ast.get_docstring(node, clean=False) is not None
        new = quoted(told, indent) if told else []
        if old:
            assert first.end_lineno is not None
            gone = slice(first.lineno - 1, first.end_lineno)
            if not new and len(node.body) == 1:
                new = [f"{indent}..."]
            lines[gone] = new
        elif not new:
            continue
        elif isinstance(node, ast.ClassDef):
            lines[node.lineno : node.lineno] = [*new, ""]
        else:
            # `def f(self) -> int: ...` becomes a definition of several lines.
            end = first.lineno - 1
            head = lines[end][: first.col_offset].rstrip()
            tail = lines[end][first.col_offset :].removeprefix("...").strip()
            lines[end : end + 1] = [f"{head}  {tail}".rstrip(), *new]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; status 1 if anything differs"
    )
    check: bool = parser.parse_args(arguments).check
    differ: list[str] = []
    for name, module in STUBS.items():
        path = PACKAGE / name
        source = path.read_text(encoding="utf-8")
        wanted = with_docstrings(source, runtime_text(module))
        if wanted != source:
            differ.append(name)
            if not check:
                path.write_text(wanted, encoding="utf-8", newline="\n")
    for name in differ:
        print(f"{name}: {'differs from the module; run make docstrings' if check else 'written'}")
    return int(check and bool(differ))


if __name__ == "__main__":
    sys.exit(main())
