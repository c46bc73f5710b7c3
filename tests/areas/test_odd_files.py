"""Areas where upstream stops: odd names of files, and devices with large numbers, as containers have them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmap_rs import MemoryAreas, Mmap, MmapFlags, MmapOptions
from tests.areas.mount_namespace import LARGE_DEVICE_NUMBER
from tests.support.child_process import TIMEOUT_FACTOR, check_child, child_environment
from tests.support.os_features import memfd
from tests.support.procfs import area_at

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="about what Linux writes into /proc/PID/maps"
)

NAMES = {
    "newline": b"a\nb",
    "only newlines": b"\n\n",
    "spaces": b"  a  b  ",
    "looks deleted": b"file (deleted)",
    "not UTF-8": b"caf\xe9 \xff\xfe",
    "UTF-8": "ünïcödé \U0001f600".encode(),
    "tabs and other controls": b"a\tb\x01\x1b[31m\r",
    "backslash": b"a\\b\\",
    "looks like an area": b"7f0000000000-7f0000001000 r-xp 00000000 00:00 0 [vdso]",
    "brackets": b"[heap]",
    "long": b"n" * 255,
}


def mapped(path: bytes, page: int) -> None:
    """Map a file, and look for it by each way there is."""
    with MmapOptions(page).with_file(path).with_flags(MmapFlags.SHARED).map() as mapping:
        start = mapping.start()
        found = [
            MemoryAreas.query(start),
            MemoryAreas.query_process(os.getpid(), start),
            next(MemoryAreas.query_range(range(start, start + page))),
            next(area for area in MemoryAreas.open() if start in area),
        ]
        kernels = area_at(start)
        assert kernels is not None
        for area in found:
            assert area is not None
            assert (area.start(), area.end()) == (start, start + page)
            named = area.path()
            assert named is not None
            assert os.fsencode(named) == path == kernels.path
            assert named == Path(os.fsdecode(path))
            assert named.stat().st_ino == kernels.inode
            assert repr(area).isprintable()


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_the_name_of_a_file(name: bytes, tmp_path: Path, page: int) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)
    Path(os.fsdecode(path)).write_bytes(bytes(page))
    mapped(path, page)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_the_name_of_a_directory(name: bytes, tmp_path: Path, page: int) -> None:
    directory = os.path.join(os.fsencode(tmp_path), name)
    os.mkdir(directory)
    path = os.path.join(directory, b"file")
    Path(os.fsdecode(path)).write_bytes(bytes(page))
    mapped(path, page)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_deleted_file(name: bytes, tmp_path: Path, page: int) -> None:
    file = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))
    file.write_bytes(bytes(page))
    with MmapOptions(page).with_file(file).with_flags(MmapFlags.SHARED).map() as mapping:
        file.unlink()
        area = MemoryAreas.query(mapping.start())
        assert area is not None
        assert os.fsencode(area.path() or "") == os.fsencode(file) + b" (deleted)"
        assert area.file_offset() == 0
        assert area.share_mode().name == "Shared"


@pytest.mark.parametrize("name", ["plain", " leading", "two  spaces", "new\nline", "caf\udce9"])
def test_a_memfd(name: str, page: int) -> None:
    number = memfd(name)
    try:
        os.truncate(number, page)
        with MmapOptions.for_file(number).with_flags(MmapFlags.SHARED).map() as mapping:
            area = MemoryAreas.query(mapping.start())
            assert area is not None
            assert os.fsencode(area.path() or "") == b"/memfd:" + os.fsencode(name) + b" (deleted)"
    finally:
        os.close(number)


def test_odd_names_do_not_end_the_list(tmp_path: Path, page: int) -> None:
    mappings: list[Mmap] = []
    for name in NAMES.values():
        path = os.path.join(os.fsencode(tmp_path), name)
        Path(os.fsdecode(path)).write_bytes(bytes(page))
        mappings.append(MmapOptions(page).with_file(path).map())
    starts = {area.start() for area in MemoryAreas.open()}
    assert {mapping.start() for mapping in mappings} <= starts


# Where file names have another encoding than UTF-8, bytes that happen to be UTF-8 are no exception.
IN_ANOTHER_ENCODING = """
import os, sys
from pathlib import Path
from mmap_rs import MemoryAreas, MmapOptions

