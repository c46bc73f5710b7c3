"""Free addresses, and memory for `malloc`, so that nothing else is mapped while a test looks."""

import ctypes
from collections.abc import Generator
from contextlib import contextmanager

import mmap_rs


@contextmanager
def hole(size: int, alignment: int = 1) -> Generator[int]:
    """Give the address of `size` free bytes with inaccessible pages on both sides.

    The kernel joins no neighbour with what is mapped there, so it can be measured alone.
    """
    page = mmap_rs.MmapOptions.page_size()
    alignment = max(alignment, page)
    left = mmap_rs.MmapOptions(size + 2 * alignment).reserve_none()
    at = -(left.start() + page) % alignment + page
    middle = left.split_off(at)
    right = middle.split_off(size)
    address = middle.start()
    middle.close()
    try:
        yield address
    finally:
        left.close()
        right.close()


@contextmanager
def malloc_reserve() -> Generator[None]:
    """Give `malloc` free memory of all small sizes, so that it maps nothing new.

    musl's `malloc` maps more memory, some pages at a time, when it has none free. A list of this process's
    areas would then have one more, the memory that the list is read into; and a free range may be taken.
    """
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    # To 120 KB, and no further apart than musl's kinds of sizes.
    sizes = [16 * 9**power // 8**power for power in range(77)]
    made = [libc.malloc(ctypes.c_size_t(size)) for size in sizes for _ in range(32)]
    for address in made[::2]:
        libc.free(ctypes.c_void_p(address))
    try:
        yield
    finally:
        for address in made[1::2]:
            libc.free(ctypes.c_void_p(address))
