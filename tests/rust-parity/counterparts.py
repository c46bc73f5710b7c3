"""What each public item of the Rust crate is in Python, and where the module or its stubs differ."""

import ast
import enum
import inspect
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from upstream_items import Item

import mmap_rs

# --- items whose counterpart has another form, each with the reason

# (owner, name): the names in Python.
RENAMED: dict[tuple[str, str], str] = {
    ("MmapOptions", "new"): "__new__",  # X::new(..) is X(..)
    ("PageSize", "0"): "log2",  # a field without a name can't be one in Python
}

# Variants of Error: the class in Python. All others have a class of their name with "Error" after it.
VARIANTS: dict[str, str] = {
    # What the system refuses: one class, which is an OSError too, whatever library told of it.
    "Io": "SystemCallError",
    "Nix": "SystemCallError",
    "Sysctl": "SystemCallError",
    "Mach": "SystemCallError",
    "Windows": "SystemCallError",
    # What can't be read as the number or text that it should be.
    "ParseInt": "ParseError",
    "TryFromInt": "ParseError",
    "Utf8": "ParseError",
}

# Traits: the attributes in Python.
TRAITS: dict[str, tuple[str, ...]] = {
    "Debug": (),  # every object has a repr
    "PartialEq": ("__eq__",),
    "Eq": ("__eq__",),
    "PartialOrd": ("__lt__", "__le__", "__gt__", "__ge__"),
    "Ord": ("__lt__", "__le__", "__gt__", "__ge__"),
    "Hash": ("__hash__",),
    "Iterator": ("__iter__", "__next__"),
    "Deref": ("__getitem__", "__len__", "__iter__", "__contains__"),  # to a slice: indexing
    "DerefMut": ("__setitem__",),
    "AsRef": ("as_slice",),
    "AsMut": ("as_mut_slice",),
    "TryFrom": ("try_from",),
    "Error": ("with_traceback",),  # to be an error is to be an exception
    "Clone": (),  # what can be cloned is immutable in Python, and needs no copy
    "Copy": (),
}

# Conditions of systems that a variant may have; its class is there on every system.
ANY_SYSTEM = {"unix", 'target_os = "windows"', 'any (target_os = "macos" , target_os = "ios")'}


def exists_here(item: Item) -> bool:
    """Tell whether an item exists on this system, by its condition."""
    if not item.cfg or (item.kind == "variant" and item.cfg in ANY_SYSTEM):
        return True
    if item.cfg == 'target_pointer_width = "64"':
        return sys.maxsize > 1 << 32  # absent on 32-bit systems, as upstream
    raise LookupError(f"no rule for the condition {item.cfg!r} of {item.owner}.{item.name}")


# --- the stubs


@dataclass
class Stubs:
    """The classes of the package as type checkers see them."""

    classes: dict[str, ast.ClassDef] = field(default_factory=dict[str, ast.ClassDef])

    @classmethod
    def read(cls, sources: Iterable[str]) -> "Stubs":
        """Read stubs from their source."""
        stubs = cls()
        for source in sources:
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.ClassDef):
                    stubs.classes[node.name] = node
        return stubs

    @classmethod
    def of_package(cls, directory: Path) -> "Stubs":
        """Read the stubs of a package, and its modules that need none."""
        typed = [*directory.glob("*.pyi")]
        typed += [path for path in directory.glob("*.py") if not path.with_suffix(".pyi").exists()]
        return cls.read(path.read_text(encoding="utf-8") for path in sorted(typed))

    def members(self, owner: str) -> Iterator[tuple[str, ast.stmt]]:
        """Give the members of a class, its own before those of its bases."""
        node = self.classes.get(owner)
        if node is None:
            return
        for statement in node.body:
            match statement:
                case ast.FunctionDef(name=name):
                    yield name, statement
                case ast.AnnAssign(target=ast.Name(id=name)):
                    yield name, statement
                case ast.Assign(targets=[ast.Name(id=name)]):
                    yield name, statement
                case _:
                    pass
        for base in node.bases:
            if isinstance(base, ast.Name):
                yield from self.members(base.id)

    def functions(self, owner: str, name: str) -> list[ast.FunctionDef]:
        """Return the definitions of a method: several when it is overloaded."""
        return [
            node
            for member, node in self.members(owner)
            if member == name and isinstance(node, ast.FunctionDef)
        ]


# --- the comparison


def is_static(owner: type, name: str) -> bool:
    return isinstance(inspect.getattr_static(owner, name), staticmethod)


def stub_is_static(node: ast.FunctionDef) -> bool:
    return any(
        isinstance(mark, ast.Name) and mark.id == "staticmethod" for mark in node.decorator_list
    )


