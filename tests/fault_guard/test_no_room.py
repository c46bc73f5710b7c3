"""The fault guard, where the file is whole but there is no room for a page: a full disk, no huge page."""

import sys
import textwrap

import pytest

from tests.fault_guard.guarded import child

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGBUS")

FULL_DISK = """
import contextlib, ctypes

@contextlib.contextmanager
def small_disk():
    # Its name is that of a folder on a disk of 16 pages.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x20000):
        print("refused")
        raise SystemExit
    folder = tempfile.mkdtemp()
    libc.mount(b"none", b"/", None, 0x4000 | 1 << 18, None)
    if libc.mount(b"tmpfs", folder.encode(), b"tmpfs", 0, b"size=%d" % (16 * P)):
        os.rmdir(folder)
        print("refused")
        raise SystemExit
    try:
        yield folder
    finally:
        libc.umount(folder.encode())
        os.rmdir(folder)

def sparse_on(folder, pages):
    path = os.path.join(folder, "sparse")
    with open(path, "wb") as sparse:
        sparse.truncate(pages * P)
    return path, MmapOptions.for_file(path).with_flags(MmapFlags.SHARED).with_fault_guard().map_mut()
"""


def on_a_full_disk(code: str) -> None:
    if child(FULL_DISK + textwrap.dedent(code)) == "refused\n":
        pytest.skip("this process may not mount: it needs CAP_SYS_ADMIN")


mounts = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="mounts a file system the Linux way"
)


@mounts
def test_a_full_disk() -> None:
    on_a_full_disk("""
        with small_disk() as folder:
            path, m = sparse_on(folder, 256)
            m[0] = 1
            faults(lambda: m.fill(1))
            m.close()
    """)


@mounts
def test_single_pages_and_then_the_rest() -> None:
    # A few missing pages cost what is missing; many cost the rest of the mapping, not of the file.
    on_a_full_disk("""
        with small_disk() as folder:
            path, m = sparse_on(folder, 1000)
            view = memoryview(m)
            view[0] = view[500 * P] = view[900 * P] = 1
            with open(os.path.join(folder, "fill"), "wb", buffering=0) as fill:
                try:
                    while fill.write(bytes(P)):
                        pass
                except OSError as error:
                    assert error.errno == errno.ENOSPC
            assert not m.faulted()
            for page in range(100, 132, 2):
                view[page * P] = 2
            assert m.faulted() and view[0] == view[500 * P] == view[900 * P] == 1
            view[600 * P] = 3
            assert view[0] == view[500 * P] == 1 and view[900 * P] == 0 and view[600 * P] == 3
            # In any order: what lies between is taken too, and what lies before is not.
            for page in range(599, 300, -1):
                view[page * P] = 4
            assert view[0] == 1 and view[130 * P] == 2
            parts = list(MemoryAreas.query_range(range(m.start(), m.end())))
            assert len(parts) - 1 <= 2 * 16 + 1, len(parts)
            view.release()
            m.close()
            with open(path, "rb") as sparse:
                data = sparse.read()
            got = [data[page * P] for page in (0, 100, 500, 600, 900)]
            # Page 500 was still the file's when it was written.
            assert got == [1, 0, 4, 0, 1], got
    """)


@pytest.mark.hugepages
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="huge pages as Linux has them")
def test_no_free_huge_page() -> None:
    code = """
        from pathlib import Path
        text = Path("/proc/meminfo").read_text()
        size = int(text.split("Hugepagesize:")[1].split()[0]) * 1024
        free = int(text.split("HugePages_Free:")[1].split()[0])
        flags = MmapFlags.HUGE_PAGES | MmapFlags.NO_RESERVE
        m = MmapOptions(size * (free + 1)).with_flags(flags).with_fault_guard().map_mut()
        try:
            m.fill(1)
        except FaultError:
            assert m.faulted()
        else:
            print("a page came from somewhere")
        m.close()
    """
    assert child(code) == ""
