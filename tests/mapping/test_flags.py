"""The flag classes: members, bits, operators, pickles; `PageSizes.from_bytes`; `ShareMode`."""

from __future__ import annotations

import copy
import enum
import pickle
import sys
from types import new_class
from typing import Any

import pytest

import mmap_rs
from mmap_rs import MmapFlags, MmapOptions, PageSizes, Protection, Seals, ShareMode, UnsafeMmapFlags
from mmap_rs._mmap_rs import flag_bits

pytestmark = pytest.mark.parallel

FLAGS: list[type[enum.IntFlag]] = [MmapFlags, UnsafeMmapFlags, PageSizes, Protection, Seals]
ENUMS: list[type[enum.Enum]] = [*FLAGS, ShareMode]


def all_bits(flags: type[enum.IntFlag]) -> int:
    bits = 0
    for member in flags:
        bits |= member.value
    return bits


def unknown_bits(flags: type[enum.IntFlag]) -> list[int]:
    """Every single bit below 2**70 that the class has no member for."""
    return [1 << bit for bit in range(70) if not all_bits(flags) & 1 << bit]


class Index:
    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


def test_the_extension_module_names_the_classes() -> None:
    assert set(flag_bits) == {flags.__name__ for flags in FLAGS}


@pytest.mark.parametrize("flags", FLAGS)
def test_members_are_those_of_the_extension_module(flags: type[enum.IntFlag]) -> None:
    assert {name: int(member) for name, member in flags.__members__.items()} == (
        flag_bits[flags.__name__]
    )
    # No member is an alias or a combination: each is one bit of its own.
    assert len(list(flags)) == len(flags.__members__)
    assert all(member.value.bit_count() == 1 for member in flags)


def test_known_bits() -> None:
    assert MmapFlags.SHARED.value == 1
    assert MmapFlags.DONTNEED.value == 1 << 11
    assert [int(flag) for flag in UnsafeMmapFlags] == [1, 2]
    assert [int(flag) for flag in Protection] == [1, 2, 8]
    assert PageSizes._4K.value == 4096
    assert PageSizes._1G.value == 1 << 30
    assert PageSizes.__members__.get("_16G") == (1 << 34 if sys.maxsize > 2**32 else None)


@pytest.mark.parametrize("kind", ENUMS)
def test_class(kind: type[enum.Enum]) -> None:
    assert kind.__module__ == "mmap_rs"
    assert getattr(mmap_rs, kind.__name__) is kind
    assert pickle.loads(pickle.dumps(kind)) is kind
    assert kind.__doc__
    # The docstring explains every member; those of PageSizes by the first and the last.
    named = ["_4K", "_16G"] if kind is PageSizes else list(kind.__members__)
    assert all(f"`{name}`" in kind.__doc__ for name in named)


@pytest.mark.parametrize("flags", FLAGS)
def test_int_flag(flags: type[enum.IntFlag]) -> None:
    assert issubclass(flags, enum.IntFlag)
    assert isinstance(next(iter(flags)), int)


@pytest.mark.parametrize("flags", FLAGS)
def test_values_make_members(flags: type[enum.IntFlag]) -> None:
    for name, member in flags.__members__.items():
        assert flags(member.value) is member
        assert flags[name] is member
        assert repr(member) == f"<{flags.__name__}.{name}: {member.value}>"
    assert flags(0).value == 0
    assert not flags(0)
    assert list(flags(all_bits(flags))) == list(flags)


@pytest.mark.parametrize("flags", FLAGS)
def test_unknown_bits_are_refused(flags: type[enum.IntFlag]) -> None:
    known = next(iter(flags))
    assert unknown_bits(flags)
    for bit in unknown_bits(flags):
        for value in (bit, bit | known.value, bit | all_bits(flags)):
            with pytest.raises(ValueError):
                flags(value)
        with pytest.raises(ValueError):
            _ = known | bit
        with pytest.raises(ValueError):
            _ = bit | known
        with pytest.raises(ValueError):
            _ = known ^ bit


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("value", [-1, -2, -4096, -(2**70)])
def test_negative_numbers_are_refused(flags: type[enum.IntFlag], value: int) -> None:
    with pytest.raises(ValueError):
        flags(value)


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("value", ["SHARED", None, b"1", 1.5, [], object()])
def test_other_values_are_refused(flags: type[enum.IntFlag], value: Any) -> None:
    with pytest.raises(ValueError):
        flags(value)


