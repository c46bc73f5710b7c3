"""The fault guard, with very many missing pages: they take few areas, and are repaired as one."""

import sys
import textwrap

import pytest

from tests.fault_guard.guarded import child

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGBUS")

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts Linux's areas")

AREAS = """
def areas():
    return sum(1 for _ in MemoryAreas.open())

def sparse(size, kind="map", flags=MmapFlags.SHARED):
    # The zeros of the file take no room.
    file.truncate(size)
    return getattr(MmapOptions(size).with_file(file).with_flags(flags).with_fault_guard(), kind)()

# Each of 16 faults may cut a page out of the mapping, which adds two areas; one more takes the rest.
# The interpreter maps some memory of its own meanwhile.
FEW = 2 * 16 + 1 + 15
"""


def counts(code: str, timeout: float = 60) -> str:
    return child(AREAS + textwrap.dedent(code), timeout)


@LINUX
@pytest.mark.parametrize(
    ("kind", "flags"), [("map", "MmapFlags.SHARED"), ("map_mut", "MmapFlags(0)")]
)
@pytest.mark.parametrize("order", ["up", "down", "mixed"])
def test_a_hundred_thousand_missing_pages_take_a_few_areas(
    kind: str, flags: str, order: str
) -> None:
    # With one area for each, vm.max_map_count would end the process.
    counts(f"""
        import random
        SIZE = 200_000 * P
        m = sparse(SIZE, {kind!r}, {flags})
        view = memoryview(m)
        pages = list(range(P, SIZE, 2 * P))
        {order!r} == "down" and pages.reverse()
        {order!r} == "mixed" and random.Random(5).shuffle(pages)
        before = areas()
        cut(P)
        assert not any(view[at] for at in pages)
        assert areas() <= before + FEW, areas() - before
        assert m.faulted()
        view.release()
        m.close()
    """)


@LINUX
def test_one_call_over_very_many_missing_pages() -> None:
    counts("""
        m = sparse(200_000 * P)
        cut(0)
        faults(lambda: m[:: 2 * P])
        faults(lambda: m[::-P])
        m.close()
    """)


@LINUX
def test_parts_that_were_split_changed_and_merged() -> None:
    counts("""
        import ctypes
        SIZE = 4000 * P
        m = sparse(SIZE, "map_mut")
        untouched = m.split_off(3000 * P)
        end = m.split_off(2000 * P)
        middle = m.split_off(1000 * P).make_read_only()
        view = memoryview(middle)
        before = areas()
        cut(0)
        assert not any(view[:: 2 * P]) and middle.faulted()
        # Repairs stay within their part.
        assert not (m.faulted() or end.faulted() or untouched.faulted())
        view.release()
        # New pages change their protection with their part.
        middle = middle.make_mut()
        ctypes.memset(middle.as_mut_ptr(), 5, middle.size())
        faults(lambda: m.fill(1))
        m.merge(middle)
        m.merge(end)
        assert m.faulted() and m.size() == 3000 * P
        faults(lambda: m[-1])
        m = m.make_none().make_mut()
        assert m.faulted() and not untouched.faulted()
        assert areas() <= before + 3 * FEW
        again = m.split_off(P)
        assert again.faulted()
        for part in (again, m, untouched):
            part.close()
    """)


@LINUX
def test_a_merged_mapping_is_repaired_as_one() -> None:
    counts("""
        SIZE = 1000 * P
        m = sparse(SIZE)
        parts = [m.split_off(at) for at in range(SIZE - P, 0, -P)]
        for part in reversed(parts):
            m.merge(part)
        assert m.size() == SIZE
        before = areas()
        view = memoryview(m)
        cut(0)
        assert not any(view[:: -2 * P])
        assert areas() <= before + FEW
    """)


@LINUX
def test_where_there_is_no_room_for_one_more_area() -> None:
    # All of the mapping is replaced then, which needs none.
    counts("""
        import ctypes
        from pathlib import Path
        libc = ctypes.CDLL(None)
        libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        m = sparse(8 * P)
        view = memoryview(m)
        limit = int(Path("/proc/sys/vm/max_map_count").read_text())
        if limit > 200_000:
            print("unlimited")
            raise SystemExit
        filler = MmapOptions(2 * (limit + 100) * P).with_flags(MmapFlags.NO_RESERVE).map_mut()
        first, mprotect, at = filler.start(), libc.mprotect, 0
        cut(P)
        while mprotect(first + at * P, P, 1) == 0:
            at += 2
        got = view[5 * P], view[7 * P], view[0]
        mprotect(first, at * P, 3)
        assert at > 1000 and got == (0, 0, 0) and m.faulted()
        faults(lambda: m[0])
    """)


@LINUX
def test_children_of_fork_repair_their_own() -> None:
    counts("""
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        m = sparse(20_000 * P)
        view = memoryview(m)
        cut(P)
        pid = os.fork()
        if pid == 0:
            before = areas()
            few = not any(view[::-P]) and areas() <= before + FEW
            os._exit(0 if few and m.faulted() else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert not m.faulted() and view[0] == 0
        faults(lambda: m[::P])
    """)


@LINUX
def test_no_descriptor_is_needed() -> None:
    counts("""
        import tempfile
        m = sparse(1000 * P)
        other = tempfile.TemporaryFile(buffering=0)
        cut(P)
        number = file.fileno()
        os.closerange(3, 256)
        # A larger file has the number now.
        assert os.open("/proc/self/exe", os.O_RDONLY) == 3
        os.dup2(3, number)
        faults(lambda: m[::P])
    """)
