"""The public items of a Rust crate, read from its source: enough of Rust for the crate that is bound here.

Whatever is public and has a form unknown here raises `UnknownFormError`, so that nothing is passed over.
"""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from rust_tokens import (
    Declaration,
    Group,
    Tree,
    UnknownFormError,
    declarations,
    split,
    take_attributes,
    take_visibility,
    text_of,
    trees,
)

Kind = Literal["type", "method", "function", "constant", "flag", "variant", "field", "trait"]

# Modules with one private type of the same name for each system; their items are not public.
PLATFORM_MODULES = {"os_impl"}


@dataclass(frozen=True)
class Item:
    """One public item: `owner` is the type it belongs to, or empty."""

    kind: Kind
    owner: str
    name: str
    value: int | None = None  # of constants and flags
    receiver: str = ""  # of methods: `self`, `&self`, `&mut self`, or empty
    parameters: tuple[str, ...] = ()  # of methods and functions, without the receiver
    source: str = ""  # of the trait `TryFrom`: what is converted
    cfg: str = ""  # the condition under which it exists


_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.LShift: int.__lshift__,
    ast.BitOr: int.__or__,
    ast.Add: int.__add__,
    ast.Sub: int.__sub__,
    ast.Mult: int.__mul__,
}


def number(found: tuple[Tree, ...]) -> int:
    """Compute a constant expression of numbers."""
    text = text_of(found)

    def compute(node: ast.expr) -> int:
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return node.value
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](compute(node.left), compute(node.right))
        raise UnknownFormError(f"the value {text!r}")

    try:
        return compute(ast.parse(text, mode="eval").body)
    except SyntaxError as error:
        raise UnknownFormError(f"the value {text!r}") from error


def word(found: tuple[Tree, ...], index: int = 0) -> str:
    """Return a word of trees, or an empty string when none is there."""
    tree = found[index] if index < len(found) else ""
    return tree if isinstance(tree, str) else ""


def without_angles(found: Iterable[Tree]) -> tuple[Tree, ...]:
    """Leave out what stands in angle brackets."""
    kept: list[Tree] = []
    depth = 0
    for tree in found:
        if tree == "<":
            depth += 1
        elif tree == ">":
            depth -= 1
        elif not depth:
            kept.append(tree)
    return tuple(kept)


def method(declaration: Declaration, owner: str) -> Item:
    """Read a function or method."""
    head = declaration.head
    at = head.index("fn")
    group = next(tree for tree in head if isinstance(tree, Group) and tree.bracket == "(")
    receiver, parameters = "", list[str]()
    for part in split(group.trees, ","):
        name, *_ = split(part, ":")
        words = [tree for tree in name if isinstance(tree, str) and not tree.startswith("'")]
        if words[-1] == "self":
            receiver = (
                "&mut self" if words[:2] == ["&", "mut"] else "&" * (words[0] == "&") + "self"
            )
        else:
            parameters.append(words[-1])
    return Item(
        "method" if owner else "function",
        owner,
        word(head, at + 1),
        receiver=receiver,
        parameters=tuple(parameters),
        cfg=declaration.attribute("cfg") or "",
    )


def constant(declaration: Declaration, owner: str) -> Item:
    """Read `const NAME: Type = value`, where the value may be wrapped as in `Self(12)`."""
    head = declaration.head
    value = head[head.index("=") + 1 :]
    if word(value) in {"Self", owner} and len(value) == 2 and isinstance(value[1], Group):
        value = value[1].trees
    return Item(
        "constant", owner, word(head, 1), number(value), cfg=declaration.attribute("cfg") or ""
    )


def derived(declaration: Declaration, owner: str) -> Iterator[Item]:
    """Read the traits of `#[derive(...)]`."""
    for name in (declaration.attribute("derive") or "").split(","):
        if name.strip():
            yield Item("trait", owner, name.split("::")[-1].strip())


def bitflags(body: Group) -> Iterator[Item]:
    """Read the flag types of `bitflags! { ... }`."""
    for declaration in declarations(body.trees):
        head = declaration.head
        if word(head) != "struct" or declaration.body is None:
            raise UnknownFormError(f"in bitflags: {text_of(head)}")
        if not declaration.public:
            continue
        owner = word(head, 1)
        yield Item("type", owner, owner)
        yield from derived(declaration, owner)
        for flag in declarations(declaration.body.trees):
            if word(flag.head) != "const":
                raise UnknownFormError(f"in the flags of {owner}: {text_of(flag.head)}")
            value = number(flag.head[flag.head.index("=") + 1 :])
            yield Item("flag", owner, word(flag.head, 1), value, cfg=flag.attribute("cfg") or "")


def variants(owner: str, body: Group) -> Iterator[Item]:
    """Read the variants of an enum."""
    for part in split(body.trees, ","):
        attributes, rest = take_attributes(part)
        cfg = Declaration(attributes).attribute("cfg") or ""
        yield Item("variant", owner, word(rest), cfg=cfg)


