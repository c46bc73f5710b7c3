"""What other code does with memory: maps it, and gets it back."""

from __future__ import annotations

import ctypes
import mmap
import os
from typing import Any

import pytest

from mmap_rs import MemoryAreas
from tests.c_api.table import KINDS, GiveBack

unix = pytest.mark.skipif(os.name == "nt", reason="maps with mmap(2)")
KIND = {name: number for number, name in enumerate(KINDS)}


def is_mapped(address: int) -> bool:
    return MemoryAreas.query(address) is not None


def libc() -> Any:
    found = ctypes.CDLL(None, use_errno=True)
    found.mmap.restype = ctypes.c_void_p
    found.mmap.argtypes = [
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_long,
    ]
    found.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    return found


def mapped(
    size: int, protection: int = mmap.PROT_READ | mmap.PROT_WRITE if os.name != "nt" else 0
) -> int:
    """Map memory as other code does."""
    address = libc().mmap(None, size, protection, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    assert isinstance(address, int)
    return address


class Owner:
    """Counts what is given back, and gives it back."""

    def __init__(self, divisible: bool = False) -> None:
        self.parts: list[tuple[int, int]] = []
        self.function = GiveBack(self.take_back)
        self.fields: dict[str, Any] = {
            "give_back": ctypes.cast(self.function, ctypes.c_void_p).value,
            "context": 77,
            "divisible": divisible,
        }

    def take_back(self, context: int, start: int, size: int) -> None:
        assert context == 77
        self.parts.append((start, size))
        libc().munmap(start, size)
