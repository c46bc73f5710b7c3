# cython: language_level=3
# A module in Cython that counts a byte in a mapping, while other threads of Python run.

from mmap_rs cimport mmap_rs_api, mmap_rs_import, mmap_rs_info, mmap_rs_view

cdef const mmap_rs_api *mmap_rs = mmap_rs_import()


def count(mapping, unsigned char byte):
    cdef mmap_rs_info info
    info.struct_size = sizeof(info)
    cdef mmap_rs_view *view = mmap_rs.view(mapping, 0, &info)
    cdef const unsigned char *bytes = <const unsigned char *> info.start
    cdef size_t i, found = 0
    with nogil:
        for i in range(info.len):
            found += bytes[i] == byte
        mmap_rs.release(view)
    return found
