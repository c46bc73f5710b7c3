"""NumPy arrays over buffers. Tests that need NumPy are skipped on systems that it is not available for."""

from importlib.util import find_spec
from typing import Any

import pytest

HAS_NUMPY = find_spec("numpy") is not None
ABSENT = "there is no NumPy"


def numpy() -> Any:
    """Return NumPy, or skip the test that asks for it."""
    return pytest.importorskip("numpy", reason=ABSENT)


def array_over(buffer: Any) -> Any:
    """Return an array of bytes over a buffer's own memory."""
    np = numpy()
    return np.frombuffer(buffer, dtype=np.uint8)


def as_parameter(data: bytes) -> Any:
    """Return such an array as one of a test's parameters, skipped where there is no NumPy."""
    if HAS_NUMPY:
        return array_over(data)
    return pytest.param(None, id="ndarray", marks=pytest.mark.skip(reason=ABSENT))
