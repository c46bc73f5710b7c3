"""Messages that nobody receives: they take up no descriptors of the sender."""

from __future__ import annotations

import os
import signal
import sys
from multiprocessing import reduction, resource_sharer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from mmap_rs import MmapMut
from tests.sending.test_sending import METHODS
from tests.support.child_process import check_child

pytestmark = [
    pytest.mark.skipif(not METHODS, reason="this system starts no other processes"),
    pytest.mark.skipif(
        not Path("/proc/self/fd").exists(), reason="descriptors are read from Linux's /proc"
    ),
]

# What the scripts begin with. The first message of a process starts the thread that hands out descriptors.
BEGIN = """
import gc, multiprocessing, os, signal, sys
from multiprocessing import resource_sharer
from multiprocessing.reduction import ForkingPickler
from mmap_rs import MemoryFile, MmapFlags, MmapOptions
from tests.sending import test_lost_messages as others
from tests.support.procfs import settled_descriptors as descriptors

UNIT = MmapOptions.allocation_granularity()
SHARED = MmapFlags.SHARED
file = MemoryFile(UNIT, name="lost")
mapping = MmapOptions.for_file(file).with_flags(SHARED).map_mut()
mapping[:5] = b"hello"
pickled = ForkingPickler.dumps

def receive(data):
    with ForkingPickler.loads(data) as got:
        return got[:5]

assert receive(pickled(mapping)) == b"hello"
before = descriptors()
"""


def script(code: str, *arguments: str) -> None:
    assert check_child(BEGIN + code + "\nprint('done')\n", arguments=arguments) == "done\n"


def test_a_thousand_messages() -> None:
    script(
        """
kept = [pickled(thing) for _ in range(500) for thing in (mapping, file)]
assert descriptors() == before, descriptors() - before
assert receive(kept[0]) == b"hello"
with ForkingPickler.loads(kept[1]) as got:
    assert (got.name, got.size()) == ("lost", UNIT)
assert descriptors() == before
"""
    )


def test_pipes_that_are_closed() -> None:
    script(
        """
ours, theirs = multiprocessing.Pipe()
theirs.close()
for _ in range(1000):
    try:
        ours.send(mapping)
    except BrokenPipeError:
        continue
    raise AssertionError
ours.close()
assert descriptors() == before, descriptors() - before
"""
    )


def test_messages_of_which_a_part_can_not_be_pickled() -> None:
    script(
        """
for _ in range(100):
    try:
        pickled([mapping, lambda: None])
    except Exception:
        continue
    raise AssertionError
assert descriptors() == before, descriptors() - before
"""
    )


def test_a_message_keeps_the_memory() -> None:
    script(
        """
message, lost = pickled(mapping), pickled(file)
mapping.close()
file.close()
assert descriptors() == before
assert receive(message) == b"hello"
assert descriptors() == before

# The descriptor ends with the last message, here because no more are handed out.
open_ones = len(descriptors())
listener = 1
resource_sharer.stop()
assert len(descriptors()) == open_ones - listener - 1
"""
    )


def test_a_child_of_fork_drops_the_messages_of_its_parent() -> None:
    script(
        """
message = pickled(mapping)
mapping.close()
number = file.fileno()
file.close()
os.fstat(number)

def in_child():
    try:
        os.fstat(number)
    except OSError:
        os._exit(0)
    os._exit(1)

child = multiprocessing.get_context("fork").Process(target=in_child)
child.start()
child.join(60)
assert child.exitcode == 0, child.exitcode
assert receive(message) == b"hello"
"""
    )


def die(*_arguments: Any) -> None:
    """End this process at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def leave(connection: Connection, way: str) -> None:
    """End this process while messages are on their way to it."""
    connection.send("here")
    if way == "in receipt":
        # It has said which descriptor it wants, and does not take it.
        patched: Any = reduction
        patched.recv_handle = die
        connection.recv()
    else:
        connection.poll(60)
        die()


def take(connection: Connection) -> None:
    """Answer each mapping with its first bytes."""
    while (got := connection.recv()) is not None:
        assert isinstance(got, MmapMut)
        with got:
            connection.send(got[:5])


@pytest.mark.parametrize("way", ["in receipt", "before"])
@pytest.mark.parametrize("method", METHODS)
def test_receivers_that_die(method: str, way: str) -> None:
    script(
        """
method, way = sys.argv[1:]
# That a descriptor was asked for and then not taken is told to the hook.
shown = sys.excepthook
sys.excepthook = lambda kind, *rest: issubclass(kind, OSError) or shown(kind, *rest)
context = multiprocessing.get_context(method)
numbers = []
for _ in range(3):
    ours, theirs = context.Pipe()
    process = context.Process(target=others.leave, args=(theirs, way))
    process.start()
    theirs.close()
    assert ours.recv() == "here"
    for _ in range(20):
        try:
            ours.send(mapping)
        except (BrokenPipeError, ConnectionResetError):
            pass
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    process.close()
    ours.close()
    del process
    gc.collect()
    numbers.append(descriptors())
# spawn and forkserver keep helpers of their own, with a pipe to each.
assert numbers[0] == numbers[-1], numbers
assert method != "fork" or numbers[0] == before, numbers[0] - before

ours, theirs = context.Pipe()
process = context.Process(target=others.take, args=(theirs,))
process.start()
theirs.close()
for _ in range(3):
    ours.send(mapping)
    assert ours.recv() == b"hello"
ours.send(None)
process.join(60)
assert process.exitcode == 0
""",
        method,
        way,
    )


@pytest.mark.parametrize("method", [method for method in METHODS if method != "fork"])
def test_arguments_of_processes(method: str) -> None:
    script(
        """
method = sys.argv[1]
context = multiprocessing.get_context(method)

def start_and_end():
    ours, theirs = context.Pipe()
    process = context.Process(target=others.tell, args=(theirs, mapping, file, mapping))
    process.start()
    theirs.close()
    assert ours.recv() == b"hello"
    process.join(60)
    assert process.exitcode == 0
    process.close()
    ours.close()

def fail_to_start():
    process = context.Process(target=others.tell, args=(mapping, lambda: None))
    try:
        process.start()
    except Exception:
        return
    raise AssertionError

for each in (start_and_end, fail_to_start):
    each()
    gc.collect()
    first = descriptors()
    for _ in range(5):
        each()
    gc.collect()
    assert descriptors() == first, descriptors() - first
""",
        method,
    )


def tell(connection: Connection, mapping: MmapMut, *_others: Any) -> None:
    """Tell the first bytes of a mapping that is an argument."""
    connection.send(mapping[:5])


def test_the_thread_that_hands_out_is_that_of_multiprocessing() -> None:
    """Every message of this process goes by it, and it has what is used of it."""
    if sys.platform == "win32":
        pytest.skip("Windows duplicates handles without it")
    sharer: Any = resource_sharer
    ended: list[str] = []
    address, key = sharer._resource_sharer.register(ended.append, lambda: ended.append("closed"))
    assert Path(address).exists()
    send, close = sharer._resource_sharer._cache.pop(key)
    send("sent")
    close()
    assert ended == ["sent", "closed"]
