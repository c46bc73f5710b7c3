"""Messages: names of other modules, classes without a constructor, and no private class."""

import mmap
import pydoc
import re
import sys

import pytest

import mmap_rs
from mmap_rs import MmapOptions
from tests.support.numpy_arrays import numpy

# Of `mmap.mmap`, but what mappings have by the same name and what Python gives every object.
NAMES = sorted(
    name
    for name in dir(mmap.mmap)
    if not name.startswith("_") and not hasattr(mmap_rs.MmapMut, name)
)
# Of `bytes`, `bytearray`, `numpy.memmap` and memmap2, and calls of the system.
OTHERS = (
    *("decode", "splitlines", "reshape", "flush_range"),
    *("append", "extend", "pop", "tofile", "truncate", "mlock"),
)
PRIVATE = re.compile(r"\b_[A-Z]\w+")


@pytest.mark.parametrize("name", [*NAMES, *OTHERS])
def test_a_name_of_another_module(name: str) -> None:
    with MmapOptions(4096).map_mut() as m:
        assert not hasattr(m, name)
        with pytest.raises(AttributeError) as caught:
            getattr(m, name)
        text = str(caught.value)
        assert text.startswith(f"'mmap_rs.MmapMut' object has no attribute '{name}'; ")
        assert (caught.value.name, caught.value.obj) == (name, m)


@pytest.mark.parametrize("name", ["dtype", "reshape", "shape"])
def test_an_array_has_any_dtype(name: str) -> None:
    np = numpy()
    with MmapOptions(4096).map_mut() as m:
        with pytest.raises(AttributeError) as caught:
            getattr(m, name)
        (call,) = re.findall(r"np\.\w+\(.*\)", str(caught.value))
        array = eval(call, {"np": np, "m": m, "dtype": np.int32})
        assert (array.dtype, array.shape) == (np.int32, (1024,))
        del array


@pytest.mark.parametrize("name", ["append", "extend", "write"])
def test_a_name_of_what_can_be_written(name: str) -> None:
    with MmapOptions(4096).map() as m, pytest.raises(AttributeError, match="is read-only"):
        getattr(m, name)


@pytest.mark.parametrize("method", ["flush", "flush_async"])
@pytest.mark.parametrize("arguments", [(0, 100), (0,), (range(10), 100), (None, 1, 2)])
def test_an_offset_and_a_size(method: str, arguments: tuple[object, ...]) -> None:
    m = MmapOptions(4096).map_mut()
    with pytest.raises(TypeError, match=r"range\(start, start \+ length\)"):
        getattr(m, method)(*arguments)


def test_a_name_of_none() -> None:
    with MmapOptions(4096).map() as m:
        with pytest.raises(AttributeError, match=r"^'mmap_rs.Mmap' object has no attribute 'zzz'$"):
            m.zzz  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        with pytest.raises(AttributeError, match="read-only"):
            m.write  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    with MmapOptions(4096).map_none() as none, pytest.raises(AttributeError, match="make_mut"):
        none.read  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def made(kind: str) -> mmap_rs.Mapping:
    mapping: mmap_rs.Mapping = getattr(MmapOptions(4096), kind)()
    return mapping


@pytest.mark.parametrize("kind", ["map_none", "reserve_none", "reserve", "reserve_mut"])
@pytest.mark.parametrize(
    "name", [*NAMES, "as_slice", "find", "advise", "resize", "name", "set_len", "offset"]
)
def test_what_is_named_for_memory_without_access_is_there(kind: str, name: str) -> None:
    m = made(kind)
    if hasattr(m, name):
        return
    with pytest.raises(AttributeError) as caught:
        getattr(m, name)
    _, _, use = str(caught.value).partition("; ")
    if "try_from" in use:
        m = eval(use.partition(": ")[2], {"MmapMut": mmap_rs.MmapMut, "m": m})
    elif ": make_mut()" in use:
        m = m.make_mut()
    else:
        assert name in {"madvise", "mode", "name", "offset", "set_len"}
        assert all(hasattr(m, method) for method in re.findall(r"\bm\.(\w+)", use)), use
        assert "m[" not in use
        return
    assert isinstance(m, mmap_rs.MmapMut)
    m[0] = 1


@pytest.mark.parametrize(
    "name", ["mmap", "ACCESS_READ", "MADV_RANDOM", "PAGESIZE", "open", "mmap_file"]
)
def test_a_name_of_another_package(name: str) -> None:
    with pytest.raises(AttributeError, match=f"^module 'mmap_rs' has no attribute '{name}'; "):
        getattr(mmap_rs, name)


@pytest.mark.parametrize(
    "cls",
    [
        mmap_rs.Mapping,
        mmap_rs.Mmap,
        mmap_rs.MmapMut,
        mmap_rs.MmapNone,
        mmap_rs.Reserved,
        mmap_rs.ReservedMut,
        mmap_rs.ReservedNone,
        mmap_rs.MemoryArea,
        mmap_rs.MemoryAreas,
    ],
    ids=lambda cls: cls.__name__,
)
def test_no_constructor(cls: type) -> None:
    for arguments in ((), (-1, 4096)):
        with pytest.raises(TypeError) as caught:
            cls(*arguments)
        text = str(caught.value)
        assert text.startswith(f"cannot create 'mmap_rs.{cls.__name__}' instances: ")
        assert re.search(r"MmapOptions|map_file|MemoryAreas\.", text)


@pytest.mark.parametrize("name", [name for name in mmap_rs.__all__ if not name.startswith("_")])
def test_help_shows_no_private_class(name: str) -> None:
    text = pydoc.plain(pydoc.render_doc(getattr(mmap_rs, name)))
    assert PRIVATE.findall(text) == []
    assert re.findall(r"mmap_rs\._\w+", text.partition("FILE")[0]) == []


def test_messages_show_no_private_class() -> None:
    m = MmapOptions(4096).map_mut()
    with m.as_file() as file:
        calls = (
            "m.flush(1, 2, 3)",
            "m.find()",
            "MmapMut.find(3, 4)",
            "MmapMut.flush(3)",
            "file.read(1, 2)",
            "file.readline(1, 2)",
        )
        for call in calls:
            with pytest.raises(TypeError) as caught:
                eval(call, {"m": m, "file": file, "MmapMut": mmap_rs.MmapMut})
            assert PRIVATE.findall(str(caught.value)) == [], call
        for iterator in (iter(m), m.lines(), iter(file)):
            assert PRIVATE.findall(repr(iterator)) == []


# As where no file can be opened (`RLIMIT_NOFILE`), and while Python ends.
@pytest.mark.parametrize(
    "error", [OSError(24, "Too many open files"), ImportError("shutting down")]
)
def test_where_nothing_can_be_imported(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def find_spec(self, *_: object) -> None:
            raise error

    monkeypatch.delitem(sys.modules, "mmap_rs._replacements", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Refusing()])
    with MmapOptions(4096).map() as m:
        assert not hasattr(m, "fileno")
        with pytest.raises(
            AttributeError, match=r"^'mmap_rs.Mmap' object has no attribute 'read'$"
        ):
            m.read  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    assert not hasattr(mmap_rs, "nothing")
    name = "mmap"
    with pytest.raises(
        AttributeError, match=r"^module 'mmap_rs' has no attribute 'mmap'$"
    ) as caught:
        getattr(mmap_rs, name)
    assert (caught.value.name, caught.value.obj) == (name, mmap_rs)
