"""The table of the C API by `ctypes`, as a program in another language has it."""

import ctypes
from typing import Any

import mmap_rs

KINDS = ["MmapNone", "Mmap", "MmapMut", "ReservedNone", "Reserved", "ReservedMut"]
READ, WRITE, EXECUTE = 1, 2, 8
ANY = 0xFFFFFFFF

GiveBack = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


class Info(ctypes.Structure):
    """`mmap_rs_info`."""

    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("start", ctypes.c_size_t),
        ("len", ctypes.c_size_t),
        ("page_size", ctypes.c_size_t),
        ("kind", ctypes.c_uint32),
        ("protection", ctypes.c_uint32),
        ("share_mode", ctypes.c_uint32),
        ("faulted", ctypes.c_uint32),
    ]


class Memory(ctypes.Structure):
    """`mmap_rs_memory`."""

    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("start", ctypes.c_size_t),
        ("len", ctypes.c_size_t),
        ("page_size", ctypes.c_size_t),
        ("kind", ctypes.c_uint32),
        ("protection", ctypes.c_uint32),
        ("share_mode", ctypes.c_uint32),
        ("divisible", ctypes.c_uint32),
        ("give_back", ctypes.c_void_p),
        ("context", ctypes.c_void_p),
    ]


# With the GIL held, and with a look at the exception after it.
_attached = ctypes.PYFUNCTYPE
# As a thread that does not have it.
_free = ctypes.CFUNCTYPE


class _Table(ctypes.Structure):
    _fields_ = [
        ("version", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("info", _attached(ctypes.c_int, ctypes.py_object, ctypes.POINTER(Info))),
        (
            "view",
            _attached(ctypes.c_void_p, ctypes.py_object, ctypes.c_int, ctypes.POINTER(Info)),
        ),
        ("view_again", _free(ctypes.c_void_p, ctypes.c_void_p)),
        ("view_state", _free(ctypes.c_int, ctypes.c_void_p)),
        ("release", _free(None, ctypes.c_void_p)),
        ("adopt", _attached(ctypes.py_object, ctypes.POINTER(Memory))),
        ("take", _attached(ctypes.c_int, ctypes.py_object, ctypes.POINTER(Memory))),
    ]


_get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_get_pointer.restype = ctypes.c_void_p
_get_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]

table: Any = _Table.from_address(_get_pointer(mmap_rs._C_API, b"mmap_rs._C_API"))


def info(mapping: object) -> Info:
    """Describe a mapping."""
    found = Info(struct_size=ctypes.sizeof(Info))
    assert table.info(mapping, found) == 0
    return found


def view(mapping: object, writable: bool = False) -> tuple[int, Info]:
    """Export a mapping: the view, and what it says of the mapping."""
    found = Info(struct_size=ctypes.sizeof(Info))
    made = table.view(mapping, writable, found)
    assert made
    return made, found


def take(mapping: object) -> Memory:
    """Take the memory of a mapping."""
    memory = Memory(struct_size=ctypes.sizeof(Memory))
    assert table.take(mapping, memory) == 0
    return memory


def give_back(memory: Memory, at: int = 0, size: int | None = None) -> None:
    """Give back memory that was taken, or a part of it."""
    function = GiveBack(memory.give_back)
    function(memory.context, memory.start + at, memory.len if size is None else size)


def adopt(**fields: Any) -> Any:
    """Make an object of memory: by default as the system says that it is mapped, and gives it back."""
    fields = {"protection": ANY, "share_mode": ANY, **fields}
    return table.adopt(Memory(struct_size=ctypes.sizeof(Memory), **fields))