print(sys.getfilesystemencoding())
path = os.fsencode(sys.argv[1])
opened = []
sys.addaudithook(lambda event, args: event == "open" and opened.append(args[0]))
with MmapOptions.for_file(path).map() as mapping:
    assert os.fsdecode(path) in opened, opened
    area = MemoryAreas.query(mapping.start())
assert area.path() == Path(os.fsdecode(path)), ascii(area.path())
assert os.fsencode(area.path()) == path
os.unlink(path)
try:
    MmapOptions.for_file(path)
except FileNotFoundError as error:
    assert error.filename == os.fsdecode(path), ascii(error.filename)
"""


def test_a_name_that_is_utf_8_where_names_are_not(tmp_path: Path, page: int) -> None:
    path = os.path.join(os.fsencode(tmp_path), "größe 漢字".encode())
    Path(os.fsdecode(path)).write_bytes(bytes(page))
    locale = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_ENCODING, path],
        env=child_environment() | locale,
        capture_output=True,
        encoding="utf-8",
        timeout=60 * TIMEOUT_FACTOR,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if done.stdout.strip() == "utf-8":
        pytest.skip("the C library has no locale but UTF-8")


# --- device numbers

IN_A_NAMESPACE = (
    LARGE_DEVICE_NUMBER
    + """
from tests.support.address_space import hole, malloc_reserve
from tests.support.procfs import area_at, areas
from mmap_rs import (
    BackingMismatchError, MemoryAreas, Mmap, MmapFlags, MmapOptions, MustBeAdjacentError
)

page = MmapOptions.page_size()
path = os.path.join(directory, "file")
with open(path, "wb") as file:
    file.write(b"".join(bytes([n]) * page for n in range(4)))

mapping = MmapOptions(3 * page).with_file(path, page).map()
start = mapping.start()
assert area_at(start).device[1] > 0xFF, area_at(start)
"""
)


def in_a_namespace(code: str, tmp_path: Path) -> None:
    """Run code where a file `path`, mapped from its second page on, is on a device with a large number."""
    output = check_child(IN_A_NAMESPACE + code, arguments=(str(tmp_path),))
    if output.startswith("skip: "):
        pytest.skip(f"needs a mount namespace of its own: {output.removeprefix('skip: ').strip()}")
    assert output == "done\n"


def test_areas_with_a_large_device_number(tmp_path: Path) -> None:
    in_a_namespace(
        """
area = MemoryAreas.query(start)
assert area is not None and os.fspath(area.path()) == path, area
assert (area.start(), area.end(), area.file_offset()) == (start, start + 3 * page, page)
assert [a.start() for a in MemoryAreas.query_range(range(start, start + 1))] == [start]
with malloc_reserve():
    for _ in range(20):
        kernels = [a.start for a in areas()]
        ours = [a.start() for a in MemoryAreas.open()]
        if kernels == [a.start for a in areas()]:
            break
assert ours == kernels, (len(ours), len(kernels))
print("done")
""",
        tmp_path,
    )


def test_merge_with_a_large_device_number(tmp_path: Path) -> None:
    in_a_namespace(
        """
middle = mapping.split_off(page)
last = middle.split_off(page)
for first, second in ((mapping, last), (middle, mapping)):
    try:
        first.merge(second)
    except MustBeAdjacentError:
        pass
    else:
        raise AssertionError("merged what does not touch")
middle.merge(last)
mapping.merge(middle)
assert (mapping.start(), mapping.size()) == (start, 3 * page)
assert mapping[:] == bytes([1]) * page + bytes([2]) * page + bytes([3]) * page

# And the backing is still compared: the same page of the file after itself.
with hole(2 * page) as address:
    left = MmapOptions(page).with_file(path, 0).with_address(address).map()
    right = MmapOptions(page).with_file(path, 0).with_address(address + page).map()
    assert left.end() == right.start()
    try:
        left.merge(right)
    except BackingMismatchError:
        pass
    else:
        raise AssertionError("merged a page of a file with itself")
changed = mapping.make_mut()
changed[0] = 9
changed.close()
assert area_at(start) is None or area_at(start).path != path.encode()
print("done")
""",
        tmp_path,
    )
