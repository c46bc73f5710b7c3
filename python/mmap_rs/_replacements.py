"""What to use in place of names that other modules have: the end of an `AttributeError`'s message."""

from __future__ import annotations

from mmap_rs._mmap_rs import Mapping, Mmap, MmapMut, MmapNone, ReservedMut

_FILE = "as_file() is a file with a position"
_ARRAY = "np.frombuffer(memoryview(m), dtype) is an array over it"
_READ_ONLY = "this mapping is read-only: map_file(path, 'r+') or make_mut() gives an MmapMut"
_LONGER = "m.resize(size) makes it longer, and m[a:b] = data sets the new bytes"

# Of `mmap.mmap`, `numpy.memmap`, `bytearray` and the Rust crate memmap2, for mappings that can be read.
_OF_MAPPINGS = {
    "advise_range": "m.advise(MmapFlags.…, range(a, b))",
    "append": _LONGER,
    "as_mut_ref": "m.as_mut_slice()",
    "as_ref": "m.as_slice()",
    "astype": _ARRAY,
    "decode": "bytes(m).decode() or str(m, 'utf-8')",
    "dtype": _ARRAY,
    "extend": _LONGER,
    "filename": "repr(m) shows the path; MemoryAreas.query(m.start()).path() returns it",
    "fileno": "keep the file that it was made from",
    "flush_async_range": "m.flush_async(range(a, b))",
    "flush_range": "m.flush(range(a, b))",
    "madvise": "m.advise(MmapFlags.SEQUENTIAL)",
    "make_exec_only": "m.make_exec()",
    "mlock": "m.lock()",
    "mode": "isinstance(m, MmapMut) says whether it is writable",
    "move": "m.copy_within(range(src, src + count), dest)",
    "name": "repr(m) shows the path; MemoryAreas.query(m.start()).path() returns it",
    "offset": "MemoryAreas.query(m.start()).file_offset()",
    "pop": "m[-1] is the last byte, and m.resize(size) makes it shorter",
    "read": f"m[a:b] copies bytes out, and {_FILE} and read()",
    "read_byte": f"m[i] is one byte, and {_FILE} and read(1)",
    "readinto": f"{_FILE} and readinto()",
    "readline": f"m.lines() goes over the lines, and {_FILE} and readline()",
    "readlines": "list(m.lines())",
    "remap": "m.resize(size)",
    "reshape": _ARRAY,
    "seek": f"use an index, as in m[a:b]; {_FILE} and seek()",
    "seekable": f"{_FILE}",
    "set_len": "m.resize(size)",
    "shape": f"len(m) is its length; {_ARRAY}",
    "splitlines": "list(m.lines(keepends=False))",
    "tell": f"it has no position; {_FILE} and tell()",
    "to_bytes": "bytes(m)",
    "tobytes": "bytes(m) or m[:]",
    "tofile": "file.write(m)",
    "tolist": "list(m)",
    "truncate": "m.resize(size) for the mapping, os.truncate(path, size) for its file",
    "unchecked_advise": "m.advise(MmapFlags.…)",
    "view": "memoryview(m)",
    "write": f"m[a:b] = data of that length, and {_FILE} and write()",
    "write_byte": f"m[i] = value, and {_FILE} and write()",
    "writelines": f"{_FILE} and writelines()",
}
_WRITERS = frozenset(
    {
        "append",
        "as_mut_slice",
        "copy_from_slice",
        "copy_within",
        "extend",
        "fill",
        "move",
        "write",
        "write_byte",
    }
)
# What needs no bytes that can be accessed: of every mapping, and of those with memory.
_OF_ALL = frozenset({"filename", "fileno", "make_exec_only", "mode", "name", "offset"})
_OF_MEMORY = frozenset(
    {
        "advise_range",
        "flush_async_range",
        "flush_range",
        "madvise",
        "remap",
        "set_len",
        "truncate",
        "unchecked_advise",
    }
)
_MODULE = {
    "ALLOCATIONGRANULARITY": "MmapOptions.allocation_granularity()",
    "Mmap2": "map_file() and MmapOptions",
    "MmapRaw": "MmapOptions(size).map_none() and as_ptr()",
    "PAGESIZE": "MmapOptions.page_size()",
    "error": "mmap_rs.Error is the base of the package's errors; those of the system are an OSError",
    "memmap": "map_file(path, mode), then np.frombuffer(memoryview(m), dtype)",
    "mmap": "map_file(path) maps a file, MmapOptions(size).map_mut() anonymous memory",
    "mmap_file": "map_file(path, mode)",
    "open": "map_file(path, mode)",
    "open_memmap": "map_file(path, mode), then np.frombuffer(memoryview(m), dtype, offset=header)",
}
_PREFIXES = {
    "ACCESS_": "map_file(path, mode) has the modes 'r', 'r+', 'c' and 'w+'",
    "MADV_": "MmapFlags has the advice, for m.advise()",
    "MAP_": "MmapFlags and UnsafeMmapFlags have the flags, for MmapOptions",
    "PROT_": "MmapOptions.map(), map_mut() and map_exec() choose the protection",
}


def _of_inaccessible(mapping: Mapping, name: str) -> str | None:
    if name in _OF_ALL or (name in _OF_MEMORY and isinstance(mapping, MmapNone)):
        return _OF_MAPPINGS[name]
    if name not in _OF_MAPPINGS and not hasattr(MmapMut, name):
        return None
    kind = type(mapping).__name__
    if isinstance(mapping, MmapNone):
        return f"the bytes of this {kind} can't be accessed: make_mut()"
    writable = "m" if isinstance(mapping, ReservedMut) else "m.make_mut()"
    return f"this {kind} has no memory: MmapMut.try_from({writable})"


def _of_mapping(mapping: Mapping, name: str) -> str | None:
    if not isinstance(mapping, (Mmap, MmapMut)):
        return _of_inaccessible(mapping, name)
    found = _READ_ONLY if isinstance(mapping, Mmap) and name in _WRITERS else None
    found = found or _OF_MAPPINGS.get(name)
    if found is None and not name.startswith("_") and hasattr(bytes, name):
        found = f"bytes(m).{name}() works on a copy"
    return found


def of_mapping(mapping: Mapping, name: str) -> str:
    """Return the end of the message for a name that a mapping lacks; empty if nothing is known of it."""
    use = _of_mapping(mapping, name)
    return "" if use is None else f"; {use}"


def of_module(name: str) -> str:
    """Return the end of the message for a name that the package lacks; empty if nothing is known of it."""
    uses = [use for prefix, use in _PREFIXES.items() if name.startswith(prefix)]
    use = _MODULE.get(name) or next(iter(uses), None)
    return "" if use is None else f"; {use}"
