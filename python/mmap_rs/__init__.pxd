# The C API for Cython: `from mmap_rs cimport mmap_rs_import, mmap_rs_info`. mmap_rs.h documents it.

from libc.stdint cimport uint32_t

cdef extern from "mmap_rs.h" nogil:
    enum:
        MMAP_RS_API_VERSION
        MMAP_RS_MMAP_NONE
        MMAP_RS_MMAP
        MMAP_RS_MMAP_MUT
        MMAP_RS_RESERVED_NONE
        MMAP_RS_RESERVED
        MMAP_RS_RESERVED_MUT
        MMAP_RS_OK
        MMAP_RS_FAULTED
        MMAP_RS_GONE

    const uint32_t MMAP_RS_READ
    const uint32_t MMAP_RS_WRITE
    const uint32_t MMAP_RS_EXECUTE
    const uint32_t MMAP_RS_PRIVATE
    const uint32_t MMAP_RS_SHARED
    const uint32_t MMAP_RS_ANY

    ctypedef struct mmap_rs_info:
        size_t struct_size
        void *start
        size_t len
        size_t page_size
        uint32_t kind
        uint32_t protection
        uint32_t share_mode
        uint32_t faulted

    ctypedef void (*mmap_rs_give_back)(void *context, void *start, size_t len) noexcept nogil

    ctypedef struct mmap_rs_memory:
        size_t struct_size
        void *start
        size_t len
        size_t page_size
        uint32_t kind
        uint32_t protection
        uint32_t share_mode
        uint32_t divisible
        mmap_rs_give_back give_back
        void *context

    ctypedef struct mmap_rs_view:
        pass

    ctypedef struct mmap_rs_api:
        uint32_t version
        int (*info)(object mapping, mmap_rs_info *info) except -1
        mmap_rs_view *(*view)(object mapping, int writable, mmap_rs_info *info) except NULL
        mmap_rs_view *(*view_again)(const mmap_rs_view *view) noexcept nogil
        int (*view_state)(const mmap_rs_view *view) noexcept nogil
        void (*release)(mmap_rs_view *view) noexcept nogil
        object (*adopt)(const mmap_rs_memory *memory)
        int (*take)(object mapping, mmap_rs_memory *memory) except -1

cdef extern from "mmap_rs.h":
    # Needs the GIL, as nothing says that it does not.
    const mmap_rs_api *mmap_rs_import() except NULL
