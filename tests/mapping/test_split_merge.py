"""`split_off`, `split_to`, `merge`: what they give, what they refuse, and what the kernel has afterwards."""

import os
import random
import sys
from pathlib import Path
from typing import Any

import pytest

import mmap_rs
from mmap_rs import (
    ConsumedError,
    InvalidOffsetError,
    Mmap,
    MmapFlags,
    MmapOptions,
    MustBeAdjacentError,
)
from tests.mapping.adjacent import KINDS, address, file, make, numbered
from tests.support.child_process import check_child
from tests.support.procfs import mapped_bytes, permissions_at

__all__ = ["address", "file"]  # fixtures

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="places mappings side by side, and reads Linux's list of areas"
)

# --- split


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [1, 2, 3])
def test_split_off(kind: str, at: int, address: int, page: int) -> None:
    mapping = make(kind, MmapOptions(4 * page).with_address(address))
    start = mapping.start()
    assert start == address
    rest = mapping.split_off(at * page)
    assert type(rest) is type(mapping)
    assert (mapping.start(), mapping.size()) == (start, at * page)
    assert (rest.start(), rest.size()) == (start + at * page, (4 - at) * page)
    mapping.close()
    assert mapped_bytes(start, start + 4 * page) == (4 - at) * page
    rest.close()
    assert mapped_bytes(start, start + 4 * page) == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [1, 2, 3])
def test_split_to(kind: str, at: int, address: int, page: int) -> None:
    mapping = make(kind, MmapOptions(4 * page).with_address(address))
    start = mapping.start()
    assert start == address
    head = mapping.split_to(at * page)
    assert type(head) is type(mapping)
    assert (head.start(), head.size()) == (start, at * page)
    assert (mapping.start(), mapping.size()) == (start + at * page, (4 - at) * page)
    mapping.close()
    assert mapped_bytes(start, start + 4 * page) == at * page
    head.close()
    assert mapped_bytes(start, start + 4 * page) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_offsets_that_are_refused(kind: str, page: int) -> None:
    mapping = make(kind, MmapOptions(4 * page))
    start = mapping.start()
    for at in (0, 1, page - 1, page + 1, 4 * page - 1, 4 * page, 5 * page, sys.maxsize + 1):
        for method in (mapping.split_off, mapping.split_to):
            with pytest.raises(InvalidOffsetError) as caught:
                method(at)
            assert caught.value.variant == "InvalidOffset"
    for at in (-1, -page, 1 << 64):
        for method in (mapping.split_off, mapping.split_to):
            with pytest.raises(OverflowError):
                method(at)
    wrong: list[Any] = [None, "1", 1.0, slice(1)]
    for at in wrong:
        for method in (mapping.split_off, mapping.split_to):
            with pytest.raises(TypeError):
                method(at)
    assert (mapping.start(), mapping.size()) == (start, 4 * page)


def test_a_mapping_of_one_page_can_not_be_split(page: int) -> None:
    for size in (1, page - 1, page):
        mapping = MmapOptions(size).map_mut()
        for at in (0, 1, size, page, 2 * page):
            with pytest.raises(InvalidOffsetError):
                mapping.split_off(at)
        assert mapping.size() == size


def test_a_size_that_is_no_multiple_of_the_page(address: int, page: int) -> None:
    mapping = MmapOptions(2 * page + 10).with_address(address).map_mut()
    mapping[-1] = 7
    tail = mapping.split_off(2 * page)
    assert (mapping.size(), tail.size()) == (2 * page, 10)
    assert tail[9] == 7
    mapping.merge(tail)
    assert mapping.size() == 2 * page + 10
    assert mapping[-1] == 7
    mapping.close()
    assert mapped_bytes(address, address + 3 * page) == 0


def test_the_rest_of_a_page_is_a_gap(address: int, page: int) -> None:
    left = MmapOptions(10).with_address(address).map_mut()
    right = MmapOptions(page).with_address(address + page).map_mut()
    assert (left.start(), right.start()) == (address, address + page)
    with pytest.raises(MustBeAdjacentError):
        left.merge(right)
    assert (left.size(), right.size()) == (10, page)


# --- merge: done


def test_merge_consumes_the_other(page: int) -> None:
    left = numbered(2, page)
    right = left.split_off(page)
    left.merge(right)
    assert right.closed
    assert "merge" in repr(right)
    with pytest.raises(ConsumedError):
        right[0]
    right.close()
    with pytest.raises(ConsumedError), right:
        pass
    assert left[page] == 1


