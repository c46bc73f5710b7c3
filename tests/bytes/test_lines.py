"""`lines()` and the lines of `as_file()` against those of `io.BytesIO`."""

import io
import sys
import threading

import pytest

from mmap_rs import ConsumedError, MmapMut, MmapOptions

LONG = 200_000
TEXTS = {
    "one": b"one",
    "ended": b"one\ntwo\n",
    "unended": b"one\ntwo",
    "empty lines": b"\n\n\na\n\n",
    "carriage returns": b"a\r\nb\rc\n",
    "at the limit": b"".join(b"x" * n + b"\n" for n in range(65_533, 65_539)),
    "long": b"a" * LONG + b"\n" + b"b" * LONG,
    "long, then short": b"a" * LONG + b"\nb\n",
}
texts = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)


def mapped(text: bytes) -> MmapMut:
    m = MmapOptions(len(text)).map_mut()
    m[:] = text
    return m


@texts
def test_lines(text: bytes) -> None:
    expected = io.BytesIO(text).readlines()
    m = mapped(text)
    assert list(m.lines()) == list(m.make_read_only().lines()) == expected


@texts
def test_lines_without_their_ends(text: bytes) -> None:
    expected = [line.removesuffix(b"\n") for line in io.BytesIO(text)]
    assert list(mapped(text).lines(keepends=False)) == expected


@texts
def test_lines_of_the_file(text: bytes) -> None:
    expected = io.BytesIO(text).readlines()
    with mapped(text).as_file() as file:
        assert list(file) == expected
        assert list(file) == []
        file.seek(0)
        assert list(iter(file.readline, b"")) == expected
        file.seek(0)
        assert file.readlines() == expected
        file.seek(0)
        assert next(file) == expected[0]
        assert next(iter(file), b"") == (expected[1] if len(expected) > 1 else b"")


@pytest.mark.parametrize("size", [None, -1, 0, 1, 2, 3, 100, 1 << 70, -(1 << 70)])
def test_limits(size: int | None) -> None:
    text = b"ab\ncd"
    oracle = io.BytesIO(text)
    with mapped(text).as_file() as file:
        clipped = None if size is None else max(-1, min(size, sys.maxsize))
        assert file.readline(size) == oracle.readline(clipped)
        assert file.read(size) == oracle.read(clipped)
        for wrong in ("1", 1.5):
            with pytest.raises(TypeError):
                file.readline(wrong)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        with pytest.raises(TypeError):
            file.readline(1, 2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def test_past_the_end() -> None:
    with mapped(b"ab\n").as_file() as file:
        file.seek(10)
        assert (file.readline(), list(file), file.tell()) == (b"", [], 10)


def test_the_end_stays_the_end() -> None:
    m = mapped(b"a\nb\n")
    lines = m.lines()
    assert iter(lines) is lines
    assert list(lines) == [b"a\n", b"b\n"]
    m.resize(8192)
    assert list(lines) == []


def test_a_line_that_another_thread_cuts_off_is_the_end() -> None:
    # The second line is so long that the other thread asks for the new size while its end is looked for.
    m = MmapOptions(1 << 28).map_mut()
    m[1 << 20] = ord("\n")
    lines = m.lines()
    assert len(next(lines)) == (1 << 20) + 1
    thread = threading.Timer(0.005, m.resize, (4096,))
    thread.start()
    assert list(lines) == []
    thread.join()


def test_a_closed_mapping_has_no_lines() -> None:
    m = mapped(b"a\nb\n")
    lines = m.lines()
    assert next(lines) == b"a\n"
    m.close()
    with pytest.raises(ConsumedError):
        next(lines)
    with pytest.raises(ConsumedError):
        m.lines()


def test_a_closed_file_has_no_lines() -> None:
    m = mapped(b"a\nb\n")
    file = m.as_file()
    readline, lines = file.readline, iter(file)
    assert next(lines) == b"a\n"
    m.close(defer=True)
    assert readline() == b"b\n"
    file.close()
    for act in (readline, file.readline, lambda: next(lines), lambda: iter(file)):
        with pytest.raises(ValueError, match="closed file"):
            act()


@pytest.mark.parametrize("of_file", [False, True])
def test_threads_get_each_line_once(of_file: bool) -> None:
    expected = [b"%d\n" % n for n in range(20_000)]
    m = mapped(b"".join(expected))
    lines = iter(m.as_file()) if of_file else m.lines()
    found: list[list[bytes]] = [[] for _ in range(4)]
    threads = [threading.Thread(target=each.extend, args=(lines,)) for each in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((line for each in found for line in each), key=int) == expected


def test_lines_outlive_the_file_object() -> None:
    m = mapped(b"a\nb\n")
    assert list(m.as_file()) == list(iter(m.as_file().readline, b"")) == [b"a\n", b"b\n"]
    lines = iter(m.as_file())
    with pytest.raises(BufferError):
        m.close()
    del lines
    m.close()
