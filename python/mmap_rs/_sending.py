"""Sending through `multiprocessing`: what `pickle` asks of a `MemoryFile`, and of a shared mapping.

A descriptor can be sent only by the pickler of `multiprocessing`, which is not known when an object is
asked how to pickle it. So the object answers with a `_Parcel`, for which that pickler has a reducer of
ours; any other pickler asks the parcel itself, and gets a `TypeError`.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from mmap_rs._errors import ConsumedError
from mmap_rs._flags import MmapFlags, UnsafeMmapFlags
from mmap_rs._mmap_rs import Mapping, MemoryFile, MmapOptions, _sent

if TYPE_CHECKING:
    from collections.abc import Callable

_WHAT = (
    "only a MemoryFile, and a shared mapping of a MemoryFile or of a path (not of a device), can be sent "
    "to another process, and only through multiprocessing: as an argument of a Process, through a Queue or "
    "a Pipe"
)
# The flags that are for the process that asks for them.
_OWN = ("LOCKED", "POPULATE")
# From winnt.h, for sections.
_SECTION_ALL_ACCESS = 0xF001F


class _Parcel:
    """What is to be sent, in the hands of a pickler."""

    def __init__(self, kind: str, content: Any) -> None:
        self.kind = kind
        self.content = content

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        # Picklers of `multiprocessing` copy the table of reducers when they are made, so the first one in a
        # process, which made us register ours, lacks it. It calls this from that module, no frame between.
        if sys._getframe(1).f_globals.get("__name__") == "multiprocessing.reduction":
            return _reduce_parcel(self)
        msg = f"{self.kind} objects can't be pickled by themselves: {_WHAT}; bytes(m) copies the contents"
        raise TypeError(msg)


def _register() -> None:
    """Have the pickler of `multiprocessing` know parcels, if the program has one."""
    reduction = sys.modules.get("multiprocessing.reduction")
    if reduction is not None:
        reduction.register(_Parcel, _reduce_parcel)


def reduce_file(file: MemoryFile) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Return how a `MemoryFile` is made again in another process; `TypeError` if it is closed."""
    if file.closed:
        msg = "this MemoryFile was closed, and can't be pickled or sent"
        raise TypeError(msg)
    _register()
    return _unpack, (_Parcel("MemoryFile", file),)


def reduce_mapping(mapping: Mapping) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Return how a mapping is made again in another process; `TypeError` if it can't be."""
    kind = type(mapping).__name__
    try:
        content = _sent(mapping)
    except ConsumedError as error:
        msg = f"{error}, and can't be pickled or sent"
        raise TypeError(msg) from error
    if content is None:
        msg = f"this {kind} can't be pickled or sent: {_WHAT}; bytes(m) copies its contents"
        raise TypeError(msg)
    _register()
    return _unpack, (_Parcel(kind, content),)


def _unpack(parcel: Any) -> Any:
    """Return what a parcel was unpacked into."""
    return parcel


def _reduce_parcel(parcel: _Parcel) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    if isinstance(parcel.content, MemoryFile):
        return _file_again, _file_parts(parcel.content)
    content = dict(parcel.content)
    memory = content.pop("memory", None)
    if memory is not None:
        return _mapping_of_memory, (parcel.kind, content, *_file_parts(memory))
    return _mapping_of_path, (parcel.kind, content)


def _file_parts(file: MemoryFile) -> tuple[Any, ...]:
    """Return what `_file_again` takes: a claim on the file, its name and its size."""
    return _claim(file), file.name, file.size()


def _claim(file: MemoryFile) -> Any:
    """Return an object whose `detach()` gives the receiver a descriptor or handle of its own."""
    from multiprocessing import reduction, util
    from multiprocessing.context import get_spawning_popen

    if sys.platform == "win32":
        return reduction.DupHandle(file._number(), _SECTION_ALL_ACCESS)
    popen = get_spawning_popen()
    if popen is not None:
        # A process to be spawned gets each number once and as it is: two mappings of a file need two.
        number = os.dup(file._number())
        util.Finalize(popen, os.close, (number,))
        return reduction.DupFd(number)

    from multiprocessing import resource_sharer

    # `DupFd()` duplicates the descriptor each time, and keeps the duplicate until the message is received.
    # Here all messages share the descriptor of the file, so those that nobody receives take up none.
    kept = file._clone()

    def send(connection: Any, pid: int) -> None:
        reduction.send_handle(connection, kept._number(), pid)

    sharer: Any = resource_sharer
    claim = sharer.DupFd.__new__(sharer.DupFd)
    claim._id = sharer._resource_sharer.register(send, kept.close)
    return claim


def _file_again(duplicate: Any, name: str | None, size: int) -> MemoryFile:
    return MemoryFile._of_number(duplicate.detach(), name, size)


def _mapping_of_memory(kind: str, content: dict[str, Any], *parts: Any) -> Mapping:
    with _file_again(*parts) as file:
        return _map(kind, content, file)


def _mapping_of_path(kind: str, content: dict[str, Any]) -> Mapping:
    return _map(kind, content, content["path"])


def _map(kind: str, content: dict[str, Any], file: Any) -> Mapping:
    flags = MmapFlags(content["flags"])
    for name in _OWN:
        flags &= ~MmapFlags[name]
    options = MmapOptions._of_sent(
        content["size"], file, content["offset"], content["past_end"], content["identity"]
    )
    options = options.with_flags(flags).with_repeats(content["repeats"])
    if content["unsafe_flags"] & UnsafeMmapFlags.JIT:
        options = options.with_unsafe_flags(UnsafeMmapFlags.JIT)
    if content["guarded"]:
        options = options.with_fault_guard()
    if not content["size"]:
        # An empty mapping is made readable, and then what it is to be.
        if kind == "MmapNone":
            return options.map().make_none()
        if kind == "MmapMut" and content["executable"]:
            return options.map_mut().make_exec_mut()
    makers = {
        ("MmapNone", False): options.map_none,
        ("Mmap", False): options.map,
        ("Mmap", True): options.map_exec,
        ("MmapMut", False): options.map_mut,
        ("MmapMut", True): options.map_exec_mut,
    }
    return makers[kind, content["executable"]]()
