"""The scripts of the folder tools, for the tests of releases."""

import importlib
import sys
from pathlib import Path
from typing import Any

TOOLS = Path(__file__).resolve().parent.parent / "tools"


def tool(name: str) -> Any:
    """Load a module of the folder tools."""
    sys.path.insert(0, str(TOOLS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(TOOLS))
