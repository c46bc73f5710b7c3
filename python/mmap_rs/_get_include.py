"""`get_include`: where the header of the C API is."""

import os


def get_include() -> str:
    """Return the folder of `mmap_rs.h`, the header of the C API.

    The header describes the functions of the C API; there is nothing to link with. It is for C99 or later,
    C++, Cython and cffi.

    Returns:
        The path of a folder, a str, for a compiler's option `-I`.

    Upstream: none. Source: `numpy.get_include()`, which does the same.

    Examples:
        >>> import os
        >>> os.listdir(get_include())
        ['mmap_rs.h']
    """
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "include")


# Where users import it from: what `help()` shows.
get_include.__module__ = "mmap_rs"
