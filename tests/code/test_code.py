"""Running code out of mappings: `function`, `is_executable`, `jit_write`, and W^X."""

from __future__ import annotations

import ctypes
import gc
import platform
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mmap_rs import (
    ConsumedError,
    InvalidOffsetError,
    InvalidOperationError,
    Mmap,
    MmapMut,
    MmapOptions,
    UnsafeFlagNeededError,
    UnsafeMmapFlags,
)
from tests.support.child_process import check_child


class Code(NamedTuple):
    """Machine code of two C functions."""

    answer: bytes  # int answer(void) { return 42; }
    add: bytes  # int add(int a, int b) { return a + b; }


X86_64_ADD = "8d0411c3" if sys.platform == "win32" else "8d0437c3"
CODES = {
    "x86_64": Code(bytes.fromhex("b82a000000c3"), bytes.fromhex(X86_64_ADD)),
    "x86": Code(bytes.fromhex("b82a000000c3"), bytes.fromhex("8b44240403442408c3")),
    "aarch64": Code(bytes.fromhex("40058052c0035fd6"), bytes.fromhex("0000010bc0035fd6")),
    "arm": Code(bytes.fromhex("2a00a0e31eff2fe1"), bytes.fromhex("010080e01eff2fe1")),
    "riscv64": Code(bytes.fromhex("1305a00267800000"), bytes.fromhex("3b05b50067800000")),
    "ppc64le": Code(bytes.fromhex("2a0060382000804e"), bytes.fromhex("1422637c2000804e")),
    "s390x": Code(bytes.fromhex("a729002a07fe"), bytes.fromhex("b908002307fe")),
}


def architecture() -> str:
    """Return the name under which `CODES` knows what this interpreter runs on."""
    machine = platform.machine().lower()
    # A 32-bit interpreter on a 64-bit kernel is told the kernel's machine.
    narrow = struct.calcsize("P") == 4
    if machine in {"x86_64", "amd64", "i386", "i486", "i586", "i686", "x86"}:
        return "x86" if narrow else "x86_64"
    if machine in {"aarch64", "arm64"} or machine.startswith("arm"):
        return "arm" if narrow else "aarch64"
    return machine


@pytest.fixture(scope="module")
def code() -> Code:
    """Machine code for the processor that the tests run on."""
    name = architecture()
    if name not in CODES:
        pytest.skip(f"no machine code is written down here for {name}")
    return CODES[name]


def executable(code: bytes, offset: int = 0) -> Mmap:
    """Map a page that holds `code` at `offset` and may be executed."""
    mapping = MmapOptions(MmapOptions.page_size()).map_mut()
    mapping[offset : offset + len(code)] = code
    return mapping.make_exec()


def test_calling_code(code: Code) -> None:
    answer = executable(code.answer).function(ctypes.c_int)
    assert answer() == 42
    add = executable(code.add).function(ctypes.c_int, ctypes.c_int, ctypes.c_int)
    assert [add(a, b) for a, b in ((1, 2), (-5, 3), (2**30, 7))] == [3, -2, 2**30 + 7]


def test_many_functions_in_one_mapping(code: Code, page: int) -> None:
    mapping = MmapOptions(2 * page).map_mut()
    offsets = range(0, 2 * page, 64)
    for offset in offsets:
        part = code.answer if offset % 128 else code.add
        mapping[offset : offset + len(part)] = part
    fixed = mapping.make_exec()
    for offset in offsets:
        if offset % 128:
            assert fixed.function(ctypes.c_int, offset=offset)() == 42
        else:
            kinds = (ctypes.c_int, ctypes.c_int)
            assert fixed.function(ctypes.c_int, *kinds, offset=offset)(offset, 1) == offset + 1


def test_the_result_is_a_ctypes_callable(code: Code) -> None:
    mapping = executable(code.add)
    add = mapping.function(ctypes.c_int, ctypes.c_int, ctypes.c_int)
    assert ctypes.cast(add, ctypes.c_void_p).value == mapping.start()
    with pytest.raises(ctypes.ArgumentError):
        add("a", 1)
    with pytest.raises(TypeError):
        add(1)


def test_no_result_type(code: Code) -> None:
    assert executable(code.answer).function(None)() is None