@pytest.mark.parametrize("flags", FLAGS)
def test_operators(flags: type[enum.IntFlag]) -> None:
    first, second, *_ = flags
    both = first | second
    assert type(both) is flags
    assert both.value == first.value | second.value
    assert first in both
    assert second in both
    assert both & first is first
    assert both ^ first is second
    assert both & ~first is second
    assert type(~first) is flags
    assert (~first).value == all_bits(flags) & ~first.value
    assert ~~both == both
    assert list(both) == [first, second]


@pytest.mark.parametrize("kind", ENUMS)
def test_members_pickle_and_copy(kind: type[enum.Enum]) -> None:
    values: list[Any] = list(kind)
    if issubclass(kind, enum.IntFlag):
        values += [kind(0), kind(all_bits(kind))]
    for value in values:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(value, protocol)) is value
        assert copy.copy(value) is value
        assert copy.deepcopy(value) is value


@pytest.mark.parametrize("kind", ENUMS)
def test_members_cannot_be_changed_or_added(kind: type[enum.Enum]) -> None:
    name = next(iter(kind.__members__))
    with pytest.raises(AttributeError):
        setattr(kind, name, 3)
    with pytest.raises(TypeError):
        new_class("More", (kind,))


# PageSizes.from_bytes


def test_from_bytes_of_every_size() -> None:
    for member in PageSizes:
        assert PageSizes.from_bytes(member.value) is member
        assert PageSizes.from_bytes(member) is member
        assert PageSizes.from_bytes(Index(member.value)) is member


@pytest.mark.parametrize(
    "size", [0, 1, -1, -4096, 2048, 4095, 4097, 3 * 4096, 2**35, 2**64, 2**100]
)
def test_from_bytes_of_no_page_size(size: int) -> None:
    with pytest.raises(ValueError, match=str(size)):
        PageSizes.from_bytes(size)


@pytest.mark.parametrize("size", ["4096", 4096.0, None, b"\x10\x00"])
def test_from_bytes_of_no_number(size: Any) -> None:
    with pytest.raises(TypeError):
        PageSizes.from_bytes(size)


def test_the_systems_page_size_is_a_member() -> None:
    assert PageSizes.from_bytes(MmapOptions.page_size()) in MmapOptions.page_sizes()


# Flags as arguments


def test_flags_of_another_class_are_refused(page: int) -> None:
    options: Any = MmapOptions(page)
    for wrong in (UnsafeMmapFlags.JIT, Protection.READ, "SHARED", 1.0, None):
        with pytest.raises(TypeError):
            options.with_flags(wrong)
    for wrong in (MmapFlags.SHARED, Protection.READ, "JIT", 1.0, None):
        with pytest.raises(TypeError):
            options.with_unsafe_flags(wrong)


def test_unknown_bits_as_arguments_are_refused(page: int) -> None:
    options: Any = MmapOptions(page)
    for wrong in (1 << 12, 1 << 31):
        with pytest.raises(ValueError):
            options.with_flags(wrong)
    for wrong in (1 << 2, 1 << 31):
        with pytest.raises(ValueError):
            options.with_unsafe_flags(wrong)


def test_plain_numbers_with_known_bits_are_accepted(page: int) -> None:
    options: Any = MmapOptions(page)
    options.with_flags(int(MmapFlags.SHARED)).with_unsafe_flags(0).map().close()


# ShareMode


def test_share_mode() -> None:
    assert list(ShareMode.__members__) == ["Private", "Shared"]
    assert len(set(ShareMode)) == 2
    assert not issubclass(ShareMode, int)
    assert repr(ShareMode.Shared).startswith("<ShareMode.Shared")
