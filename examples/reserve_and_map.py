"""The memory of an emulated machine: ROM, RAM and a save file at fixed distances from one base address."""

import tempfile
from pathlib import Path

from mmap_rs import InvalidOperationError, Mmap, MmapFlags, MmapMut, MmapOptions, ReservedNone

MIB = 1 << 20
UNIT = 1 << 16  # a multiple of the page size everywhere


class Machine:
    """256 MiB of addresses. What nothing was mapped into stays inaccessible."""

    def __init__(self) -> None:
        self.rest: ReservedNone = MmapOptions(256 * MIB).reserve_none()
        self.base = self.rest.start()
        self.gaps: list[ReservedNone] = []

    def cut(self, at: int, size: int) -> ReservedNone:
        """Cut `size` bytes off at an address of the machine. Addresses must rise from call to call."""
        gap = self.base + at - self.rest.start()
        if gap > 0:
            self.gaps.append(self.rest.split_to(gap))
        return self.rest.split_to(size)

    def options(self, at: int, size: int) -> MmapOptions:
        """Return options for a mapping at an address of the machine."""
        return MmapOptions(size).with_reservation(self.cut(at, size))


def main() -> None:
    machine = Machine()
    with tempfile.TemporaryDirectory() as folder:
        rom_file, save_file = Path(folder) / "rom", Path(folder) / "save"
        rom_file.write_bytes(b"program".ljust(2 * UNIT, b"\xff"))
        save_file.write_bytes(bytes(UNIT))
        try:
            rom = machine.options(0, 2 * UNIT).with_file(rom_file).map()
            ram = machine.options(16 * MIB, MIB).map_mut()
            save = machine.options(32 * MIB, UNIT).with_file(save_file)
            saved = save.with_flags(MmapFlags.SHARED).map_mut()
        except InvalidOperationError as error:  # Windows
            print("left out:", error)
            return
        with rom, ram, saved:
            ram[0:7] = rom[0:7]
            saved[0:7] = ram[0:7]
            saved.flush()
            parts: list[tuple[str, Mmap | MmapMut]] = [("rom", rom), ("ram", ram), ("save", saved)]
            for name, m in parts:
                print(f"{name:4} at {m.start() - machine.base:#09x}: {m[0:7].decode()}")
        print("in the save file:", save_file.read_bytes()[:7].decode())


if __name__ == "__main__":
    main()
