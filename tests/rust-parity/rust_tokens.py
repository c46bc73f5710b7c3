"""Rust source as trees of tokens: comments gone, brackets matched, declarations told apart."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias


class UnknownFormError(Exception):
    """The source has a form that this reader does not know: it must be taught, not passed over."""


@dataclass(frozen=True)
class Group:
    """What stands between two brackets; `bracket` is the opening one."""

    bracket: str
    trees: "tuple[Tree, ...]"


Tree: TypeAlias = str | Group

_TOKEN = re.compile(
    r"""
      (?P<skip> \s+ | //[^\n]* )
    | (?P<comment> /\* )
    | (?P<token>
          b? r (?P<hashes>\#*) " .*? " (?P=hashes)  # raw string
        | b? " (?: \\. | [^"\\] )* "                # string
        | b? ' (?: \\ [^']+ | \\' | [^'\\] ) '      # character
        | ' \w+                                     # lifetime
        | \w+                                       # word or number
        | -> | => | ::                              # these never close or open an angle,
        | << (?= \s* \d )                           # nor does this before a number
    | << (?= \s* \d )                           # nor does this in a number
        | .
      )
    """,
    re.VERBOSE | re.DOTALL,
)
_CLOSING = {"(": ")", "[": "]", "{": "}"}


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        assert match is not None
        at = match.end()
        if match["comment"]:
            # Rust's block comments nest.
            depth = 1
            while depth:
                edge = re.compile(r"/\*|\*/").search(text, at)
                if edge is None:
                    raise UnknownFormError("a comment without an end")
                depth += 1 if edge[0] == "/*" else -1
                at = edge.end()
        elif match["token"]:
            yield match["token"]


def trees(text: str) -> tuple[Tree, ...]:
    """Read source into trees of tokens."""
    stack: list[tuple[str, list[Tree]]] = [("", [])]
    for token in _tokens(text):
        if token in _CLOSING:
            stack.append((token, []))
        elif token in _CLOSING.values():
            bracket, inner = stack.pop()
            if not stack or _CLOSING[bracket] != token:
                raise UnknownFormError(f"an unexpected {token!r}")
            stack[-1][1].append(Group(bracket, tuple(inner)))
        else:
            stack[-1][1].append(token)
    if len(stack) != 1:
        raise UnknownFormError(f"an unclosed {stack[-1][0]!r}")
    return tuple(stack[0][1])


def text_of(found: tuple[Tree, ...]) -> str:
    """Write trees as text again, with single spaces, for attributes and messages."""
    parts: list[str] = []
    for tree in found:
        if isinstance(tree, Group):
            parts.append(f"{tree.bracket}{text_of(tree.trees)}{_CLOSING[tree.bracket]}")
        else:
            parts.append(tree)
    return " ".join(parts)


@dataclass
class Declaration:
    """One item of a module, an impl or a bitflags struct."""

    attributes: list[str] = field(default_factory=list[str])
    public: bool = False
    head: tuple[Tree, ...] = ()  # what comes before the body, without attributes and visibility
    body: Group | None = None

    def attribute(self, name: str) -> str | None:
        """Return the arguments of an attribute, such as `test` of `#[cfg(test)]`."""
        for text in self.attributes:
            match = re.match(rf"{name} \((.*)\)$", text)
            if match:
                return match[1]
        return None

    def has_attribute(self, name: str) -> bool:
        """Tell whether an attribute is there, with arguments or without."""
        return any(text.split(" ")[0] == name for text in self.attributes)


def split(found: tuple[Tree, ...], separator: str) -> list[tuple[Tree, ...]]:
    """Split trees at a separator outside of angle brackets; an empty last part is left out."""
    parts: list[list[Tree]] = [[]]
    angles = 0
    for tree in found:
        angles += {"<": 1, ">": -1}.get(tree, 0) if isinstance(tree, str) else 0
        if tree == separator and not angles:
            parts.append([])
        else:
            parts[-1].append(tree)
    return [tuple(part) for part in parts if part]


def take_attributes(found: tuple[Tree, ...]) -> tuple[list[str], tuple[Tree, ...]]:
    """Take the attributes off the front of trees."""
    attributes: list[str] = []
    while found and found[0] == "#":
        at = 2 if found[1] == "!" else 1
        group = found[at]
        assert isinstance(group, Group)
        attributes.append(text_of(group.trees))
        found = found[at + 1 :]
    return attributes, found


def take_visibility(found: tuple[Tree, ...]) -> tuple[bool, tuple[Tree, ...]]:
    """Take `pub` or `pub(crate)` off the front of trees; the second counts as private."""
    if not found or found[0] != "pub":
        return False, found
    if len(found) > 1 and isinstance(found[1], Group) and found[1].bracket == "(":
        restriction = text_of(found[1].trees)
        # In a tuple struct `pub (A, B)` may be a type in parentheses.
        if restriction.split(" ")[0] in {"crate", "super", "self", "in"}:
            return False, found[2:]
    return True, found[1:]


def declarations(found: tuple[Tree, ...]) -> Iterator[Declaration]:
    """Tell apart the declarations of a module or a block."""
    while found:
        attributes, found = take_attributes(found)
        if not found:
            return
        public, found = take_visibility(found)
        declaration = Declaration(attributes, public)
        head: list[Tree] = []
        # A constant's value and a `use` may hold braces before the semicolon.
        to_semicolon = found[0] in {"use", "static"} or (found[0] == "const" and found[1] != "fn")
        for index, tree in enumerate(found):
            if tree == ";":
                found = found[index + 1 :]
                break
            if isinstance(tree, Group) and tree.bracket == "{" and not to_semicolon:
                declaration.body = tree
                found = found[index + 1 :]
                break
            head.append(tree)
        else:
            raise UnknownFormError(f"a declaration without an end: {text_of(tuple(head[:8]))}")
        declaration.head = tuple(head)
        if declaration.head:
            yield declaration