def test_a_function_holds_an_export(code: Code, page: int) -> None:
    mapping = executable(code.answer)
    answer = mapping.function(ctypes.c_int)
    acts: list[Callable[[], object]] = [
        mapping.close,
        mapping.make_mut,
        mapping.make_none,
        mapping.make_read_only,
        mapping.make_exec,
        lambda: MmapMut.try_from(mapping),
        lambda: mapping.split_off(page),
    ]
    for act in acts:
        with pytest.raises(BufferError):
            act()
        assert answer() == 42
    del answer
    gc.collect()
    mapping.close()


def test_a_function_outlives_the_name_of_its_mapping(code: Code) -> None:
    answer = executable(code.answer).function(ctypes.c_int)
    gc.collect()
    assert answer() == 42
    mapping = executable(code.answer)
    deferred = mapping.function(ctypes.c_int)
    mapping.close(defer=True)
    assert mapping.closed
    assert deferred() == 42


def test_bound_methods_of_the_function_keep_the_code(code: Code) -> None:
    mapping = executable(code.answer)
    call: Any = mapping.function(ctypes.c_int).__call__
    gc.collect()
    with pytest.raises(BufferError):
        mapping.close()
    assert call() == 42
    del call
    gc.collect()
    mapping.close()


def test_functions_are_refused_where_nothing_may_run(page: int) -> None:
    for mapping in (
        MmapOptions(page).map(),
        MmapOptions(page).map_mut(),
        MmapOptions(page).map_exec().make_read_only(),
        MmapOptions(page).map_exec().make_mut(),
    ):
        assert mapping.is_executable() is False
        with pytest.raises(InvalidOperationError):
            mapping.function(ctypes.c_int)
        mapping.close()


def test_offsets(code: Code, page: int) -> None:
    mapping: Any = executable(code.answer, offset=page - len(code.answer))
    assert mapping.function(ctypes.c_int, offset=page - len(code.answer))() == 42
    mapping.function(ctypes.c_int, offset=page - 1)
    for offset in (page, page + 1, sys.maxsize, 2 * sys.maxsize + 1):
        with pytest.raises(InvalidOffsetError):
            mapping.function(ctypes.c_int, offset=offset)
    for offset in (-1, 2**64):
        with pytest.raises(OverflowError):
            mapping.function(ctypes.c_int, offset=offset)
    wrong: list[Any] = [1.0, "0", None]
    for offset in wrong:
        with pytest.raises(TypeError):
            mapping.function(ctypes.c_int, offset=offset)
    gc.collect()
    mapping.close()


def test_wrong_types(code: Code) -> None:
    mapping: Any = executable(code.answer)
    wrong = [(5, ()), ("int", ()), (ctypes.c_int, (5,)), (ctypes.c_int, ("i",))]
    # A base that has no size can't be passed by value.
    wrong += [(ctypes.Structure, ()), (ctypes.c_int, (ctypes.Structure,))]
    for restype, argtypes in wrong:
        with pytest.raises(TypeError):
            mapping.function(restype, *argtypes)
    with pytest.raises(TypeError):
        mapping.function()
    gc.collect()
    mapping.close()


def test_consumed(code: Code) -> None:
    mapping = executable(code.answer)
    mapping.close()
    calls: list[Callable[[], object]] = [
        lambda: mapping.function(ctypes.c_int),
        mapping.is_executable,
        mapping.jit_write,
    ]
    for call in calls:
        with pytest.raises(ConsumedError):
            call()


def test_is_executable(page: int) -> None:
    options = MmapOptions(page)
    jit = options.with_unsafe_flags(UnsafeMmapFlags.JIT)
    assert options.map().is_executable() is False
    assert options.map_mut().is_executable() is False
    assert options.map_exec().is_executable() is True
    assert jit.map_mut().is_executable() is False
    assert jit.map_exec_mut().is_executable() is True
    assert jit.map_mut().make_exec_mut().is_executable() is True
    assert options.map_mut().make_exec().is_executable() is True
    assert options.map_mut().make_exec_no_flush().is_executable() is True
    assert options.map_none().make_exec().is_executable() is True
    assert options.map_exec().make_none().make_read_only().is_executable() is False
    assert Mmap.try_from(options.reserve_exec()).is_executable() is True
    assert Mmap.try_from(options.reserve()).is_executable() is False
    assert MmapMut.try_from(jit.reserve_exec_mut()).is_executable() is True


