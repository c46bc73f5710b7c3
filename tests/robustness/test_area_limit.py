"""At `vm.max_map_count`: what would make one more area is refused by name, and nothing has changed."""

from __future__ import annotations

import sys

import pytest

from tests.robustness.limit_scripts import PRELUDE
from tests.support.child_process import check_child

MANY_AREAS = """
limit = int(Path("/proc/sys/vm/max_map_count").read_text())

def fill():
    "Cut an area into as many as the system allows."
    many = MmapOptions(2 * limit * P).reserve_none()
    address, count = many.start(), 0
    while not libc.mprotect(ctypes.c_void_p(address + (2 * count + 1) * P), ctypes.c_size_t(P), 1):
        count += 1
    assert ctypes.get_errno() == errno.ENOMEM
    return many

# Room for the interpreter's own objects, which it could not map any more.
room = [bytes(400) for _ in range(20000)]
"""


def few_areas() -> bool:
    """Tell whether the limit is low enough to be reached in a moment."""
    with open("/proc/sys/vm/max_map_count") as file:
        return int(file.read()) <= 300_000


many_areas = pytest.mark.skipif(
    sys.platform != "linux" or not few_areas(), reason="vm.max_map_count is too large to be reached"
)


@many_areas
def test_a_conversion_that_would_pass_the_number_of_areas() -> None:
    check_child(
        PRELUDE
        + MANY_AREAS
        + """
whole = MmapOptions(3 * P).map_mut()
whole.fill(7)
del room[::2]  # not all: the interpreter would give it back, which it could not either
many = fill()  # after that, as what is freed may be unmapped and so make room for another area
middle = whole.split_off(P)
tail = middle.split_off(P)
for name in ("make_none", "make_read_only", "make_exec"):
    text = refused(getattr(middle, name), errno.ENOMEM)
    assert "mprotect of" in text and "vm.max_map_count" in text, text
    assert not middle.closed and middle.count(7) == P
# A new area may pass the limit by one, and may grow out of a neighbour.
extra = []
try:
    while len(extra) < 8:
        extra.append(MmapOptions(P).with_flags(MmapFlags.SHARED).map())
except SystemCallError as error:
    text = str(error)
assert "mmap of" in text and "vm.max_map_count" in text, text
text = refused(lambda: middle.advise(MmapFlags.SEQUENTIAL), errno.ENOMEM, errno.EAGAIN)
assert "madvise SEQUENTIAL" in text and "vm.max_map_count" in text, text
many.close()
middle.make_none().close()
assert whole[-1] == tail[0] == 7
"""
    )


@many_areas
def test_a_close_that_would_pass_the_number_of_areas() -> None:
    # Taking the middle out of an area makes two of it.
    check_child(
        PRELUDE
        + MANY_AREAS
        + """
import gc
whole = MmapOptions(4 * P).map_mut()
whole.fill(7)
start = whole.start()
del room[::2]  # not all: the interpreter would give it back, which it could not either
many = fill()  # after that, as what is freed may be unmapped and so make room for another area
middle = whole.split_off(P)
rest = middle.split_off(P)
dropped = rest.split_to(P)
for close in (middle.close, lambda: middle.close(defer=True)):
    text = refused(close, errno.ENOMEM)
    assert f"munmap of {P} bytes" in text and "vm.max_map_count" in text, text
    assert not middle.closed
    assert middle.count(7) == P
middle[0] = 8
try:
    with middle:
        pass
except SystemCallError as error:
    assert error.errno == errno.ENOMEM
else:
    raise AssertionError("the block ended as if it were closed")
# A destructor can tell nobody: the page stays mapped.
del dropped
gc.collect()
many.close()
assert area_at(start + 2 * P) is not None
assert middle[0] == 8
middle.close()
assert middle.closed
assert area_at(start + P) is None
assert whole[0] == rest[0] == 7
"""
    )
