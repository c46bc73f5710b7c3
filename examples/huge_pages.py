"""Get memory of huge pages in the best way that this system has now, and say which it was."""

from mmap_rs import MmapFlags, MmapMut, MmapOptions, PageSize, PageSizes, SystemCallError


def large_memory(size: int) -> tuple[MmapMut, str]:
    """Map writable memory: of huge pages if there are some, else with the advice to use them."""
    page = PageSize._2M
    if PageSizes.from_bytes(page.bytes) in MmapOptions.page_sizes() and size % page.bytes == 0:
        try:
            return MmapOptions(size).with_page_size(page).map_mut(), "huge pages"
        except SystemCallError as error:
            print("no huge pages:", error)
    try:
        m = MmapOptions(size).with_flags(MmapFlags.TRANSPARENT_HUGE_PAGES).map_mut()
    except SystemCallError:
        return MmapOptions(size).map_mut(), "base pages"
    return m, "base pages, with the advice to use huge ones"


def main() -> None:
    m, how = large_memory(8 << 20)
    with m:
        m.fill(1)
        print(f"{m.size() >> 20} MiB of {how}")


if __name__ == "__main__":
    main()
