"""One look-up: what the kernel answers (PROCMAP_QUERY) and what its text says are the same."""

import errno
import itertools
import os
import platform
import sys
from pathlib import Path

import pytest

from mmap_rs import MemoryArea, MemoryAreas, MmapFlags, MmapOptions, _mmap_rs
from tests.support.address_space import hole, malloc_reserve
from tests.support.child_process import check_child
from tests.support.procfs import areas

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux has two ways to look up")

LAST = sys.maxsize * 2 + 1


def both(pid: int | None, addresses: range) -> tuple[list[MemoryArea], list[MemoryArea]]:
    """Return the areas of some addresses by a look-up, and by the text."""
    return (
        list(MemoryAreas.query_process_range(pid, addresses)),
        list(_mmap_rs._areas_by_text(pid, addresses)),
    )


def compare(pid: int | None) -> bool:
    """Compare both ways for every area of a process, and every gap; false if it did not stand still."""
    before = areas(pid or "self")
    edges = sorted({0, LAST, *(area.start for area in before), *(area.end for area in before)})
    wrong: list[object] = []
    for start, end in itertools.pairwise(edges):
        asked, read = both(pid, range(start, end))
        if asked != read or [repr(area) for area in asked] != [repr(area) for area in read]:
            wrong.append((asked, read))
        for address in (start, end - 1):
            found = MemoryAreas.query_process(pid, address)
            if found != (read[0] if read else None):
                wrong.append((address, found, read))
    whole, read = both(pid, range(LAST))
    if whole != read or len(whole) != len(before):
        wrong.append((whole, read))
    if before != areas(pid or "self"):
        return False
    assert not wrong
    return True


def test_both_ways_agree_on_this_process(tmp_path: Path, page: int) -> None:
    file = tmp_path / "a file\nof (deleted)"
    file.write_bytes(bytes(4 * page))
    shared = MmapOptions(2 * page).with_file(file, page).with_flags(MmapFlags.SHARED).map()
    private = MmapOptions(page).with_file(file).map_exec()
    file.unlink()
    with shared, private, malloc_reserve():
        assert any(compare(None) for _ in range(30)), "this process's areas never stood still"


def test_both_ways_agree_on_another_process(other_process: int) -> None:
    assert compare(other_process)


def test_both_ways_agree_above_all_else(other_process: int) -> None:
    # There lies at most [vsyscall], which the list has and a look-up of the kernel has not.
    for pid in (None, other_process):
        top = max(area.end for area in areas(pid or "self") if area.end < 1 << 63)
        for addresses in (range(top, LAST), range(top, top + 1), range(LAST - 1, LAST)):
            asked, read = both(pid, addresses)
            assert asked == read


NAMES = {
    "newline": b"a\nb",
    "an escape that is none": b"a\\012b",
    "both": b"\\012\n\\012",
    "nearly": b"\\01\\0122",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_newline_is_told_from_what_looks_like_one(name: bytes, tmp_path: Path, page: int) -> None:
    file = os.path.join(os.fsencode(tmp_path), name)
    Path(os.fsdecode(file)).write_bytes(bytes(page))
    with MmapOptions(page).with_file(file).with_flags(MmapFlags.SHARED).map() as mapping:
        at = range(mapping.start(), mapping.end())
        asked, read = both(None, at)
        listed = [area for area in MemoryAreas.open() if area.start() == at.start]
        for (area,) in (asked, read, listed):
            assert os.fsencode(area.path() or "") == file
        os.unlink(file)
        asked, read = both(None, at)
        for (area,) in (asked, read):
            assert os.fsencode(area.path() or "") == file + b" (deleted)"


def test_a_path_longer_than_any_system_call_takes(tmp_path: Path) -> None:
    check_child(
        """
        # Where getcwd() refuses such a folder, as on Android, nothing can be imported from in there.
        import os, pathlib, sys
        from mmap_rs import MemoryAreas, MmapOptions, _mmap_rs
        os.chdir(sys.argv[1])
        for _ in range(40):
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
        with open("file", "wb") as file:
            file.write(bytes(1 << 16))
        mapping = MmapOptions.for_file("file").map()
        found = MemoryAreas.query(mapping.start())
        (read,) = _mmap_rs._areas_by_text(None, range(mapping.start(), mapping.end()))
        assert found == read, (found, read)
        listed = [area for area in MemoryAreas.open() if area.start() == mapping.start()]
        assert listed == [found]
        assert len(os.fsencode(found.path())) > 8000 and found.path().name == "file", found.path()
        """,
        arguments=(str(tmp_path),),
    )


# --- a kernel without look-ups

WITHOUT = """
import ctypes, fcntl, os, struct, sys
from mmap_rs import MemoryAreas, MmapOptions

def forbid(answer):
    '''Let the kernel answer the request of a look-up with an error, as an older kernel or a sandbox does.'''
    PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
    LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
    number = {"x86_64": 16, "aarch64": 29, "riscv64": 29}[os.uname().machine]
    program = b"".join(
        struct.pack("=HBBI", *line)
        for line in [
            (LOAD, 0, 0, 0),
            (JUMP_IF_EQUAL, 0, 3, number),
            (LOAD, 0, 0, 24),
            (JUMP_IF_EQUAL, 0, 1, 0xC0686611),
            (RETURN, 0, 0, 0x00050000 | answer),
            (RETURN, 0, 0, 0x7FFF0000),
        ]
    )
    kept = ctypes.create_string_buffer(program)
    filter = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 6, ctypes.addressof(kept)))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise SystemExit(print("skip"))
    if prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter, 0, 0):
        raise SystemExit(print("skip"))

errno, warm, pid = int(sys.argv[1]), sys.argv[2] == "warm", int(sys.argv[3])
mapping = MmapOptions.for_file(sys.executable).map()
if warm:
    assert MemoryAreas.query(mapping.start()).start() == mapping.start()
iterator = MemoryAreas.query_process_range(pid, range(2**64 - 1))
found = [next(iterator), next(iterator)] if warm else []
forbid(errno)
try:
    with open("/proc/self/maps") as file:
        fcntl.ioctl(file, 0xC0686611, bytes(104))
except OSError as error:
    assert error.errno == errno, error
found += iterator
assert found == list(MemoryAreas.open(pid)), found
area = MemoryAreas.query(mapping.start())
assert (area.start(), area.path()) == (mapping.start(), next(iter([area])).path())
assert [area] == list(MemoryAreas.query_range(range(mapping.start(), mapping.end())))
for listed in found:
    assert MemoryAreas.query_process(pid, listed.end() - 1) == listed
    assert list(MemoryAreas.query_process_range(pid, listed.range())) == [listed]
assert MemoryAreas.query(0) is None and MemoryAreas.query(2**64 - 1) is None
print("done")
"""


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "aarch64", "riscv64"),
    reason="the filter knows the number of ioctl on three processors",
)
@pytest.mark.parametrize("when", ["warm", "cold"])
@pytest.mark.parametrize("answer", ["ENOTTY", "EPERM", "ENOSYS", "EINVAL"])
def test_a_kernel_that_can_not_look_up(answer: str, when: str, other_process: int) -> None:
    arguments = (str(getattr(errno, answer)), when, str(other_process))
    output = check_child(WITHOUT, arguments=arguments)
    if output == "skip\n":
        pytest.skip("this system forbids seccomp filters")
    assert output == "done\n"


