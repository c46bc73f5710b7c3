"""Importing a module from the file that a compiler has made."""

import importlib.machinery
import importlib.util
from pathlib import Path
from typing import Any


def load(path: Path) -> Any:
    """Import a compiled module."""
    loader = importlib.machinery.ExtensionFileLoader(path.stem, str(path))
    spec = importlib.util.spec_from_file_location(path.stem, path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module
