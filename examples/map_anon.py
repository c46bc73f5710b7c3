"""Map one page of anonymous memory, write to it, make it read-only, read it back.

Upstream's example of the same name.
"""

from mmap_rs import MmapOptions


def main() -> None:
    # A single page of anonymous memory that is private and mutable.
    mapping = MmapOptions(MmapOptions.page_size()).map_mut()
    mapping[0:4] = b"test"

    # The mutable mapping is consumed: what follows has a read-only one in its place.
    read_only = mapping.make_read_only()
    print(f"mapping: {[f'{byte:x}' for byte in read_only[0:4]]}")


if __name__ == "__main__":
    main()
