"""The fault guard, with threads that read while pages go: none takes the zeros for data."""

import sys
import textwrap

import pytest

from tests.fault_guard.guarded import child

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGBUS")


def test_who_reads_zeros_raises() -> None:
    # The mark is set before the zeros are there: no thread on the same page takes them for data.
    child("""
        import threading, time
        from concurrent.futures import ThreadPoolExecutor
        PAGES, THREADS = 16, 4
        options = MmapOptions((PAGES + 1) * P).with_file(file, past_end=True).with_flags(MmapFlags.SHARED)
        options = options.with_fault_guard()
        barrier = threading.Barrier(THREADS + 1)
        mapping, silent, stop = None, [], False

        def read():
            while True:
                barrier.wait()
                if stop:
                    return
                try:
                    silent.append(mapping.count(b"x"))
                except FaultError:
                    pass
                barrier.wait()

        threads = [threading.Thread(target=read) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 5
        while time.monotonic() < end:
            os.ftruncate(file.fileno(), 0)
            os.pwrite(file.fileno(), b"x" * (PAGES * P), 0)
            mapping = options.map()
            barrier.wait()
            barrier.wait()
            mapping.close()
        stop = True
        barrier.wait()
        assert not silent, len(silent)
    """)


STRESS = """
    import threading, time
    whole()
    m = None
    stop = time.monotonic() + SECONDS
    seen = [0] * 4
    failed = []

    def read(number):
        try:
            while time.monotonic() < stop:
                whole_options = MmapOptions(SIZE).with_file(file, past_end=True).with_flags(MmapFlags.SHARED)
                mapping = whole_options.with_fault_guard().map()
                try:
                    while time.monotonic() < stop:
                        mapping[number::P], mapping.find(b"y"), mapping[-1], mapping.count(b"x")
                except FaultError:
                    seen[number] += 1
                mapping.close()
        except BaseException as error:
            failed.append(error)

    pid = os.fork()
    if pid == 0:
        while time.monotonic() < stop:
            os.ftruncate(file.fileno(), P)
            os.ftruncate(file.fileno(), SIZE)
        os._exit(0)
    descriptors = len(os.listdir("/proc/self/fd"))
    areas = len(list(MemoryAreas.open()))
    threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.waitpid(pid, 0)
    assert not failed, failed
    assert all(seen), seen
    assert len(os.listdir("/proc/self/fd")) == descriptors
    # Threads leave stacks and arenas of the allocator behind, a few areas each; a leak would be one a round.
    assert len(list(MemoryAreas.open())) <= areas + 40, (areas, sum(seen))
    print(sum(seen))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts through /proc")
def test_a_file_truncated_again_and_again_under_four_readers(
    request: pytest.FixtureRequest,
) -> None:
    seconds = float(str(request.config.getoption("--stress-seconds")))
    code = f"SECONDS = {seconds}\n" + textwrap.dedent(STRESS)
    assert int(child(code, seconds + 60)) >= 4