def fields(owner: str, declaration: Declaration) -> Iterator[Item]:
    """Read the public fields of a struct, which are numbered when they have no names."""
    group = declaration.body or next(
        (tree for tree in declaration.head if isinstance(tree, Group) and tree.bracket == "("), None
    )
    for index, part in enumerate(split(group.trees, ",") if group else ()):
        public, rest = take_visibility(take_attributes(part)[1])
        if public:
            name = str(index) if group and group.bracket == "(" else word(rest)
            yield Item("field", owner, name)


def implementation(declaration: Declaration) -> Iterator[Item]:
    """Read `impl Type { ... }`, or that a type has a trait."""
    head = declaration.head[declaration.head.index("impl") + 1 :]
    if "for" in head:
        at = head.index("for")
        trait_head, type_head = head[:at], without_angles(head[at + 1 :])
        if "where" in type_head:
            type_head = type_head[: type_head.index("where")]
        owner = word(type_head, len(type_head) - 1)
        names = [
            tree for tree in without_angles(trait_head) if isinstance(tree, str) and tree != "::"
        ]
        source = ""
        if names[-1] == "TryFrom":
            source = word(trait_head, trait_head.index("TryFrom") + 2)
        yield Item("trait", owner, names[-1], source=source)
        return
    owner = word(without_angles(head))
    assert declaration.body is not None
    for inner in declarations(declaration.body.trees):
        if not inner.public:
            continue
        if "fn" in inner.head:
            yield method(inner, owner)
        elif word(inner.head) == "const":
            yield constant(inner, owner)
        else:
            raise UnknownFormError(f"in impl {owner}: {text_of(inner.head)}")


def expand(rules: Group, arguments: Group) -> tuple[Tree, ...]:
    """Expand a macro of one rule whose arguments are names: `($t:ident) => { ... }`."""
    parts = split(rules.trees, ";")
    if len(parts) != 1 or len(parts[0]) != 3 or parts[0][1] != "=>":
        raise UnknownFormError(f"a macro with other than one rule: {text_of(rules.trees)[:60]}")
    pattern, _, template = parts[0]
    assert isinstance(pattern, Group)
    assert isinstance(template, Group)
    names = [word(part, 1) for part in split(pattern.trees, ",")]
    values = [word(part) for part in split(arguments.trees, ",")]
    if len(names) != len(values) or not all(names) or not all(values):
        raise UnknownFormError(f"the arguments of a macro: {text_of(arguments.trees)}")
    known = dict(zip(names, values, strict=True))

    def replace(found: tuple[Tree, ...]) -> tuple[Tree, ...]:
        made: list[Tree] = []
        for tree in found:
            if isinstance(tree, Group):
                made.append(Group(tree.bracket, replace(tree.trees)))
            elif made and made[-1] == "$":
                made[-1] = known[tree]
            else:
                made.append(tree)
        return tuple(made)

    return replace(template.trees)


def module(found: tuple[Tree, ...], macros: dict[str, Group] | None = None) -> Iterator[Item]:
    """Read the public items of one module's source."""
    macros = {} if macros is None else macros
    for declaration in declarations(found):
        head, body = declaration.head, declaration.body
        if declaration.attribute("cfg") == "test":
            continue
        first = word(head)
        if (
            first == "macro_rules"
            and body is not None
            and not declaration.has_attribute("macro_export")
        ):
            macros[word(head, 2)] = body
        elif word(head, 1) == "!" and not declaration.public:
            arguments = body if body is not None else head[2]
            assert isinstance(arguments, Group)
            if first == "bitflags":
                yield from bitflags(arguments)
            elif first in macros:
                yield from module(expand(macros[first], arguments), macros)
            else:
                raise UnknownFormError(f"the macro {first}!")
        elif "impl" in head[:2]:
            yield from implementation(declaration)
        elif not declaration.public:
            continue
        elif first in {"struct", "enum"}:
            owner = word(head, 1)
            yield Item("type", owner, owner)
            yield from derived(declaration, owner)
            if first == "struct":
                yield from fields(owner, declaration)
            elif body is not None:
                yield from variants(owner, body)
        elif "fn" in head:
            yield method(declaration, "")
        elif first == "const":
            yield constant(declaration, "")
        else:
            raise UnknownFormError(text_of(head))


def crate(sources: Mapping[str, str]) -> list[Item]:
    """Read the public items of a crate from its files, by their names below `src`."""
    public: dict[str, None] = {}
    items: list[Item] = []
    own: list[Declaration] = []
    private: set[str] = set()
    for declaration in declarations(trees(sources["lib.rs"])):
        head = declaration.head
        if word(head) == "mod" and declaration.body is None:
            if declaration.public:
                public[word(head, 1)] = None
            else:
                private.add(word(head, 1))
        elif word(head) == "use" and declaration.public:
            # `pub use name::*` or, of a module that is public anyway, `pub use name::Item`.
            public[word(head, 1)] = None
            if head[2] != "::" or (head[3] != "*" and word(head, 1) in private):
                raise UnknownFormError(text_of(head))
        else:
            own.append(declaration)
    unread = private - set(public) - PLATFORM_MODULES
    if unread:
        raise UnknownFormError(f"modules that are not read: {sorted(unread)}")
    if [declaration for declaration in own if declaration.public]:
        raise UnknownFormError("public items in lib.rs itself")
    for name in public:
        items.extend(module(trees(sources[f"{name}.rs"])))
    return items
