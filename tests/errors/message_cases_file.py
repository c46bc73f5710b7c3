"""For test_messages.py: what a file object refuses, the error, and words that its message must have."""

import io
import pickle

from mmap_rs import InvalidSizeError, MmapOptions
from mmap_rs._file import MappingFile
from tests.errors.message_cases import PAGE, Case, fresh, wrong


def opened() -> MappingFile:
    return fresh().as_file()


def closed() -> MappingFile:
    file = opened()
    file.close()
    return file


FILES = [
    Case("seek before the start", lambda _: opened().seek(-3), ValueError, ("-3", "negative")),
    Case("seek from nowhere", lambda _: opened().seek(0, 5), ValueError, ("0, 1 or 2", "5")),
    Case(
        "seek too far",
        lambda _: opened().seek(2**64),
        OverflowError,
        (str(2**64), "at most"),
    ),
    Case(
        "write past the end",
        lambda _: opened().write(bytes(2 * PAGE + 1)),
        InvalidSizeError,
        (f"{2 * PAGE + 1} bytes at 0", f"{2 * PAGE} bytes"),
    ),
    Case(
        "write to what is read-only",
        lambda _: MmapOptions(1).map().as_file().write(b"a"),
        io.UnsupportedOperation,
        ("read-only", "make_mut()"),
    ),
    Case(
        "truncate",
        lambda _: opened().truncate(5),
        io.UnsupportedOperation,
        ("keeps its size", f"{2 * PAGE} bytes"),
    ),
    Case(
        "write with gaps",
        lambda _: opened().write(memoryview(b"abcd")[::2]),
        BufferError,
        ("C-contiguous", "bytes()"),
    ),
    Case("file closed", lambda _: closed().read(), ValueError, ("closed file",)),
    Case(
        "pickling a file",
        lambda _: pickle.dumps(opened()),
        TypeError,
        ("MappingFile", "one owner"),
    ),
    Case("text", lambda _: opened().write(wrong("a")), TypeError, ("bytes-like", "str")),
]
