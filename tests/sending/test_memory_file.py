"""`MemoryFile`: a file that is nowhere but in memory."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mmap_rs import (
    InvalidOperationError,
    InvalidSizeError,
    MemoryFile,
    MmapFlags,
    MmapOptions,
    PageSize,
    PageSizes,
    Seals,
    SystemCallError,
    UnsafeMmapFlags,
)
from tests.support.procfs import descriptors

if TYPE_CHECKING:
    from collections.abc import Callable

LINUX = sys.platform in ("linux", "android")
SEALED = LINUX or sys.platform.startswith("freebsd")
WINDOWS = os.name == "nt"
UNIT = MmapOptions.allocation_granularity()
SHARED = MmapFlags.SHARED


def test_two_mappings_are_the_same_memory() -> None:
    with MemoryFile(2 * UNIT) as file:
        options = MmapOptions.for_file(file).with_flags(SHARED)
        with options.map_mut() as writable, options.map() as readable, options.map_exec() as code:
            assert writable.start() != readable.start()
            writable[UNIT : UNIT + 5] = b"hello"
            assert readable[UNIT : UNIT + 5] == code[UNIT : UNIT + 5] == b"hello"
            assert code.is_executable()
            assert len(readable) == 2 * UNIT
            writable.flush()


def test_private_mappings_keep_to_themselves() -> None:
    file = MemoryFile(UNIT)
    with MmapOptions.for_file(file).map_mut() as mine, MmapOptions.for_file(file).map() as other:
        mine[0] = 1
        assert other[0] == 0


def test_offsets_and_sizes() -> None:
    file = MemoryFile(3 * UNIT)
    options = MmapOptions(UNIT).with_flags(SHARED)
    with (
        options.with_file(file, UNIT).map_mut() as middle,
        MmapOptions.for_file(file, UNIT).map() as rest,
    ):
        middle[0] = 7
        assert len(rest) == 2 * UNIT
    with MmapOptions.for_file(file).with_flags(SHARED).map() as whole:
        assert whole[UNIT] == 7
    with pytest.raises(InvalidSizeError):
        MmapOptions(4 * UNIT).with_file(file).map()
    for wrong in (0, 1 << 63):
        with pytest.raises(InvalidSizeError):
            MemoryFile(wrong)
    for wrong in (-1, 1 << 64):
        with pytest.raises(OverflowError):
            MemoryFile(wrong)


def test_mappings_keep_the_memory() -> None:
    with MemoryFile(UNIT, name="kept") as file:
        mapping = MmapOptions.for_file(file).with_flags(SHARED).map_mut()
    assert file.closed
    del file
    gc.collect()
    mapping[0] = 1
    assert " shared memory file 'kept' offset=0" in repr(mapping)
    mapping.close()


def test_a_closed_one_says_so() -> None:
    file = MemoryFile(UNIT, name="gone")
    file.close()
    file.close()
    assert file.closed
    assert file.name is None
    assert repr(file) == "<mmap_rs.MemoryFile closed>"
    for call in (
        file.size,
        file.fileno,
        file.seals,
        lambda: file.resize(UNIT),
        lambda: file.seal(Seals.SEAL),
        lambda: MmapOptions.for_file(file),
        lambda: MmapOptions(UNIT).with_file(file),
        file.__enter__,
    ):
        with pytest.raises(ValueError, match="closed"):
            call()
    with pytest.raises(TypeError, match="closed"):
        pickle.dumps(file)


def test_names() -> None:
    file = MemoryFile(UNIT)
    assert file.name is None
    options = MmapOptions.for_file(file)
    assert f" size={UNIT} memory file offset=0" in repr(options)
    assert f" size={UNIT} private memory file offset=0" in repr(options.map())
    file = MemoryFile(UNIT, name="ringe 輪")
    assert file.name == "ringe 輪"
    assert "ringe" in repr(file)
    for wrong in ("x" * 201, "nul\0"):
        with pytest.raises(InvalidOperationError, match="name"):
            MemoryFile(UNIT, name=wrong)
    with pytest.raises(TypeError):
        MemoryFile(UNIT, name=5)  # type: ignore[arg-type]
    with pytest.raises(UnicodeEncodeError, match="udcff"):
        MemoryFile(UNIT, name="\udcff")


def test_a_name_with_control_characters_is_shown_on_one_line() -> None:
    with MemoryFile(UNIT, name="é\n\x1b") as file:
        options = MmapOptions.for_file(file)
        with options.map() as mapping:
            for thing in (mapping, options, file):
                assert "\\n\\u{1b}" in repr(thing)
                assert repr(thing).isprintable()
        with pytest.raises(InvalidSizeError) as caught:
            MmapOptions(2 * UNIT).with_file(file).map()
        assert str(caught.value).isprintable()
        assert file.name == "é\n\x1b"


@pytest.mark.skipif(WINDOWS, reason="Windows has no descriptor for it, and keeps its size")
def test_sizes_change() -> None:
    file = MemoryFile(UNIT)
    assert os.fstat(file.fileno()).st_size == file.size() == UNIT
    with MmapOptions.for_file(file).with_flags(SHARED).map_mut() as mapping:
        mapping[0] = 1
        file.resize(3 * UNIT)
        mapping.resize()
        assert len(mapping) == file.size() == 3 * UNIT
        assert (mapping[0], mapping[-1]) == (1, 0)
    with pytest.raises(InvalidSizeError):
        file.resize(0)


@pytest.mark.skipif(not WINDOWS, reason="other systems can do it")
def test_what_windows_can_not() -> None:
    file = MemoryFile(UNIT)
    for call in (
        lambda: file.resize(2 * UNIT),
        file.fileno,
        file.seals,
        lambda: file.seal(Seals.SEAL),
    ):
        with pytest.raises(InvalidOperationError):
            call()


@pytest.mark.skipif(not SEALED, reason="this system has no seals")
def test_seals() -> None:
    file = MemoryFile(2 * UNIT)
    assert file.seals() == Seals(0)
    file.seal(Seals.SHRINK)
    assert file.seals() == Seals.SHRINK
    with pytest.raises(PermissionError):
        file.resize(UNIT)
    file.resize(3 * UNIT)
    file.seal(Seals.GROW | Seals.FUTURE_WRITE)
    options = MmapOptions.for_file(file).with_flags(SHARED)
    with pytest.raises(PermissionError):
        options.map_mut()
    options.map().close()
    with MemoryFile(UNIT) as written:
        mapping = MmapOptions.for_file(written).with_flags(SHARED).map_mut()
        with pytest.raises(SystemCallError) as caught:
            written.seal(Seals.WRITE)
        assert caught.value.hint is not None
        mapping.close()
        written.seal(Seals.WRITE | Seals.SEAL)
        with pytest.raises(PermissionError):
            written.seal(Seals.GROW)
    for wrong in (1 << 9, -1):
        with pytest.raises(ValueError, match="Seals"):
            file.seal(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        file.seal("SHRINK")  # type: ignore[arg-type]


@pytest.mark.skipif(not SEALED, reason="this system has no seals")
def test_errors_name_the_seal() -> None:
    def hint(refused: Callable[[], object]) -> str:
        with pytest.raises(SystemCallError) as caught:
            refused()
        assert caught.value.hint is not None
        return caught.value.hint

    file = MemoryFile(2 * UNIT)
    options = MmapOptions.for_file(file).with_flags(SHARED)
    options = options.with_unsafe_flags(UnsafeMmapFlags.JIT)
    with options.map_mut():
        busy = hint(lambda: file.seal(Seals.WRITE))
    assert "writable shared mapping" in busy
    assert "SEAL," not in busy
    before = options.map_mut().make_read_only()
    file.seal(Seals.FUTURE_WRITE | Seals.SHRINK | Seals.GROW)
    for refused in (options.map_mut, options.map_exec_mut, options.map().make_mut):
        assert "sealed against writing" in hint(refused)
    before.close()
    for size in (UNIT, 3 * UNIT):
        text = hint(lambda: file.resize(size))  # noqa: B023
        assert "GROW" in text
        assert "SHRINK" in text
        assert "mapping" not in text
    file.seal(Seals.SEAL)
    assert "forbids more seals" in hint(lambda: file.seal(Seals.WRITE))


@pytest.mark.skipif(
    sys.platform not in ("linux", "android")
    or PageSizes.from_bytes(2 << 20) not in MmapOptions.page_sizes(),
    reason="this system has no huge pages of 2 MiB",
)
def test_huge_pages_are_not_cut() -> None:
    with MemoryFile(2 << 20, page_size=PageSize._2M) as file:
        for wrong in (UNIT, (2 << 20) + UNIT):
            with pytest.raises(InvalidSizeError, match="multiple of the huge page size"):
                file.resize(wrong)
        assert file.size() == 2 << 20
        file.resize(4 << 20)
        assert file.size() == 4 << 20


@pytest.mark.skipif(
    sys.platform not in ("darwin", "ios"), reason="other systems have seals, or are Windows"
)
def test_apple_has_no_seals() -> None:
    with pytest.raises(InvalidOperationError):
        MemoryFile(UNIT).seals()


def test_page_sizes_that_can_not_be() -> None:
    with pytest.raises(TypeError, match="PageSize"):
        MemoryFile(UNIT, page_size=4096)  # type: ignore[arg-type]
    with pytest.raises(InvalidSizeError):
        MemoryFile(1 << 30, page_size=PageSize(45))
    MemoryFile(UNIT, page_size=PageSize.from_bytes(MmapOptions.page_size())).close()


def test_it_is_not_copied() -> None:
    file = MemoryFile(UNIT)
    for call in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="copied"):
            call(file)
    with pytest.raises(TypeError, match="multiprocessing"):
        pickle.dumps(file)


@pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="descriptors are read from Linux's /proc"
)
def test_descriptors_are_closed() -> None:
    gc.collect()
    before = descriptors()
    use_files(100)
    gc.collect()
    assert descriptors() == before


def use_files(rounds: int) -> None:
    """Make files and mappings of them, and end them in all ways."""
    for _ in range(rounds):
        file = MemoryFile(UNIT)
        mapping = MmapOptions.for_file(file).with_flags(SHARED).map_mut()
        file.close()
        mapping.close()
        MemoryFile(UNIT)


def test_a_ring_buffer() -> None:
    with MemoryFile(UNIT) as file:
        ring = MmapOptions.for_file(file).with_flags(SHARED).with_repeats(2).map_mut()
    ring[UNIT - 2 : UNIT + 2] = b"wrap"
    assert ring[:2] == b"ap"
    ring.close()
