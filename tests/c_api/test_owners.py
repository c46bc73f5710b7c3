"""Memory with a function that gives it back: called once for each byte, whatever happens in between."""

from __future__ import annotations

import ctypes
import gc
import threading
from typing import Any

import pytest

from mmap_rs import BackingMismatchError, Inherit, InvalidOperationError, MmapOptions
from tests.c_api.other_code import KIND, Owner, is_mapped, libc, mapped, unix
from tests.c_api.table import GiveBack, adopt, give_back, table, take, view
from tests.support.child_process import check_child
from tests.support.child_scripts import PRELUDE, needs_fork


@unix
@pytest.mark.parametrize("how", ["close", "del", "deferred", "view", "thread"])
def test_the_owner_gets_it_back_once(how: str, page: int) -> None:
    owner, start = Owner(), mapped(2 * page)
    m = adopt(start=start, len=2 * page, kind=KIND["MmapMut"], **owner.fields)
    assert owner.parts == []
    if how == "close":
        m.close()
        m.close()
    elif how == "del":
        del m
        gc.collect()
    elif how == "deferred":
        held = memoryview(m)
        m.close(defer=True)
        assert owner.parts == []
        held.release()
    elif how == "view":
        made, _ = view(m)
        del m
        assert owner.parts == []
        table.release(made)
    else:
        thread = threading.Thread(target=m.close)
        thread.start()
        thread.join()
    assert owner.parts == [(start, 2 * page)]
    assert not is_mapped(start)


@unix
def test_an_owner_may_use_python_when_it_gets_it_back() -> None:
    """Even the mapping itself: nothing is held by then."""
    seen: list[object] = []
    start = mapped(1 << 20)
    holder: list[Any] = []

    def take_back(_context: object, start: int, size: int) -> None:
        seen.append(holder[0].closed)
        libc().munmap(start, size)

    function = GiveBack(take_back)
    address = ctypes.cast(function, ctypes.c_void_p).value
    holder.append(adopt(start=start, len=1 << 20, kind=KIND["MmapMut"], give_back=address))
    holder[0].close()
    assert seen == [True]


@unix
def test_an_owner_that_is_not_divisible(page: int) -> None:
    owner, start = Owner(), mapped(4 * page)
    m = adopt(start=start, len=4 * page, kind=KIND["MmapMut"], **owner.fields)
    for split in (m.split_off, m.split_to):
        with pytest.raises(InvalidOperationError, match="gives it back whole: it can't be split"):
            split(page)
    with pytest.raises(InvalidOperationError, match="can't be resized"):
        m.resize(page)
    again = m.make_read_only().make_mut()
    memory = take(again)
    assert (memory.give_back, memory.context, memory.divisible) == (
        owner.fields["give_back"],
        77,
        0,
    )
    assert owner.parts == []
    give_back(memory)
    assert owner.parts == [(start, 4 * page)]


@unix
def test_an_owner_that_is_divisible(page: int) -> None:
    owner, start = Owner(divisible=True), mapped(4 * page)
    m = adopt(start=start, len=4 * page, kind=KIND["MmapMut"], **owner.fields)
    tail = m.split_off(page)
    tail.close()
    assert owner.parts == [(start + page, 3 * page)]
    with pytest.raises(InvalidOperationError, match="can't be resized"):
        m.resize(2 * page)
    m.close()
    assert owner.parts[1:] == [(start, page)]


@unix
def test_parts_of_two_owners_do_not_merge(page: int) -> None:
    start = mapped(2 * page)
    owner = Owner(divisible=True)
    head = adopt(start=start, len=page, kind=KIND["MmapMut"], **owner.fields)
    tail = adopt(start=start + page, len=page, kind=KIND["MmapMut"])
    with pytest.raises(BackingMismatchError, match="given back in different ways"):
        head.merge(tail)
    head.close()
    tail.close()
    assert owner.parts == [(start, page)]


@unix
@pytest.mark.parametrize("divisible", [False, True])
def test_parts_of_one_owner(divisible: bool, page: int) -> None:
    """What is given back whole stays apart."""
    owner, start = Owner(divisible), mapped(2 * page)
    head = adopt(start=start, len=page, kind=KIND["MmapMut"], **owner.fields)
    tail = adopt(start=start + page, len=page, kind=KIND["MmapMut"], **owner.fields)
    if divisible:
        head.merge(tail)
        head.close()
        assert owner.parts == [(start, 2 * page)]
    else:
        with pytest.raises(BackingMismatchError, match="gives them back whole, each for itself"):
            head.merge(tail)
        head.close()
        tail.close()
        assert owner.parts == [(start, page), (start + page, page)]


@unix
def test_a_reservation_of_other_code_is_not_replaced(page: int) -> None:
    owner, start = Owner(), mapped(page, 0)
    held = adopt(start=start, len=page, kind=KIND["ReservedNone"], **owner.fields)
    with pytest.raises(InvalidOperationError, match="can't be replaced"):
        MmapOptions(page).with_reservation(held).map()
    held.close()
    assert owner.parts == [(start, page)]


# What is deallocated, and ends the memory; each after `m` was closed or lost.
DEALLOCATED = {
    "object": "[m.pop(), 1 / 0]",
    "buffer": "held = [memoryview(m[0])]; m.pop().close(defer=True); [held.pop(), 1 / 0]",
    "file": "held = [m[0].as_file()]; m.pop().close(defer=True); [held.pop(), 1 / 0]",
    "iterator": "held = [iter(m[0])]; m.pop(); [held.pop(), 1 / 0]",
}


@unix
@pytest.mark.parametrize("name", DEALLOCATED)
@pytest.mark.parametrize("pages", [1, 100], ids=["attached", "detached"])
def test_an_exception_that_is_on_its_way_stays(name: str, pages: int) -> None:
    """An object may be deallocated while an exception is raised; the function may run Python code."""
    code = f"""
from tests.c_api.other_code import KIND, Owner, mapped
from tests.c_api.table import adopt
owner = Owner()
m = [adopt(start=mapped({pages} * P), len={pages} * P, kind=KIND["MmapMut"], **owner.fields)]
try:
    {DEALLOCATED[name]}
except ZeroDivisionError as error:
    assert error.__context__ is None
    print(len(owner.parts))
"""
    assert check_child(PRELUDE + code).strip() == "1"


@needs_fork
def test_what_children_do_not_get_is_not_taken_from_an_owner(page: int) -> None:
    """Its function is handed on, and could not say so when the memory comes back."""
    owner = Owner()
    m = adopt(start=mapped(page), len=page, kind=KIND["MmapMut"], **owner.fields)
    m.set_inheritance(Inherit.NONE)
    with pytest.raises(InvalidOperationError, match=r"has Inherit\.NONE, which would be forgotten"):
        take(m)
    m[0] = 1
    m.set_inheritance(Inherit.DEFAULT)
    give_back(take(m))
    assert len(owner.parts) == 1