def test_split_and_merge_keep_it_executable(code: Code, page: int) -> None:
    mapping = MmapOptions(2 * page).map_mut()
    mapping[page : page + len(code.answer)] = code.answer
    head = mapping.make_exec()
    tail = head.split_off(page)
    assert head.is_executable()
    assert tail.is_executable()
    answer = tail.function(ctypes.c_int)
    with pytest.raises(BufferError):
        head.merge(tail)
    assert answer() == 42
    del answer
    gc.collect()
    head.merge(tail)
    assert head.function(ctypes.c_int, offset=page)() == 42


def test_write_xor_execute(code: Code) -> None:
    mapping: Any = executable(code.add)
    for following in (code.answer, code.add) * 10:
        if following == code.answer:
            assert mapping.function(ctypes.c_int, ctypes.c_int, ctypes.c_int)(1, 2) == 3
        else:
            assert mapping.function(ctypes.c_int)() == 42
        gc.collect()
        with pytest.raises(TypeError):
            mapping[0] = 0
        writable = mapping.make_mut()
        assert not writable.is_executable()
        with pytest.raises(InvalidOperationError):
            writable.function(ctypes.c_int)
        writable.fill(0)
        writable[: len(following)] = following
        mapping = writable.make_exec()


def test_writable_and_executable_needs_the_flag(code: Code, page: int) -> None:
    options = MmapOptions(page)
    with pytest.raises(UnsafeFlagNeededError) as caught:
        options.map_exec_mut()
    assert caught.value.flags == UnsafeMmapFlags.JIT
    assert caught.value.variant == "UnsafeFlagNeeded"
    with pytest.raises(UnsafeFlagNeededError):
        options.reserve_exec_mut()
    mapping = options.with_unsafe_flags(UnsafeMmapFlags.JIT).map_exec_mut()
    with mapping.jit_write():
        mapping[: len(code.answer)] = code.answer
    mapping.flush_icache()
    assert mapping.function(ctypes.c_int)() == 42
    with mapping.jit_write():
        mapping[: len(code.add)] = code.add
    mapping.flush_icache()
    assert mapping.function(ctypes.c_int, ctypes.c_int, ctypes.c_int)(40, 1) == 41


def test_jit_write_nests_and_leaves_in_order(page: int) -> None:
    mapping = MmapOptions(page).with_unsafe_flags(UnsafeMmapFlags.JIT).map_exec_mut()
    with mapping.jit_write(), mapping.jit_write():
        mapping[0] = 1
    with pytest.raises(KeyError), mapping.jit_write():
        raise KeyError
    assert mapping[0] == 1
    plain = MmapOptions(page).map_mut()
    with plain.jit_write():
        plain[0] = 1
    assert plain[0] == 1


@pytest.mark.skipif(
    sys.platform != "darwin" or platform.machine() != "arm64",
    reason="only Apple Silicon keeps such memory as it is; the decision has a test in core/src/memory/jit.rs",
)
def test_jit_memory_keeps_its_protection_on_apple_silicon(code: Code, page: int) -> None:
    mapping = MmapOptions(page).with_unsafe_flags(UnsafeMmapFlags.JIT).map_exec_mut()
    with mapping.jit_write():
        mapping[: len(code.answer)] = code.answer
    mapping.flush_icache()
    for change in (
        mapping.make_none,
        mapping.make_read_only,
        mapping.make_exec,
        mapping.make_exec_no_flush,
        mapping.make_mut,
    ):
        with pytest.raises(InvalidOperationError, match="jit_write"):
            change()
    same = mapping.make_exec_mut()
    assert same.function(ctypes.c_int)() == 42


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no W^X files of this kind")
def test_code_from_a_file(code: Code, tmp_path: Path) -> None:
    path = tmp_path / "code"
    path.write_bytes(code.answer)
    try:
        mapping = MmapOptions.for_file(path).map_exec()
    except PermissionError:
        pytest.skip("the file system of the temporary directory forbids execution")
    assert mapping.function(ctypes.c_int)() == 42


AUDITED = """
    import ctypes, sys
    from mmap_rs import MmapOptions
    seen = []
    def hook(event, args):
        if event in ("mmap_rs.exec", "mmap_rs.function"):
            seen.append((event, args))
    sys.addaudithook(hook)
    page = MmapOptions.page_size()
    mapping = MmapOptions(page).map_mut().make_exec()
    assert seen == [("mmap_rs.exec", (mapping.start(), page))], seen
    mapping.function(None, offset=16)
    assert seen[1:] == [("mmap_rs.function", (mapping.start() + 16,))], seen
    print("done")
"""


def test_audit_events() -> None:
    assert check_child(AUDITED).strip() == "done"
