"""What extension modules in Rust give to Python: errors of the crate `mmap-rs`, mappings that they took."""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

import pytest

import mmap_rs
from mmap_rs import (
    ConsumedError,
    Inherit,
    MemoryFile,
    MmapFlags,
    MmapOptions,
    SystemCallError,
    UnsafeMmapFlags,
)
from tests.bridge import build
from tests.support.child_process import check_child
from tests.support.child_scripts import needs_fork

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="session")
def probe() -> Any:
    """The extension module of this folder."""
    return build.probe()


def test_errors_are_of_the_class_with_their_name(probe: Any) -> None:
    found = probe.errors()
    assert [(type(error).__name__, error.variant) for error in found] == [
        ("UnsafeFlagNeededError", "UnsafeFlagNeeded"),
        ("InvalidSizeError", "InvalidSize"),
        ("InvalidOffsetError", "InvalidOffset"),
        ("InvalidOperationError", "InvalidOperation"),
        ("MustBeAdjacentError", "MustBeAdjacent"),
        ("AttributeMismatchError", "AttributeMismatch"),
        ("BackingMismatchError", "BackingMismatch"),
        ("SystemCallError", "Io"),
        ("SystemCallError", "Io"),
        ("ParseError", "ParseInt"),
        ("ParseError", "Utf8"),
    ]
    assert all(isinstance(error, mmap_rs.Error) for error in found)
    assert found[0].flags is UnsafeMmapFlags.JIT
    refused, numberless = (error for error in found if isinstance(error, SystemCallError))
    if sys.platform == "win32":
        assert (refused.winerror, refused.errno) == (5, errno.EACCES)
        assert isinstance(refused, PermissionError)
    else:
        assert (refused.errno, refused.strerror) == (errno.EIO, os.strerror(errno.EIO))
    assert "without a number" in str(numberless)


@needs_fork
def test_what_a_child_does_not_get_stays_so(probe: Any, page: int) -> None:
    m = MmapOptions(page).map_mut()
    m.set_inheritance(Inherit.NONE)
    again = probe.there_and_back(m)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            again[0]
        except ConsumedError:
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    again.close()


@pytest.mark.skipif(os.name == "nt", reason="a mapping with repeats can't be taken there")
def test_what_can_not_be_returned_is_given_back(probe: Any, page: int) -> None:
    """A mapping that shows the same bytes twice is two for the system."""
    file = MemoryFile(page)
    options = MmapOptions(page).with_file(file).with_flags(MmapFlags.SHARED).with_repeats(2)
    ring = options.map_mut()
    start = ring.start()
    with pytest.raises(mmap_rs.AttributeMismatchError, match="adopt them one by one"):
        probe.there_and_back(ring)
    area = mmap_rs.MemoryAreas.query(start)
    assert area is None or "memfd" not in str(area.path())


def test_an_error_after_the_interpreter_has_ended_is_no_panic(probe: Any) -> None:
    output = check_child(
        """
        import sys
        from importlib.machinery import ExtensionFileLoader
        from importlib.util import module_from_spec, spec_from_file_location

        loader = ExtensionFileLoader("probe", sys.argv[1])
        module = module_from_spec(spec_from_file_location("probe", sys.argv[1], loader=loader))
        loader.exec_module(module)
        module.raise_after_the_end()
        """,
        arguments=(probe.__file__,),
    )
    assert output.strip() == "2 exceptions"
