"""Read a log by its lines and through regular expressions, and write the numbers as CSV."""

import csv
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

from mmap_rs import map_file


def make_log(path: Path) -> None:
    """Write what a web server might have written."""
    pages = ("/index", "/prices", "/lost")
    with path.open("w", encoding="utf-8") as file:
        for number in range(3000):
            page = pages[number % 7 % 3]
            file.write(f"GET {page} {404 if page == '/lost' else 200} {number % 50} ms\n")


def by_lines(path: Path) -> Counter[str]:
    """Count the pages, line by line."""
    with map_file(path) as log:
        return Counter(line.split(b" ")[1].decode() for line in log.lines())


def by_pattern(path: Path) -> int:
    """Count the slow answers, with one pattern over the whole file."""
    with map_file(path) as log:
        return sum(1 for _ in re.finditer(rb" 4\d ms$", log, re.MULTILINE))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "access.log"
        make_log(path)
        table = csv.writer(sys.stdout, lineterminator="\n")
        table.writerow(["page", "requests"])
        table.writerows(sorted(by_lines(path).items()))
        print(f"slow: {by_pattern(path)}")


if __name__ == "__main__":
    main()
