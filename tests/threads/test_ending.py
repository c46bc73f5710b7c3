"""How the uses of a mapping end that the end of the interpreter stops.

Each script would hang or crash if something stayed: a pin, a request for exclusive access, an export.
"""

import pytest

from tests.support.child_process import check_child
from tests.support.child_scripts import PRELUDE

ARGUMENTS = {
    "split_off": "mapping.split_off(Number())",
    "size": "MmapOptions(Number())",
    "range": "mapping.fill(0, slice(Number(), None))",
    "flags": "MmapOptions(1).with_flags(Number())",
    "page sizes": "mmap_rs.PageSize.try_from(Number())",
    "address": "MemoryAreas.query(Number())",
    "fileno": "MmapOptions(1).with_file(File())",
    "fspath": "MmapOptions(1).with_file(Path())",
    "buffer": "mapping.find(Buffer())",
    "instance": "MmapOptions(1).with_flags(Flags())",
    "offset": "MmapOptions(1).with_file(0, Number())",
    "bound": "mapping.find(b'a', Number())",
    "key": "mapping[Number()]",
    "slice": "mapping[Number():]",
    "value": "mapping.__setitem__(0, Number())",
    "function": "code.function(None, offset=Number())",
}


@pytest.mark.parametrize("argument", ARGUMENTS.values(), ids=ARGUMENTS)
def test_the_interpreter_ends_while_a_thread_is_in_an_argument(argument: str) -> None:
    check_child(
        PRELUDE
        + f"""
mapping = MmapOptions(1 << 20).map_mut()
code = MmapOptions(P).map_exec()
def rest(*_):
    while True:
        time.sleep(0.001)
class Number:
    __index__ = rest
class Path:
    __fspath__ = rest
class File:
    name = property(rest)
    def fileno(self):
        return 0
class Buffer:
    __buffer__ = rest
    __index__ = rest
class Flags:
    __class__ = property(rest)
    def __index__(self):
        return 0
threading.Thread(target=lambda: {argument}, daemon=True).start()
time.sleep(0.1)
"""
    )


@pytest.mark.parametrize(
    "call", ["find(b'xy')", "count(b'xy')", "fill(0)", "copy_within(range(9), 0)", "lock()"]
)
def test_a_finaliser_closes_what_a_stopped_thread_was_in(call: str) -> None:
    check_child(
        PRELUDE
        + f"""
mapping = MmapOptions(16 << 20).map_mut()
class Owner:
    def __init__(self, mapping):
        self.mapping = mapping
    def __del__(self, sleep=time.sleep):
        sleep(0.3)
        # A waiter that was stopped may have left a request: only calls in flight count.
        self.mapping[0], self.mapping.find(b"a"), memoryview(self.mapping).release()
        self.mapping.close()
sys.modules["owner"] = Owner(mapping)
def work(mapping):
    while True:
        with suppress(OSError):
            mapping.{call}
def split(mapping):
    while True:
        mapping.merge(mapping.split_off(4 << 20))
threading.Thread(target=work, args=(mapping,), daemon=True).start()
threading.Thread(target=split, args=(mapping,), daemon=True).start()
time.sleep(0.2)
"""
    )


def test_a_file_is_closed_while_the_interpreter_ends_beside_a_read() -> None:
    check_child(
        PRELUDE
        + """
mapping = MmapOptions(16 << 20).map_mut()
file = mapping.as_file()

def work(file=file):
    while True:
        file.seek(0)
        file.read()

class Holder:
    def __del__(self, file=file, mapping=mapping):
        file.close()
        mapping.close()

sys.modules["holder"] = Holder()
threading.Thread(target=work, daemon=True).start()
time.sleep(0.2)
"""
    )


def test_the_interpreter_ends_while_a_thread_is_in_the_callback_of_a_weak_reference() -> None:
    check_child(
        PRELUDE
        + """
import weakref
options = MmapOptions(P)

def called(_, sleep=time.sleep):
    sleep(0.0005)

def work():
    while True:
        mapping = options.map()
        reference = weakref.ref(mapping, called)
        del mapping

threading.Thread(target=work, daemon=True).start()
time.sleep(0.2)
"""
    )
