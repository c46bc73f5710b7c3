"""The six classes of mappings, for tests that go through all of them."""

from mmap_rs import Mapping, Mmap, MmapMut, MmapNone, Reserved, ReservedMut, ReservedNone

# The method of MmapOptions that makes each.
MAKERS: dict[type[Mapping], str] = {
    MmapNone: "map_none",
    Mmap: "map",
    MmapMut: "map_mut",
    ReservedNone: "reserve_none",
    Reserved: "reserve",
    ReservedMut: "reserve_mut",
}


def class_name(cls: type[Mapping]) -> str:
    """Return the name of a class, for the name of a test."""
    return cls.__name__