# --- no descriptor is kept


def test_a_look_up_keeps_no_descriptor() -> None:
    # In a child, where nothing was looked up before.
    check_child(
        """
        import os, sys
        from tests.support.procfs import descriptors
        from mmap_rs import MemoryAreas

        last = 2 * sys.maxsize + 1
        before = descriptors()
        for _ in range(200):
            assert MemoryAreas.query(id(sys)) is not None
            assert descriptors() == before
            MemoryAreas.query(last)
            MemoryAreas.query_process(os.getpid(), 0x1000)
            list(MemoryAreas.query_range(range(last)))
            next(MemoryAreas.query_range(range(last)))
            assert descriptors() == before
        """
    )


def test_a_program_may_close_every_descriptor(other_process: int) -> None:
    output = check_child(
        """
        import os, sys
        from mmap_rs import MemoryAreas, MmapOptions

        mapping = MmapOptions.for_file(sys.executable).map()
        wanted = MemoryAreas.query(mapping.start())
        # Whatever gets the numbers then is neither asked nor closed, here and in a child.
        for path in ("/proc/self/maps", f"/proc/{sys.argv[1]}/maps", sys.executable, "/dev/null"):
            os.closerange(3, 64)
            foreign = [os.open(path, os.O_RDONLY) for _ in range(40)]
            states = [os.fstat(number) for number in foreign]
            child = os.fork()
            assert MemoryAreas.query(mapping.start()) == wanted
            assert MemoryAreas.query(0x1000) is None
            assert [os.fstat(number).st_ino for number in foreign] == [s.st_ino for s in states]
            assert [os.lseek(number, 0, os.SEEK_CUR) for number in foreign] == [0] * 40
            if not child:
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        print("done")
        """,
        arguments=(str(other_process),),
    )
    assert output == "done\n"


def test_a_child_looks_at_itself() -> None:
    output = check_child(
        """
        import os
        from tests.support.procfs import descriptors
        from mmap_rs import MemoryAreas, MmapOptions

        mapping = MmapOptions(1 << 16).map()
        start = mapping.start()
        assert MemoryAreas.query(start) is not None
        count = len(descriptors())
        for generation in range(3):
            read, write = os.pipe()
            child = os.fork()
            if child:
                os.close(write)
                # The child has unmapped it; this process has not.
                assert os.read(read, 1) == b"x"
                assert start in MemoryAreas.query(start)
                os.close(read)
                assert os.waitpid(child, 0)[1] == 0
                break
            os.close(read)
            mapping.close()
            assert MemoryAreas.query(start) is None or start < 0
            mapping = MmapOptions(1 << 16).map()
            start = mapping.start()
            assert start in MemoryAreas.query(start)
            os.write(write, b"x")
            os.close(write)
            assert len(descriptors()) == count, (generation, descriptors())
        """
    )
    assert output == ""


def test_an_iterator_does_not_go_on_in_a_child() -> None:
    check_child(
        """
        import os, sys
        from mmap_rs import InvalidOperationError, MemoryAreas

        for iterator in (MemoryAreas.open(), MemoryAreas.query_range(range(2 * sys.maxsize))):
            whole = len(list(MemoryAreas.open()))
            next(iterator)
            child = os.fork()
            if not child:
                try:
                    next(iterator)
                except InvalidOperationError as error:
                    assert "fork" in str(error)
                    iterator.close()
                    assert next(iterator, None) is None
                    os._exit(0)
                os._exit(1)
            assert os.waitpid(child, 0)[1] == 0
            # The parent goes on as if nothing had been.
            assert len(list(iterator)) > whole // 2
        """
    )


def test_areas_that_touch_are_told_apart(page: int) -> None:
    with hole(4 * page) as address:
        made = [
            MmapOptions(page).with_address(address).map(),
            MmapOptions(page).with_address(address + page).map_exec(),
            MmapOptions(page).with_address(address + 3 * page).map_none(),
        ]
        asked, read = both(None, range(address, address + 4 * page))
        assert asked == read
        assert [area.start() for area in asked] == [mapping.start() for mapping in made]
