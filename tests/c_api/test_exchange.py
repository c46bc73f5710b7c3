"""Memory that changes its owner: adopted from other code, or taken by it."""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
from contextlib import suppress
from typing import Any

import pytest

from mmap_rs import (
    ConsumedError,
    FaultError,
    InvalidOffsetError,
    InvalidOperationError,
    InvalidSizeError,
    Mapping,
    MemoryAreas,
    Mmap,
    MmapFlags,
    MmapMut,
    MmapNone,
    MmapOptions,
    Protection,
)
from tests.c_api.other_code import KIND, is_mapped, libc, mapped, unix
from tests.c_api.table import (
    EXECUTE,
    KINDS,
    READ,
    WRITE,
    Memory,
    adopt,
    give_back,
    info,
    table,
    take,
    view,
)
from tests.conftest import FileFactory
from tests.support.mapping_classes import MAKERS, class_name


@pytest.mark.parametrize("cls", MAKERS, ids=class_name)
def test_what_is_taken_can_be_adopted(cls: type[Mapping], page: int) -> None:
    m = getattr(MmapOptions(4 * page), MAKERS[cls])()
    start = m.start()
    memory = take(m)
    assert (memory.start, memory.len, memory.page_size) == (start, 4 * page, page)
    assert KINDS[memory.kind] == type(m).__name__
    assert m.closed
    assert repr(m) == f"<mmap_rs.{type(m).__name__} taken by code in another language>"
    with pytest.raises(ConsumedError, match="was taken by code in another language"):
        m.size()
    again = adopt(start=start, len=memory.len, kind=memory.kind)
    assert type(again) is type(m)
    assert (again.start(), again.size()) == (start, 4 * page)
    again.close()
    assert not is_mapped(start)


def test_a_taken_mapping_is_unmapped_by_its_function(page: int) -> None:
    m = MmapOptions(3 * page).map_mut()
    m[:5] = b"hello"
    memory = take(m)
    assert ctypes.string_at(memory.start, 5) == b"hello"
    assert is_mapped(memory.start)
    assert memory.divisible == (os.name != "nt")
    if memory.divisible:
        give_back(memory, page, page)
        assert [is_mapped(memory.start + n * page) for n in range(3)] == [True, False, True]
        give_back(memory, 0, page)
        give_back(memory, 2 * page, page)
    else:
        give_back(memory)
    assert not is_mapped(memory.start)


def test_buffers_keep_a_mapping_from_being_taken(page: int) -> None:
    m = MmapOptions(page).map_mut()
    with memoryview(m), pytest.raises(BufferError):
        take(m)
    made, _ = view(m)
    with pytest.raises(BufferError):
        take(m)
    table.release(made)
    m[0] = 1
    give_back(take(m))
    with pytest.raises(ConsumedError):
        take(m)


def test_what_can_not_be_taken(page: int, tmp_file: FileFactory) -> None:
    with pytest.raises(InvalidSizeError, match="an empty mapping has no memory"):
        take(MmapOptions.for_file(tmp_file(0)).map())
    with pytest.raises(TypeError, match="a mapping of mmap_rs is needed, not bytes"):
        take(b"")
    m = MmapOptions(page).map()
    with pytest.raises(ValueError, match="struct_size is 0"):
        table.take(m, Memory())
    with pytest.raises(ValueError, match="memory is NULL"):
        table.take(m, None)
    assert m[0] == 0
    m.close()


@unix
def test_a_faulted_mapping_can_not_be_taken(page: int, tmp_file: FileFactory) -> None:
    path = tmp_file(2 * page)
    m = MmapOptions.for_file(path).with_fault_guard().map()
    os.truncate(path, page)
    with pytest.raises(FaultError):
        m.find(b"none")
    with pytest.raises(FaultError):
        take(m)
    m.close()


@unix
def test_adopted_memory_has_all_methods(page: int) -> None:
    start = mapped(4 * page)
    m = adopt(start=start, len=4 * page, kind=KIND["MmapMut"])
    assert isinstance(m, MmapMut)
    m[:5] = b"hello"
    assert m.find(b"llo") == 2
    m.flush()
    m.lock()
    m.unlock()
    m.advise(MmapFlags.RANDOM_ACCESS)
    assert m.resident() >= page
    tail = m.split_off(page)
    m.merge(tail)
    frozen = m.make_read_only()
    assert isinstance(frozen, Mmap)
    code = frozen.make_exec()
    assert code.is_executable()
    none = code.make_none()
    assert isinstance(none, MmapNone)
    back = none.make_mut()
    assert back[:5] == b"hello"
    back.resize(8 * page)
    assert (len(back), back[:5], back[7 * page]) == (8 * page, b"hello", 0)
    back.close()
    assert not is_mapped(start) or MemoryAreas.query(start) is not None


