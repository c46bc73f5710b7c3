"""What a compiled module says of itself: its format, what it needs, what it brings.

Read by lief, which knows the formats of all systems.
"""

from __future__ import annotations

from pathlib import Path

import lief
from modules import Import, Module
from work import Failed


def read(path: Path) -> Module:
    """Read a module of any format."""
    # It would tell what it can't read of zig's modules for macOS, which nothing here asks for.
    lief.logging.disable()
    found = lief.parse(str(path))  # pyright: ignore[reportUnknownMemberType]
    if isinstance(found, lief.ELF.Binary):
        return _elf(found)
    if isinstance(found, lief.MachO.Binary):
        return _mach_o(found)
    if isinstance(found, lief.PE.Binary):
        return _pe(found)
    raise Failed(f"{path.name} is no compiled module of a format that is known")


def _elf(binary: lief.ELF.Binary) -> Module:
    imports: set[Import] = set()
    for symbol in binary.dynamic_symbols:
        # Also those without a type: linkers for bare lists of names give none.
        if symbol.shndx != 0 or not symbol.name:
            continue
        version = symbol.symbol_version
        detail = version.symbol_version_auxiliary if version is not None else None
        named = str(detail.name) if detail is not None else ""
        weak = symbol.binding == lief.ELF.Symbol.BINDING.WEAK
        imports.add(Import(str(symbol.name), named, weak=weak))
    faults: set[str] = set()
    loaded: list[int] = []
    for segment in binary.segments:
        if segment.type == lief.ELF.Segment.TYPE.LOAD:
            loaded.append(segment.alignment)
            both = lief.ELF.Segment.FLAGS.W, lief.ELF.Segment.FLAGS.X
            if all(segment.has(flag) for flag in both):
                faults.add("a segment is writable and executable")
        is_stack = segment.type == lief.ELF.Segment.TYPE.GNU_STACK
        if is_stack and segment.has(lief.ELF.Segment.FLAGS.X):
            faults.add("it asks for an executable stack")
    if _relocates_code(binary):
        faults.add("its code is relocated (TEXTREL)")
    for tag in (lief.ELF.DynamicEntry.TAG.RPATH, lief.ELF.DynamicEntry.TAG.RUNPATH):
        if binary.has(tag):
            faults.add("it names folders to search libraries in")
    if not binary.has(lief.ELF.Segment.TYPE.GNU_RELRO):
        faults.add("its tables stay writable (no RELRO)")
    return Module(
        kind="ELF",
        machine=binary.header.machine_type.name,
        needed=frozenset(map(str, binary.libraries)),
        imports=frozenset(imports),
        exports=frozenset(str(symbol.name) for symbol in binary.exported_symbols),
        alignment=min(loaded, default=0),
        faults=frozenset(faults),
    )


def _relocates_code(binary: lief.ELF.Binary) -> bool:
    """Tell whether the loader has to write where the program may not.

    TEXTREL alone does not tell: Rust lets the linker for FreeBSD on 32 bits do so (`-z notext`), and it then
    says TEXTREL whether it did or not.
    """
    if not binary.has(lief.ELF.DynamicEntry.TAG.TEXTREL):
        return False
    fixed = [
        range(segment.virtual_address, segment.virtual_address + segment.virtual_size)
        for segment in binary.segments
        if segment.type == lief.ELF.Segment.TYPE.LOAD and not segment.has(lief.ELF.Segment.FLAGS.W)
    ]
    places = [entry.address for entry in binary.dynamic_relocations]
    places += [entry.address for entry in binary.pltgot_relocations]
    return any(place in part for place in places for part in fixed)


# Of load commands from before each system had a number.
PLATFORMS = {"VERSION_MIN_MACOSX": "MACOS", "VERSION_MIN_IPHONEOS": "IOS"}


def _mach_o(binary: lief.MachO.Binary) -> Module:
    needed: set[str] = set()
    install_name = ""
    for library in binary.libraries:
        if library.command == lief.MachO.LoadCommand.TYPE.ID_DYLIB:
            install_name = str(library.name)
        else:
            needed.add(str(library.name))
    platform = minimum = ""
    if binary.build_version is not None:
        platform = binary.build_version.platform.name
        minimum = ".".join(map(str, binary.build_version.minos[:2]))
    elif binary.version_min is not None:
        platform = PLATFORMS.get(binary.version_min.command.name, "")
        minimum = ".".join(map(str, binary.version_min.version[:2]))
    imports: set[Import] = set()
    for symbol in binary.imported_symbols:
        info = symbol.binding_info
        source = info.library if info is not None else None
        # A name of C has an underscore in front.
        name = str(symbol.name).removeprefix("_")
        imports.add(Import(name, library=str(source.name) if source is not None else ""))
    faults: set[str] = set()
    if binary.header.cpu_type == lief.MachO.Header.CPU_TYPE.ARM64 and not binary.has_code_signature:
        faults.add("it is not signed, which Apple Silicon asks of all code")
    for segment in binary.segments:
        if segment.init_protection & 6 == 6:
            faults.add(f"the segment {segment.name!r} is writable and executable")
    # The first segment holds the headers, at 0.
    starts = [segment.virtual_address for segment in binary.segments if segment.virtual_address]
    alignment = min((start & -start for start in starts), default=0)
    return Module(
        kind="Mach-O",
        machine=binary.header.cpu_type.name,
        needed=frozenset(needed),
        imports=frozenset(imports),
        exports=frozenset(str(symbol.name).removeprefix("_") for symbol in binary.exported_symbols),
        alignment=alignment,
        platform=platform,
        minimum=minimum,
        install_name=install_name,
        faults=frozenset(faults),
    )


def _pe(binary: lief.PE.Binary) -> Module:
    imports: set[Import] = set()
    for library in binary.imports:
        for entry in library.entries:
            imports.add(Import(str(entry.name), library=str(library.name).lower()))
    faults: set[str] = set()
    characteristics = lief.PE.OptionalHeader.DLL_CHARACTERISTICS
    for flag, text in (
        (characteristics.DYNAMIC_BASE, "it has a fixed address (no ASLR)"),
        (characteristics.NX_COMPAT, "its data may be executed (no NX)"),
    ):
        if not binary.optional_header.has(flag):
            faults.add(text)
    exports = binary.get_export()
    names = [str(entry.name) for entry in exports.entries] if exports is not None else []
    return Module(
        kind="PE",
        machine=binary.header.machine.name,
        needed=frozenset(str(library.name).lower() for library in binary.imports),
        imports=frozenset(imports),
        exports=frozenset(names),
        alignment=binary.optional_header.section_alignment,
        faults=frozenset(faults),
    )