def test_neighbours_that_were_made_apart(address: int, page: int) -> None:
    left = MmapOptions(page).with_address(address).map_mut()
    right = MmapOptions(page).with_address(address + page).map_mut()
    left.fill(1)
    right.fill(2)
    left.merge(right)
    assert left[page - 1 : page + 1] == b"\x01\x02"
    assert left.find(b"\x01\x02") == page - 1
    with memoryview(left) as view:
        view[page - 1 : page + 1] = b"ab"
        assert view.tobytes() == left[:]
    left.split_off(page).close()
    assert mapped_bytes(address, address + 2 * page) == page


@pytest.mark.parametrize("flags", [MmapFlags(0), MmapFlags.SHARED], ids=["private", "shared"])
def test_a_file_continued_at_the_right_offset(
    flags: MmapFlags, address: int, file: Path, page: int
) -> None:
    link = file.with_name("link")
    os.link(file, link)
    left = MmapOptions(2 * page).with_flags(flags).with_file(file, page).with_address(address).map()
    options = MmapOptions(page).with_flags(flags).with_address(address + 2 * page)
    # Another name, and so another open file; but the same file.
    left.merge(options.with_file(link, 3 * page).map())
    assert left[:] == file.read_bytes()[page : 4 * page]
    # What is split off knows its place in the file.
    tail = left.split_off(2 * page)
    head = left.split_to(page)
    assert (head[0], left[0], tail[0]) == (1, 2, 3)
    head.merge(left)
    head.merge(tail)
    assert head[:] == file.read_bytes()[page : 4 * page]


