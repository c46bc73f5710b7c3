"""What the system does not give: the error says so, names the limit, and nothing has changed."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from tests.robustness.limit_scripts import PRELUDE
from tests.support.child_process import check_child, describe, died_of, run_child
from tests.support.os_features import is_root

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sets Linux's limits")


def test_address_space() -> None:
    check_child(
        PRELUDE
        + """
kept = MmapOptions(4 * P).map_mut()
limit = status("VmSize") + (16 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
before = descriptors()
for name in ("map", "map_mut", "map_none", "map_exec", "reserve_none", "reserve_mut"):
    size = status("VmSize")
    text = refused(getattr(MmapOptions(64 << 20), name), errno.ENOMEM)
    assert "mmap of 67108864 bytes" in text, text
    assert status("VmSize") <= size + (2 << 20)
with MmapOptions(1 << 20).map_mut() as mapping:
    mapping.fill(1)
tail = kept.split_off(P)
kept.merge(tail)
kept.make_read_only().close()
assert descriptors() == before
"""
    )


def test_a_reservation_is_replaced_without_more_address_space() -> None:
    check_child(
        PRELUDE
        + """
size = 256 << 20
reserved = MmapOptions(size).reserve_none()
limit = status("VmSize") + (16 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
start = reserved.start()
with MmapOptions(size).with_reservation(reserved).map_mut() as mapping:
    assert mapping.start() == start
    mapping[-1] = 1
"""
    )


@pytest.mark.parametrize("kind", ["anonymous", "file", "shared file", "guarded file", "code"])
def test_a_mapping_moves_where_there_is_no_room_for_it_twice(kind: str, tmp_path: Path) -> None:
    check_child(
        PRELUDE
        + """
from mmap_rs import Inherit, UnsafeMmapFlags

kind, path = sys.argv[1:]
old, new = 64 << 20, 80 << 20
with open(path, "wb") as file:
    file.truncate(new)
options = MmapOptions(old)
if "file" in kind:
    options = options.with_file(path)
if kind == "shared file":
    options = options.with_flags(MmapFlags.SHARED)
if kind == "guarded file":
    options = options.with_fault_guard()
mapping = options.map_mut()
mapping[:5], mapping[-5:] = b"first", b"old e"
if kind == "code":
    mapping = mapping.make_exec()
mapping.advise(MmapFlags.NO_CORE_DUMP)
if kind == "anonymous":
    mapping.set_name("moved")
mapping.set_inheritance(Inherit.NONE)
try:
    behind = MmapOptions(P).with_address(mapping.end(), exact=True).map()
except FileExistsError:
    pass
start = mapping.start()
before = smaps_at(start)
limit = status("VmSize") + (32 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

refused(lambda: mapping.resize(new, may_move=False), errno.ENOMEM)
if "file" not in kind:
    refused(lambda: mapping.resize(old + (64 << 20)), errno.ENOMEM)
assert (mapping.start(), len(mapping), mapping[:5]) == (start, old, b"first")
assert smaps_at(start).vm_flags == before.vm_flags

mapping.resize(new)
assert mapping.start() != start and len(mapping) == new
assert (mapping[:5], mapping[old - 5 : old], mapping[-5:]) == (b"first", b"old e", bytes(5))
area = smaps_at(mapping.start())
assert (area.permissions, area.vm_flags) == (before.permissions, before.vm_flags)
assert area.end == mapping.end()
assert not mapping.faulted()
# The old place is free.
MmapOptions(P).with_address(start, exact=True).map().close()
if kind == "guarded file":
    os.truncate(path, old)
    assert mapping[old - 5 : old] == b"old e"
    try:
        mapping[-1]
    except mmap_rs.FaultError:
        pass
    else:
        raise AssertionError("the guard stayed behind")
else:
    tail = mapping.split_off(old)
    assert tail[:5] == bytes(5)
    mapping.merge(tail)
    if kind != "code":
        mapping[-1] = 7
        if kind != "file":
            mapping.flush()
    mapping = mapping.make_read_only()
    mapping.lock(); mapping.unlock()
    assert mapping[:5] == b"first"
    mapping.resize(old)
    assert mapping[-5:] == b"old e"
    if "file" not in kind:
        mapping.make_exec().make_none().close()
""",
        arguments=(kind, str(tmp_path / "file")),
    )


@pytest.mark.skipif(not is_root(), reason="has to give up rights that only root has")
def test_a_reservation_is_replaced_by_as_much_locked_memory_as_is_allowed() -> None:
    check_child(
        PRELUDE
        + """
resource.setrlimit(resource.RLIMIT_MEMLOCK, (8 * P, 8 * P))
give_up_rights()
options = MmapOptions(8 * P).with_flags(MmapFlags.LOCKED)
for make in ("reserve_none", "reserve_mut"):
    base = status("VmLck")
    reserved = getattr(MmapOptions(8 * P), make)()
    with options.with_reservation(reserved).map_mut() as mapping:
        assert status("VmLck") == base + 8 * P
        mapping[0] = 1
reserved = MmapOptions(16 * P).reserve_mut()
before = area_at(reserved.start())
options = MmapOptions(16 * P).with_flags(MmapFlags.LOCKED).with_reservation(reserved)
text = refused(options.map_mut, errno.EAGAIN)
assert "RLIMIT_MEMLOCK" in text, text
assert area_at(reserved.start()) == before
"""
    )


@pytest.mark.skipif(not is_root(), reason="has to give up rights that only root has")
@pytest.mark.parametrize(
    "act",
    [
        "list(MemoryAreas.open())",
        "list(MemoryAreas.open(usage=True))",
        "parts.make_read_only()",
        "parts.split_off(P)",
        "front.merge(parts)",
        "m.resident()",
    ],
)
def test_a_full_heap(act: str) -> None:
    output = check_child(
        PRELUDE
        + """
m = MmapOptions(1 << 26).map_mut()
front = MmapOptions(2001 * P).map_mut()
parts = front.split_off(P)
pieces = [parts.split_off(at) for at in range(1999 * P, 0, -P)]
while pieces:
    parts.merge(pieces.pop())

code = compile(sys.argv[1], "act", "eval")

def act():
    try:
        eval(code)
    except MemoryError:
        return "MemoryError"
    return "done"

list(MemoryAreas.open(usage=True))
resident = int(Path("/proc/self/statm").read_text().split()[0]) * P
resource.setrlimit(resource.RLIMIT_AS, (resident, resident))
# What is left are small blocks.
held = []
for size in [1 << power for power in range(20, 9, -1)]:
    try:
        while True:
            held.append(bytearray(size))
    except MemoryError:
        pass
said = act()
held.clear()
print(said)
""",
        arguments=(act,),
    )
    assert output.strip() == ("done" if act == "m.resident()" else "MemoryError")


def test_locked_memory() -> None:
    check_child(
        PRELUDE
        + """
resource.setrlimit(resource.RLIMIT_MEMLOCK, (8 * P, 8 * P))
give_up_rights()
base = status("VmLck")
large, small = MmapOptions(16 * P).map_mut(), MmapOptions(4 * P).map_mut()
text = refused(large.lock, errno.ENOMEM, errno.EAGAIN)
assert "mlock of" in text and "RLIMIT_MEMLOCK" in text, text
assert status("VmLck") == base
small.lock()
assert status("VmLck") == base + 4 * P
refused(large.lock, errno.ENOMEM, errno.EAGAIN)
assert status("VmLck") == base + 4 * P
text = refused(MmapOptions(16 * P).with_flags(MmapFlags.LOCKED).map_mut, errno.EAGAIN)
assert "RLIMIT_MEMLOCK" in text, text
assert status("VmLck") == base + 4 * P
small = small.make_read_only()
refused(large.lock, errno.ENOMEM, errno.EAGAIN)
small.unlock()
assert status("VmLck") == base
large.split_off(8 * P)
large.lock()
assert status("VmLck") == base + 8 * P
large.close()
assert status("VmLck") == base
"""
    )


@pytest.mark.skipif(not is_root(), reason="has to give up rights that only root has")
def test_no_right_to_lock_at_all() -> None:
    check_child(
        PRELUDE
        + """
resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
give_up_rights()
mapping = MmapOptions(P).map_mut()
try:
    mapping.lock()
except PermissionError as error:
    assert "RLIMIT_MEMLOCK" in str(error), error
else:
    raise AssertionError("it was allowed")
assert status("VmLck") == 0
"""
    )


def test_open_files() -> None:
    check_child(
        PRELUDE
        + """
path = Path("/proc/self/exe").resolve()
file = open(path, "rb")
kept = MmapOptions(P).with_file(file)
at_most_one_error_class()
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
full = []
try:
    while True:
        full.append(os.dup(0))
except OSError as error:
    assert error.errno == errno.EMFILE
for act, word in (
    (lambda: MmapOptions(P).with_file(path).map(), "open for reading"),
    (lambda: MmapOptions(P).with_file(file), "duplication of descriptor"),
    (lambda: MmapOptions.for_file(path), "open for reading"),
    (MemoryAreas.open, "open of this process's memory areas"),
    (lambda: MemoryAreas.query(1), "open of this process's memory areas"),
):
    text = refused(act, errno.EMFILE)
    assert word in text, text
# What has its file already, or needs none, goes on.
with kept.map() as one, MmapOptions(2 * P).map_mut() as two:
    assert one[:4] == b"\\x7fELF"
    two.merge(two.split_off(P))
    two.flush()
os.close(full.pop())
with MmapOptions(P).with_file(path).map() as again:
    assert again[:4] == b"\\x7fELF"
assert len(list(MemoryAreas.open())) > 5
"""
    )


def test_no_free_huge_pages() -> None:
    out = check_child(
        PRELUDE
        + """
from tests.support.procfs import meminfo
pages = MmapOptions.page_sizes()
size = meminfo("Hugepagesize") if "Hugepagesize" in Path("/proc/meminfo").read_text() else 0
if not size or not pages & size:
    print("no huge pages")
    raise SystemExit(0)
overcommit = int(Path("/proc/sys/vm/nr_overcommit_hugepages").read_text())
wanted = (meminfo("HugePages_Total") + overcommit + 1) * size
before = len(areas()), descriptors(), status("VmSize")
for options in (
    MmapOptions(wanted).with_flags(MmapFlags.HUGE_PAGES),
    MmapOptions(wanted).with_page_size(mmap_rs.PageSize.from_bytes(size)),
):
    for name in ("map", "map_mut"):
        text = refused(getattr(options, name), errno.ENOMEM)
        assert "no free huge pages" in text and "nr_hugepages" in text, text
assert descriptors() == before[1]
assert status("VmSize") < before[2] + size
print("done")
"""
    )
    if "huge" in out:
        pytest.skip("the kernel has no huge pages")
    assert out.strip() == "done"


FULL_DISK = (
    PRELUDE
    + """
import tempfile

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18
if libc.unshare(CLONE_NEWNS) or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None):
    print("no right to mount")
    raise SystemExit(0)
folder = tempfile.mkdtemp()
if libc.mount(b"tmpfs", folder.encode(), b"tmpfs", 0, b"size=256k"):
    print("no right to mount")
    raise SystemExit(0)
path = Path(folder, "file")
path.touch()
os.truncate(path, 1 << 20)
mapping = MmapOptions.for_file(path).with_flags(MmapFlags.SHARED).map_mut()
"""
)


def test_a_full_disk_spares_what_was_there() -> None:
    out = check_child(
        FULL_DISK
        + """
mapping[: 128 << 10] = b"x" * (128 << 10)
mapping.flush()
try:
    Path(folder, "other").write_bytes(bytes(1 << 20))
except OSError as error:
    assert error.errno == errno.ENOSPC
mapping[:5] = b"again"
mapping.flush()
assert mapping[: 128 << 10] == b"again" + b"x" * ((128 << 10) - 5)
assert path.read_bytes()[:5] == b"again"
mapping.close()
print("done")
"""
    )
    if "mount" in out:
        pytest.skip(out.strip())
    assert out.strip() == "done"


def test_a_full_disk_ends_the_process_without_a_guard() -> None:
    # As documented: the system has no page to give for an access that is already under way.
    done = run_child(FULL_DISK + "mapping.fill(1); print('written')")
    if "mount" in done.stdout:
        pytest.skip(done.stdout.strip())
    assert died_of(done, signal.SIGBUS), describe(done)