def method_differences(item: Item, owner: type, stubs: Stubs) -> Iterator[str]:
    name = RENAMED.get((item.owner, item.name), item.name)
    where = f"{item.owner}.{item.name}"
    constructor = name == "__new__"
    runtime = getattr(owner, name, None)
    if not callable(runtime):
        yield f"{where}: the module has no method {name}"
        return
    static = not item.receiver and not constructor
    if not constructor and is_static(owner, name) is not static:
        yield f"{where}: the module has it {'not ' * static}as a static method"
    signature = inspect.signature(owner if constructor else runtime)
    parameters = [parameter for parameter in signature.parameters if parameter != "self"]
    if tuple(parameters[: len(item.parameters)]) != item.parameters:
        yield f"{where}: the module has the parameters {parameters}, not {list(item.parameters)}"
    found = stubs.functions(item.owner, name)
    if not found:
        yield f"{where}: the stubs have no method {name}"
    for node in found[:1]:
        if not constructor and stub_is_static(node) is not static:
            yield f"{where}: the stubs have it {'not ' * static}as a static method"
        arguments = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
        arguments = arguments if static else arguments[1:]
        if tuple(arguments[: len(item.parameters)]) != item.parameters:
            yield f"{where}: the stubs have the parameters {arguments}, not {list(item.parameters)}"


def flag_differences(item: Item, owner: type, stubs: Stubs) -> Iterator[str]:
    where = f"{item.owner}.{item.name}"
    member = getattr(owner, "__members__", {}).get(item.name)
    if not isinstance(member, enum.IntFlag):
        yield f"{where}: the module has no such flag"
    elif int(member) != item.value:
        yield f"{where}: the module has the value {int(member):#x}, not {item.value:#x}"
    if item.name not in dict(stubs.members(item.owner)):
        yield f"{where}: the stubs have no such flag"


def constant_differences(item: Item, owner: type, stubs: Stubs) -> Iterator[str]:
    where = f"{item.owner}.{item.name}"
    constant = getattr(owner, item.name, None)
    if not isinstance(constant, owner):
        yield f"{where}: the module has no such constant"
    elif (value := getattr(constant, "log2", None)) != item.value:
        yield f"{where}: the module has the value {value}, not {item.value}"
    if item.name not in dict(stubs.members(item.owner)):
        yield f"{where}: the stubs have no such constant"


def variant_differences(item: Item, owner: type, stubs: Stubs) -> Iterator[str]:
    where = f"{item.owner}.{item.name}"
    if item.owner != "Error":
        if item.name not in getattr(owner, "__members__", {}):
            yield f"{where}: the module has no such member"
        if item.name not in dict(stubs.members(item.owner)):
            yield f"{where}: the stubs have no such member"
        return
    name = VARIANTS.get(item.name, f"{item.name}Error")
    error = getattr(mmap_rs, name, None)
    if not (isinstance(error, type) and issubclass(error, mmap_rs.Error)):
        yield f"{where}: the module has no error {name}"
    elif name not in mmap_rs.__all__:
        yield f"{where}: {name} is not in __all__"
    if name not in stubs.classes:
        yield f"{where}: the stubs have no error {name}"


def trait_differences(item: Item, owner: type, stubs: Stubs) -> Iterator[str]:
    where = f"{item.owner}: {item.name}"
    if item.name not in TRAITS:
        yield f"{where}: it is not decided what this trait is in Python"
        return
    for name in TRAITS[item.name]:
        # What every object has would prove nothing; but the members of an enum are equal as objects are.
        inherited = None if enum.Enum in owner.__mro__ else getattr(object, name, None)
        if getattr(owner, name, None) in {None, inherited}:
            yield f"{where}: the module has no {name}"
    if item.name == "TryFrom":
        yield from conversion_differences(item, stubs)


def conversion_differences(item: Item, stubs: Stubs) -> Iterator[str]:
    """Compare what the stubs say that `try_from` takes; the tests try it."""
    taken: set[str] = set()
    for node in stubs.functions(item.owner, "try_from"):
        annotation = node.args.args[0].annotation
        assert annotation is not None
        taken |= {name.id for name in ast.walk(annotation) if isinstance(name, ast.Name)}
    if item.source not in taken:
        yield f"{item.owner}.try_from: the stubs do not take {item.source}"


def field_differences(item: Item, owner: type, stubs: Stubs) -> Iterator[str]:
    name = RENAMED.get((item.owner, item.name), item.name)
    if not hasattr(owner, name):
        yield f"{item.owner}.{item.name}: the module has no {name}"
    if name not in dict(stubs.members(item.owner)):
        yield f"{item.owner}.{item.name}: the stubs have no {name}"


_COMPARISONS = {
    "method": method_differences,
    "flag": flag_differences,
    "constant": constant_differences,
    "variant": variant_differences,
    "trait": trait_differences,
    "field": field_differences,
}


def differences(items: Iterable[Item], stubs: Stubs) -> list[str]:
    """Compare the module and its stubs with a crate's public items, and say what differs."""
    found: list[str] = []
    for item in items:
        if not exists_here(item):
            continue
        if item.kind == "function" or not item.owner:
            found.append(f"{item.name}: no counterpart for an item outside of all types is decided")
            continue
        owner: object = getattr(mmap_rs, item.owner, None)
        if not isinstance(owner, type):
            found.append(f"{item.owner}: the module has no such class, which has {item.name}")
        elif item.kind == "type":
            if item.owner not in mmap_rs.__all__:
                found.append(f"{item.owner}: not in __all__")
            if item.owner not in stubs.classes:
                found.append(f"{item.owner}: the stubs have no such class")
        else:
            found.extend(_COMPARISONS[item.kind](item, owner, stubs))
    return found
