"""What a compiled module says of itself: lief reads each format in its own way, this asks all the same."""

from collections.abc import Callable
from typing import Any

import lief

from tools.tiers.inspection import Import, Module
from tools.tiers.work import Failed

# Of load commands from before each system had a number.
PLATFORMS = {"VERSION_MIN_MACOSX": "MACOS", "VERSION_MIN_IPHONEOS": "IOS"}


def parse(content: bytes) -> Any:
    """Return what lief reads in a compiled file of any format."""
    # It would tell what it can't read of zig's modules for macOS, which nothing here asks for.
    lief.logging.disable()
    binary: Any = lief.parse(content)  # pyright: ignore[reportUnknownMemberType]
    if binary is None:
        raise Failed("a compiled file is not of a format that is known")
    return binary


def read(content: bytes) -> Module:
    """Read a module of any format."""
    binary = parse(content)
    readers: dict[str, Callable[[Any], Module]] = {"ELF": _elf, "MACHO": _mach_o, "PE": _pe}
    module = readers[binary.format.name](binary)
    module.kind = binary.format.name
    # lief has no common name for processors that one format alone knows.
    common = binary.abstract.header.architecture.name
    module.machine = common if common != "UNKNOWN" else binary.header.machine_type.name
    if not binary.has_nx:
        module.faults.add("its stack or its data may be executed")
    return module


def _elf(binary: lief.ELF.Binary) -> Module:
    module = Module(needed={str(name) for name in binary.libraries})
    module.exports = {str(symbol.name) for symbol in binary.exported_symbols}
    for symbol in binary.dynamic_symbols:
        # Also those without a type: linkers for bare lists of names give none.
        if symbol.shndx != 0 or not symbol.name:
            continue
        version = symbol.symbol_version
        detail = version.symbol_version_auxiliary if version is not None else None
        named = str(detail.name) if detail is not None else ""
        weak = symbol.binding == lief.ELF.Symbol.BINDING.WEAK
        module.imports.add(Import(str(symbol.name), named, weak=weak))
    kinds, flags, tags = lief.ELF.Segment.TYPE, lief.ELF.Segment.FLAGS, lief.ELF.DynamicEntry.TAG
    loaded = [segment for segment in binary.segments if segment.type == kinds.LOAD]
    module.alignment = min((segment.alignment for segment in loaded), default=0)
    if any(segment.has(flags.W) and segment.has(flags.X) for segment in loaded):
        module.faults.add("a segment is writable and executable")
    # TEXTREL does not tell: for FreeBSD on 32 bits it is there whether code is relocated or not.
    for entry in [*binary.dynamic_relocations, *binary.pltgot_relocations]:
        place = binary.segment_from_virtual_address(entry.address)
        if place is not None and not place.has(flags.W):
            module.faults.add("its code is relocated")
    if binary.has(tags.RPATH) or binary.has(tags.RUNPATH):
        module.faults.add("it names folders to search libraries in")
    if not binary.has(kinds.GNU_RELRO):
        module.faults.add("its tables stay writable (no RELRO)")
    return module


def _mach_o(binary: lief.MachO.Binary) -> Module:
    module = Module()
    # A name of C has an underscore in front.
    module.exports = {str(symbol.name).removeprefix("_") for symbol in binary.exported_symbols}
    for library in binary.libraries:
        if library.command == lief.MachO.LoadCommand.TYPE.ID_DYLIB:
            module.install_name = str(library.name)
        else:
            module.needed.add(str(library.name))
    for symbol in binary.imported_symbols:
        info = symbol.binding_info
        source = info.library if info is not None else None
        name = str(symbol.name).removeprefix("_")
        module.imports.add(Import(name, library=str(source.name) if source is not None else ""))
    version: list[int] = []
    if (build := binary.build_version) is not None:
        module.platform, version = build.platform.name, list(build.minos)
    elif (older := binary.version_min) is not None:
        module.platform, version = PLATFORMS.get(older.command.name, ""), list(older.version)
    module.minimum = ".".join(map(str, version[:2]))
    if binary.header.cpu_type == lief.MachO.Header.CPU_TYPE.ARM64 and not binary.has_code_signature:
        module.faults.add("it is not signed, which Apple Silicon asks of all code")
    if any(segment.init_protection & 6 == 6 for segment in binary.segments):
        module.faults.add("a segment is writable and executable")
    # The first segment holds the headers, at 0.
    starts = [segment.virtual_address for segment in binary.segments if segment.virtual_address]
    module.alignment = min((start & -start for start in starts), default=0)
    return module


def _pe(binary: lief.PE.Binary) -> Module:
    exports = binary.get_export()
    module = Module(alignment=binary.optional_header.section_alignment)
    module.exports = {str(entry.name) for entry in exports.entries} if exports else set()
    for library in binary.imports:
        name = str(library.name).lower()
        module.needed.add(name)
        module.imports |= {Import(str(entry.name), library=name) for entry in library.entries}
    if not binary.is_pie:
        module.faults.add("it has a fixed address (no ASLR)")
    return module
