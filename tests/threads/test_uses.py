"""How the uses of a mapping end: by success, by refusal, beside other threads.

Each script would hang or crash if something stayed: a pin, a request for exclusive access, an export.
"""

import sys

import pytest

from tests.support.child_process import check_child
from tests.support.child_scripts import PRELUDE
from tests.threads.readers import LONG, READERS


def test_a_refused_merge_leaves_both_usable() -> None:
    check_child(
        PRELUDE
        + LONG
        + """
low = MmapOptions(1 << 28).with_flags(MmapFlags.NO_RESERVE).map_mut()
high = low.split_off(1 << 27)
for exported, busy in ((low, high), (high, low)) * 5:
    reader = long_call(busy)
    view = memoryview(exported)
    try:
        low.merge(high)
    except BufferError:
        pass
    else:
        raise AssertionError("merged under a view")
    reader.join()
    view.release()
    # A request that had stayed would keep each of these back for ever.
    for mapping in (low, high):
        mapping[0], mapping.find(b"a", 0, 1 << 17), memoryview(mapping).release()
low.merge(high)
low.close()
"""
    )


def test_a_deferred_close_waits_for_nobody() -> None:
    check_child(
        PRELUDE
        + "mapping = MmapOptions(1 << 26).with_flags(MmapFlags.NO_RESERVE).map()"
        + READERS
        + """
address = mapping.start()
view = memoryview(mapping)
began, worked = time.monotonic(), time.thread_time()
mapping.close(defer=True)
# The view is released only later: a wait for it would not end.
assert time.monotonic() - began < 20, time.monotonic() - began
assert time.thread_time() - worked < 0.2
for reader in readers:
    reader.join()
assert view[0] == 0
view.release()
if sys.platform == "linux":
    assert MemoryAreas.query(address) is None
"""
    )


def test_readers_cant_starve_a_close() -> None:
    check_child(
        PRELUDE
        + "mapping = MmapOptions(1 << 26).with_flags(MmapFlags.NO_RESERVE).map()"
        + READERS
        + """
mapping.close()
for reader in readers:
    reader.join()
"""
    )


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.12 made __buffer__ callable")
def test_buffers_by_any_flags() -> None:
    # No flags crash, and a refusal leaves no export behind.
    check_child(
        PRELUDE
        + """
for mapping in (MmapOptions(P).map_mut(), MmapOptions(P).map()):
    spray = [bytes(range(95)) for _ in range(1000)]
    del spray
    flags = [1 << bit for bit in range(31)]
    for flag in [*range(1024), *flags, *(flag | 0x18 for flag in flags), -1, -(1 << 31)]:
        try:
            view = mapping.__buffer__(flag)
        except (BufferError, SystemError, ValueError, OverflowError):
            continue
        assert len(view) == P and view[0] == 0, flag
        assert not view.readonly or type(mapping) is Mmap or not flag & 1, flag
        view.release()
    mapping.close()
"""
    )


def test_flags_in_a_second_interpreter_that_shares_the_lock() -> None:
    check_child(
        PRELUDE
        + """
try:
    import _interpreters
    create, run = lambda: _interpreters.create("legacy"), _interpreters.run_string
    destroy = _interpreters.destroy
except ImportError:
    import _xxsubinterpreters
    create, run = lambda: _xxsubinterpreters.create(isolated=False), _xxsubinterpreters.run_string
    destroy = _xxsubinterpreters.destroy
code = '''if True:
    import mmap_rs as M
    m = M.MmapOptions(4096).with_flags(M.MmapFlags.SHARED).map_mut()
    m[0] = 1
    try:
        m.split_off(5)
    except M.InvalidOffsetError:
        pass
    area = M.MemoryAreas.query(m.start())
    assert area.protection() == M.Protection.READ | M.Protection.WRITE
    assert area.share_mode() is M.ShareMode.Shared
    area.path()
    m.close()
'''
for _ in range(2):
    interpreter = create()
    failed = run(interpreter, code)
    assert failed is None, failed
    destroy(interpreter)
    exec(code)
"""
    )


def test_what_becomes_executable_is_what_was_audited() -> None:
    check_child(
        PRELUDE
        + """
mapping = MmapOptions(4 * P).map_mut()
told, cut = [], []
def hook(event, arguments):
    if event == "mmap_rs.exec":
        told.append(arguments)
        if not cut:
            cut.append(mapping.split_off(2 * P))
sys.addaudithook(hook)
made = mapping.make_exec()
assert told == [(made.start(), 4 * P), (made.start(), 2 * P)], told
assert made.size() == 2 * P
"""
    )


def test_threads_that_share_an_iterator_get_each_byte_once() -> None:
    check_child(
        PRELUDE
        + """
mapping = MmapOptions(1 << 16).map_mut()
mapping[:] = bytes(range(256)) * 256
for walk in (iter(mapping), reversed(mapping)):
    got = [[] for _ in range(4)]
    threads = [threading.Thread(target=part.extend, args=(walk,)) for part in got]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(byte for part in got for byte in part) == sorted(mapping[:])
"""
    )


def test_threads_that_share_a_file_read_and_write_parts_of_their_own() -> None:
    check_child(
        PRELUDE
        + """
mapping = MmapOptions(1 << 20).map_mut()
with mapping.as_file() as file:
    def write(number):
        for _ in range(1000):
            file.write(bytes([number]) * 64)
    threads = [threading.Thread(target=write, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.tell() == 256_000
    assert [mapping[:256_000].count(number) for number in range(1, 5)] == [64_000] * 4
    file.seek(0)
    read = []
    def drain():
        while data := file.read(1000):
            read.append(data)
    threads = [threading.Thread(target=drain) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(map(len, read)) == 1 << 20
mapping.close()
"""
    )
