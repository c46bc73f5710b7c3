"""Print the sizes of pages that this machine can map.

Upstream's example of the same name.
"""

from mmap_rs import MmapOptions, PageSize, PageSizes


def main() -> None:
    sizes = MmapOptions.page_sizes()
    print(f"available page sizes: {sizes!r}")
    for size in PageSizes:
        if size in sizes:
            print(f"  {size.name}: {PageSize.try_from(size).bytes:,} bytes")


if __name__ == "__main__":
    main()
