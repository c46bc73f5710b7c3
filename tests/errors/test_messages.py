"""Every error says which value was wrong and, where that is known, what to do."""

import errno
import os
import sys
from pathlib import Path

import pytest

import mmap_rs
from mmap_rs import AttributeMismatchError, MmapOptions, PageSize, PageSizes, SystemCallError
from tests.errors.message_cases import CASES, PAGE, Case, fresh
from tests.errors.message_cases_changes import CHANGES
from tests.errors.message_cases_file import FILES
from tests.errors.message_cases_system import EVERYWHERE, LINUX, more_than_there_is

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the words are those of Linux")


def check(case: Case, folder: Path) -> None:
    with pytest.raises(case.error) as info:
        case.act(folder)
    text = str(info.value)
    assert [word for word in case.words if word not in text] == [], text
    assert [word for word in case.absent if word in text] == [], text
    # One line, as tracebacks and logs want it, without Rust's own way to show things.
    assert "\n" not in text
    assert text[-1] not in ".;:"
    assert not {"Some(", "None)", "Err(", "panicked"} & set(text.split())


@pytest.mark.parametrize(
    "case", [*CASES, *CHANGES, *FILES, *EVERYWHERE], ids=lambda case: case.name
)
def test_message(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check(case, tmp_path)


@on_linux
@pytest.mark.parametrize("case", LINUX, ids=lambda case: case.name)
def test_message_of_the_system(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@on_linux
def test_message_without_free_huge_pages() -> None:
    if PageSizes._2M not in MmapOptions.page_sizes():
        pytest.skip("this system has no pages of 2 MiB")
    free = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
    size = (int(free.read_text(encoding="ascii")) + 8) * PageSize._2M.bytes
    with pytest.raises(SystemCallError) as info:
        MmapOptions(size).with_page_size(PageSize._2M).map_mut()
    assert info.value.errno == errno.ENOMEM
    assert "vm.nr_hugepages" in str(info.value)


def test_message_of_attributes() -> None:
    mapping = fresh()
    high = mapping.split_off(PAGE)
    middle = high.make_read_only()
    low = mapping.make_exec()
    with pytest.raises(AttributeMismatchError) as info:
        low.merge(middle)
    assert "READ" in str(info.value)
    assert "EXECUTE" in str(info.value)


def test_the_table_has_every_class_of_error() -> None:
    errors = {
        value
        for value in vars(mmap_rs).values()
        if isinstance(value, type) and issubclass(value, mmap_rs.Error)
    }
    shown = {case.error for case in (*CASES, *CHANGES, *EVERYWHERE, *LINUX)} | {
        AttributeMismatchError
    }
    # ParseError needs a kernel that writes nonsense, FaultError a file that shrinks.
    assert errors - shown == {mmap_rs.Error, mmap_rs.ParseError, mmap_rs.FaultError}


def test_hints_are_there_for_programs_too() -> None:
    with pytest.raises(SystemCallError) as info:
        more_than_there_is()
    assert info.value.operation is not None
    if sys.platform == "linux":
        assert info.value.hint is not None
        assert info.value.strerror == os.strerror(errno.ENOMEM)
