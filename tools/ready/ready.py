"""The build of `tools.phones`' project: a copy of the wheel that lies in it, as PEP 517 asks for."""

import shutil
from pathlib import Path


def build_wheel(folder: str, _settings: object = None, _metadata: object = None) -> str:
    (wheel,) = Path(__file__).parent.glob("*.whl")
    return Path(shutil.copy(wheel, folder)).name
