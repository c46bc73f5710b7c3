"""How large the package is as a wheel."""

import io
import zipfile
from pathlib import Path

import mmap_rs

LIMIT = 640 * 1024
"""The most bytes that a wheel may have."""


def size() -> int:
    """Return how many bytes the package's files take in a wheel: a zip archive."""
    root = Path(mmap_rs.__file__).parent
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path in sorted(root.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                wheel.write(path, path.relative_to(root.parent))
    return len(archive.getvalue())