@pytest.mark.parametrize("seed", range(5))
def test_many_parts(seed: int, address: int, page: int) -> None:
    chance = random.Random(seed)
    pages = 16
    whole = numbered(pages, page, address)
    start = whole.start()
    assert start == address
    expected = whole[:]
    for _ in range(5):
        parts = [whole]
        while len(parts) < pages:
            part = chance.choice([part for part in parts if part.size() > page])
            at = chance.randrange(1, part.size() // page) * page
            if chance.random() < 0.5:
                parts.append(part.split_off(at))
            else:
                parts.append(part.split_to(at))
        parts.sort(key=lambda part: part.start())
        assert [part[0] for part in parts] == list(range(pages))
        while len(parts) > 1:
            index = chance.randrange(len(parts) - 1)
            parts[index].merge(parts.pop(index + 1))
        whole = parts[0]
        assert (whole.start(), whole.size()) == (start, pages * page)
        assert whole[:] == expected
    whole.close()
    assert mapped_bytes(start, start + pages * page) == 0


@pytest.mark.parametrize("order", ["forwards", "backwards"])
def test_parts_are_given_back_in_any_order(order: str, address: int, page: int) -> None:
    whole = MmapOptions(8 * page).with_address(address).map_mut()
    start = whole.start()
    assert start == address
    parts = [whole.split_to(page) for _ in range(7)] + [whole]
    for left, part in enumerate(parts if order == "forwards" else reversed(parts)):
        assert mapped_bytes(start, start + 8 * page) == (8 - left) * page
        part.close()
    assert mapped_bytes(start, start + 8 * page) == 0


# --- protection over merged parts


def test_protection_changes_over_merged_parts(address: int, page: int) -> None:
    left = MmapOptions(page).with_address(address).map_mut()
    left.merge(MmapOptions(2 * page).with_address(address + page).map_mut())
    left[:] = data = bytes(range(256)) * (3 * page // 256)
    for method, permissions in (
        ("make_none", "---p"),
        ("make_exec", "r-xp"),
        ("make_read_only", "r--p"),
    ):
        changed: Any = getattr(left, method)()
        assert [permissions_at(address + n * page) for n in range(3)] == [permissions] * 3
        left = changed.make_mut()
    assert left[:] == data
    left.close()
    assert mapped_bytes(address, address + 3 * page) == 0


def test_a_change_that_fails_in_the_middle_is_taken_back(
    address: int, file: Path, page: int
) -> None:
    # The second part comes from a descriptor that may only be read: its mprotect fails.
    options = MmapOptions(page).with_flags(MmapFlags.SHARED)
    with file.open("r+b") as writable, file.open("rb") as readable:
        merged = options.with_file(writable, 0).with_address(address).map()
        merged.merge(options.with_file(readable, page).with_address(address + page).map())
        merged.merge(options.with_file(writable, 2 * page).with_address(address + 2 * page).map())
    with pytest.raises(PermissionError, match="for reading only") as caught:
        merged.make_mut()
    assert isinstance(caught.value, mmap_rs.SystemCallError)
    assert not merged.closed
    assert type(merged) is Mmap
    assert [permissions_at(address + n * page) for n in range(3)] == ["r--s"] * 3
    assert merged[:] == file.read_bytes()[: 3 * page]
    assert merged.make_none().size() == 3 * page


def test_the_limit_of_mappings_loses_nothing() -> None:
    # To protect or unmap a part alone the kernel must cut an area in two, which its limit may forbid.
    # In a child, which is left without a free mapping.
    check_child("""
        import ctypes
        from pathlib import Path
        from tests.support.procfs import permissions_at
        from mmap_rs import MmapOptions, SystemCallError

        page = MmapOptions.page_size()
        left = MmapOptions(3 * page).map_mut()
        left.fill(5)
        middle = left.split_off(page)
        right = middle.split_off(page)

        libc = ctypes.CDLL(None)
        number = ctypes.c_size_t
        libc.mmap.restype = number
        libc.mmap.argtypes = [number, number, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
        libc.munmap.argtypes = [number, number]
        if int(Path("/proc/sys/vm/max_map_count").read_text()) > 300_000:
            raise SystemExit("the limit is too high to be reached in a test")
        shared_anonymous = 0x21  # each is an area of its own
        taken, failed, before = [], number(-1).value, 0
        while True:
            address = libc.mmap(0, page, 1, shared_anonymous, -1, 0)
            if address == failed:
                break
            taken.append(address)

        for act in (middle.make_none, middle.make_read_only, middle.close):
            try:
                act()
            except SystemCallError as error:
                message = str(error)
            else:
                message = "nothing was refused"
            for address in taken[:10]:
                libc.munmap(address, page)  # so that there is room to look
            assert "max_map_count" in message, message
            assert not middle.closed and middle.size() == page and middle[0] == 5
            assert permissions_at(middle.start()) == "rw-p"
            del taken[:10]
            while (address := libc.mmap(0, page, 1, shared_anonymous, -1, 0)) != failed:
                taken.append(address)

        for address in taken:
            libc.munmap(address, page)
        middle.make_none().close()
        assert left[0] == right[0] == 5
    """)


# --- what a driver keeps in one piece

# What a child runs first: `perf` is the descriptor of a perf event, whose ring the kernel does not split.
PERF_EVENT = """
import ctypes, os, platform, struct
from tests.support.procfs import area_at, mapped_bytes
from mmap_rs import InvalidOperationError, MmapFlags, MmapOptions

numbers = {"x86_64": 298, "aarch64": 241}
attributes = struct.pack("IIQQQQ", 1, 112, 9, 1, 0, 0).ljust(112, b"\\0")  # PERF_COUNT_SW_DUMMY
perf = -1
if platform.machine() in numbers:
    libc = ctypes.CDLL(None, use_errno=True)
    asked = ctypes.create_string_buffer(attributes, 112)
    perf = libc.syscall(numbers[platform.machine()], asked, 0, -1, -1, 0)
if perf < 0:
    print("skip: perf_event_open:", os.strerror(ctypes.get_errno()))
    raise SystemExit(0)
page = MmapOptions.page_size()
options = MmapOptions(9 * page).with_file(perf).with_flags(MmapFlags.SHARED)
"""


def test_a_mapping_that_can_not_be_split_is_not_lost() -> None:
    output = check_child(
        PERF_EVENT
        + """
refused = 0
for method, at in (("split_off", page), ("split_to", page), ("split_off", 5 * page), ("split_to", 8 * page)):
    ring = options.map_mut()
    start, part = ring.start(), None
    try:
        part = getattr(ring, method)(at)
    except InvalidOperationError as error:
        # Kernels before 6.17 split it.
        assert "one piece" in str(error), error
        refused += 1
        assert (ring.start(), ring.size(), ring.closed) == (start, 9 * page, False)
        assert ring[:8] == ring[:8]
    ring.close()
    if part is not None:
        part.close()
    # By name: something else may lie at these addresses by now.
    with open("/proc/self/maps", encoding="utf-8") as maps:
        assert "perf_event" not in maps.read(), method
print(refused)
"""
    )
    if output.startswith("skip: "):
        pytest.skip(f"this user has no perf events here: {output.removeprefix('skip: ').strip()}")
    assert output.strip() in {"0", "4"}


def test_a_mapping_of_a_device_is_split_and_merged(address: int, page: int) -> None:
    # Each open file of /dev/zero has memory of its own; parts of one mapping are of one.
    options = MmapOptions(4 * page).with_file("/dev/zero").with_flags(MmapFlags.SHARED)
    mapping = options.with_address(address).map_mut()
    mapping.fill(7)
    tail = mapping.split_off(page)
    middle = tail.split_to(2 * page)
    tail.close()
    assert mapped_bytes(address, address + 4 * page) == 3 * page
    mapping.merge(middle)
    assert mapping.count(7) == 3 * page
    mapping.close()
    assert mapped_bytes(address, address + 4 * page) == 0
