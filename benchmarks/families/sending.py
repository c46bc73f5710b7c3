"""Messages of 1 MiB to another process, and making the memory for them.

The receiver answers with the last byte of a message. It reads the message in place, or takes a copy as
`bytes` first, which a queue gives in any case.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import mmap_rs
from benchmarks.model import OURS, Case, Ratio, Scope, Statement
from mmap_rs import MemoryFile, MmapFlags, MmapOptions

MIB = 1 << 20
LARGE = 64 * MIB
IN = (
    "One message at a time: copying 1 MiB in and waking the receiver take nearly all of the time; neither "
    "can be avoided."
)
OUT = "Copying 1 MiB out takes about as long as copying it in. A receiver that reads in place needs no copy."
MESSAGES = (
    ("message of 1 MiB, read in place", Ratio(("Queue",), 0.2, kept=0.35, reason=IN), False),
    (
        "message of 1 MiB, copied by the receiver",
        Ratio(("Queue",), 0.2, kept=0.5, reason=OUT),
        True,
    ),
)


Read = Callable[[Any], bytes]


def from_mapping(m: Any) -> bytes:
    return bytes([m[MIB - 1]])


def copied_from_mapping(m: Any) -> bytes:
    message: bytes = m[:MIB]
    return message[-1:]


def from_shared_memory(m: Any) -> bytes:
    return bytes([m.buf[MIB - 1]])


def copied_from_shared_memory(m: Any) -> bytes:
    return bytes(m.buf[:MIB])[-1:]


def from_queue(queue: Any) -> bytes:
    message: bytes = queue.get()
    return message[-1:]


def receive(read: Read, given: Any, pipe: Connection) -> None:
    """Answer each message, until the sender closes the pipe."""
    try:
        while pipe.recv_bytes():
            pipe.send_bytes(read(given))
    except EOFError:
        pass


def receiver(stack: ExitStack, read: Read, given: Any) -> Connection:
    """Start a receiver for as long as the stack lasts; return the pipe to it."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=receive, args=(read, given, there), daemon=True)
    process.start()
    there.close()
    stack.callback(process.join, 10)
    stack.callback(here.close)
    return here


def messages(name: str, bar: Ratio, copied: bool) -> Iterator[Case]:
    message = bytes(range(256)) * (MIB // 256)
    with ExitStack() as stack:
        with MemoryFile(MIB) as file:
            options = MmapOptions.for_file(file).with_flags(MmapFlags.SHARED)
            board = stack.enter_context(options.map_mut())
        shared = SharedMemory(create=True, size=MIB)
        stack.callback(shared.unlink)
        stack.callback(shared.close)
        queue: Any = multiprocessing.get_context("spawn").Queue()
        stack.callback(queue.close)
        ask = "pipe.send_bytes(b'?'); pipe.recv_bytes()"
        sides = {
            OURS: Statement(
                f"m[:] = message; {ask}",
                m=board, message=message,
                pipe=receiver(stack, copied_from_mapping if copied else from_mapping, board),
            ),
            "Queue": Statement(
                f"queue.put(message); {ask}",
                queue=queue, message=message, pipe=receiver(stack, from_queue, queue),
            ),
            "SharedMemory": Statement(
                f"m.buf[:SIZE] = message; {ask}",
                m=shared, SIZE=MIB, message=message,
                pipe=receiver(stack, copied_from_shared_memory if copied else from_shared_memory, shared),
            ),
        }  # fmt: skip
        yield Case("sending", name, sides, (bar,))


def cases(scope: Scope) -> Iterator[Case]:
    for name, bar, copied in MESSAGES:
        if scope.wants("sending", name):
            yield from messages(name, bar, copied)
    shared = SharedMemory(create=True, size=LARGE)
    try:
        with MemoryFile(LARGE) as file:
            options = MmapOptions.for_file(file).with_flags(MmapFlags.SHARED)
            sides = {
                OURS: Statement("options.map_mut().close()", options=options),
                "SharedMemory": Statement(
                    "SharedMemory(name=name).close()", SharedMemory=SharedMemory, name=shared.name
                ),
            }
            yield Case("sending", "map and unmap 64 MiB", sides, (Ratio(("SharedMemory",), 1.0),))
    finally:
        shared.close()
        shared.unlink()
    sides = {
        OURS: Statement(
            "with MemoryFile(SIZE) as file: MmapOptions.for_file(file).with_flags(shared).map_mut().close()",
            MemoryFile=MemoryFile, SIZE=LARGE, MmapOptions=mmap_rs.MmapOptions, shared=MmapFlags.SHARED,
        ),
        "SharedMemory": Statement(
            "m = SharedMemory(create=True, size=SIZE); m.close(); m.unlink()",
            SharedMemory=SharedMemory, SIZE=LARGE,
        ),
    }  # fmt: skip
    yield Case("sending", "make, map and unmap 64 MiB", sides, (Ratio(("SharedMemory",), 1.0),))
