"""Print the memory areas of this process, or of the process whose id is given.

Upstream's example of the same name: a line an area, in the form of Linux's /proc/PID/maps.
"""

import os
import sys

from mmap_rs import MemoryAreas, Protection, ShareMode


def main(arguments: list[str]) -> None:
    pid = int(arguments[0]) if arguments else None
    for area in MemoryAreas.open(pid):
        protection = area.protection()
        # A path may contain bytes that are not text.
        path = os.fsencode(area.path() or "").decode(errors="backslashreplace")
        print(
            f"{area.start():x}-{area.end():x} "
            f"{'r' if Protection.READ in protection else '-'}"
            f"{'w' if Protection.WRITE in protection else '-'}"
            f"{'x' if Protection.EXECUTE in protection else '-'}"
            f"{'s' if area.share_mode() is ShareMode.Shared else 'p'}"
            f" {area.file_offset() or 0:x} {path}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