@unix
def test_memory_beside_one_that_moves(page: int) -> None:
    """The old addresses of a mapping that moves are free, for this process too."""
    stop = threading.Event()

    def move() -> None:
        while not stop.is_set():
            with MmapOptions(16 * page).map_mut() as m:
                m.resize(32 * page)
                m.resize(16 * page)

    thread = threading.Thread(target=move)
    thread.start()
    try:
        for _ in range(3000):
            adopt(start=mapped(16 * page), len=16 * page, kind=KIND["MmapMut"]).close()
    finally:
        stop.set()
        thread.join()


@unix
def test_shared_memory_without_a_file(page: int) -> None:
    flags = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS
    start = libc().mmap(None, page, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0)
    m = adopt(start=start, len=page, kind=KIND["MmapMut"])
    assert "shared anonymous" in repr(m)
    m.set_name("shared")
    m.close()


@unix
def test_a_file_is_known_by_its_path(tmp_file: FileFactory, page: int) -> None:
    path = tmp_file(2 * page)
    with path.open("r+b") as file:
        start = libc().mmap(
            None, page, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, file.fileno(), page
        )
    m = adopt(start=start, len=page, kind=KIND["MmapMut"], protection=READ | WRITE, share_mode=1)
    assert f"shared file '{path}' offset={page}" in repr(m)
    m[0] = 255
    m.flush()
    assert path.read_bytes()[page] == 255
    with pytest.raises(InvalidOperationError, match="was mapped by other code"):
        m.resize()
    m.close()


@pytest.mark.skipif(
    not os.path.exists("/proc/self/smaps"), reason="smaps tells the size of the pages"
)
def test_huge_pages_are_found_out() -> None:
    huge, flags = 2 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000  # MAP_HUGETLB
    start = libc().mmap(None, 2 * huge, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0)
    if start == 2 ** (8 * ctypes.sizeof(ctypes.c_void_p)) - 1:
        pytest.skip("the pool of huge pages of 2 MiB is empty")
    with pytest.raises(InvalidSizeError, match="not a multiple of the page size"):
        adopt(start=start, len=huge + 4096, kind=KIND["MmapMut"])
    m = adopt(start=start, len=2 * huge, kind=KIND["MmapMut"])
    assert info(m).page_size == huge
    with pytest.raises(InvalidOffsetError):
        m.split_off(4096)
    m.split_off(huge).close()
    m[0] = 1
    m.close()


@unix
def test_memory_that_is_writable_and_executable_stays_so(page: int) -> None:
    start = mapped(page, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    m = adopt(start=start, len=page, kind=KIND["MmapMut"])
    assert m.is_executable()
    area = MemoryAreas.query(start)
    assert area is not None
    assert area.protection() == Protection(READ | WRITE | EXECUTE)
    assert m.make_mut().make_exec_mut().is_executable()


@unix
def test_taking_while_others_use_it(page: int) -> None:
    """Threads that read, export and take the same mapping: one of them has it, the others are refused."""
    for _ in range(200):
        m = MmapOptions(page).map_mut()
        taken: list[Memory] = []
        start = threading.Barrier(4)

        def act(m: Any = m, taken: list[Memory] = taken, start: threading.Barrier = start) -> None:
            start.wait()
            with suppress(ConsumedError, BufferError):
                taken.append(take(m))

        def look(m: Any = m, start: threading.Barrier = start) -> None:
            start.wait()
            with suppress(ConsumedError):
                made, found = view(m)
                assert ctypes.string_at(found.start, 1) == b"\0"
                table.release(made)

        threads = [threading.Thread(target=target) for target in (act, act, look, look)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(taken) <= 1
        if taken:
            assert is_mapped(taken[0].start)
            give_back(taken[0])
        else:
            m.close()


@unix
def test_nothing_is_lost_in_ten_thousand_rounds(page: int) -> None:
    before = sum(1 for _ in MemoryAreas.open())
    for _ in range(10_000):
        start = mapped(page)
        m = adopt(start=start, len=page, kind=KIND["MmapMut"])
        made, _ = view(m)
        table.release(made)
        memory = take(m)
        give_back(memory)
    assert sum(1 for _ in MemoryAreas.open()) <= before + 10
