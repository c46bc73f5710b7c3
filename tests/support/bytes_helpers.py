"""Bytes in mappings, for tests whose oracle is `bytes` or `bytearray`."""

from collections.abc import Callable

import pytest

from mmap_rs import Mmap, MmapMut, MmapOptions


class Index:
    """An object that is not an `int`, but can be used as one."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


class Plain:
    """A plain object, whose `repr` is the same in every process, so that tests keep their names."""

    def __repr__(self) -> str:
        return "Plain()"


def writable(data: bytes) -> MmapMut:
    """Map anonymous memory that holds `data` and nothing more."""
    mapping = MmapOptions(len(data)).map_mut()
    mapping.copy_from_slice(data)
    return mapping


def read_only(data: bytes) -> Mmap:
    """Like `writable`, but read-only."""
    return writable(data).make_read_only()


Make = Callable[[bytes], MmapMut | Mmap]
KINDS: list[Make] = [writable, read_only]
both_kinds = pytest.mark.parametrize("make", KINDS)
