"""Callables for machine code in a mapping."""

from __future__ import annotations

import ctypes
from typing import Any, TypeGuard

# The common base of all ctypes data types, for which ctypes has no public name.
_CData: type[Any] = ctypes.Structure.__mro__[-2]


def make(
    holder: object, address: int, restype: type[Any] | None, argtypes: tuple[Any, ...]
) -> ctypes._CFunctionType:
    """Return a ctypes callable for the code at `address` that keeps `holder` alive.

    `restype` is a ctypes type, or `None` for a function that returns nothing; each of `argtypes` is a
    ctypes type, or an object with a `from_param` method. Anything else is a `TypeError`.
    """
    if not (restype is None or _is_restype(restype)):
        msg = f"restype must be a ctypes type or None, not {_name(restype)}"
        raise TypeError(msg)
    for number, argtype in enumerate(argtypes, 1):
        if not _is_argtype(argtype):
            msg = f"argument type {number} must be a ctypes type, not {_name(argtype)}"
            raise TypeError(msg)
    function = ctypes.CFUNCTYPE(restype, *argtypes)(address)
    # ctypes creates a class for each call, so its instances have room for an attribute.
    function._holder = holder  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    return function


def _is_restype(value: object) -> bool:
    return _is_ctype(value) and not issubclass(value, ctypes.Array) and _has_size(value)


def _is_argtype(value: object) -> bool:
    if _is_ctype(value):
        return _has_size(value)
    return callable(getattr(value, "from_param", None))


def _is_ctype(value: object) -> TypeGuard[type[Any]]:
    return isinstance(value, type) and issubclass(value, _CData)


def _has_size(ctype: type[Any]) -> bool:
    """Return whether it is a complete type; a mere base such as `Structure` can't be passed by value."""
    try:
        ctypes.sizeof(ctype)
    except TypeError:
        return False
    return True


def _name(value: object) -> str:
    return value.__name__ if isinstance(value, type) else repr(value)
