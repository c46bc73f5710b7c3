"""A compiled module as far as a wheel's rules ask for it, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Import:
    """A name that must be found at loading, with its version and library where the format tells them."""

    name: str
    version: str = ""
    library: str = ""
    # Asked for only if it is there.
    weak: bool = False


@dataclass(frozen=True)
class Module:
    """A compiled module. Empty texts and sets mean that its format has no such thing."""

    kind: str
    machine: str
    needed: frozenset[str]
    imports: frozenset[Import]
    exports: frozenset[str]
    # Bytes to which what is loaded is aligned: the largest page size that it can be loaded with.
    alignment: int
    # Of Apple's systems: which of them, its oldest version, the name that it has as a library.
    platform: str = ""
    minimum: str = ""
    install_name: str = ""
    # Things that a system refuses or that weaken it: an executable stack, relocated code and the like.
    faults: frozenset[str] = frozenset()
