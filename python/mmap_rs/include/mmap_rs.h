/*
 * The C API of mmap_rs: mappings of Python's, used from C, C++, Rust, Cython and the like.
 *
 * mmap_rs.get_include() returns the folder of this file. There is nothing to link with: mmap_rs_import() finds the
 * functions at run time. Include Python.h first. C99 or later, or C++.
 *
 *     static const mmap_rs_api *mmap_rs;
 *
 *     mmap_rs = mmap_rs_import();            when your module is initialised, attached to Python
 *     if (mmap_rs == NULL)
 *         return NULL;
 *
 * Versions. A program that was compiled with version 1 of this file works with every later mmap_rs: the table only
 * grows at its end, and a structure that may grow begins with its size, which the caller sets.
 *
 * Threads. "Attached" means that the calling thread holds the GIL or, in a free-threaded build, has an attached thread
 * state of any interpreter. Functions that need it say so; all others may be called by any thread, even one unknown to
 * Python, and after Py_Finalize().
 *
 * Errors. A function that fails returns -1 or NULL, as it says. Functions that must be called attached set a Python
 * exception then: the one that they name, or ValueError (a structure without its size, NULL in place of one, a number
 * without a meaning). Nothing has changed. They may run Python code, and may wait for other threads that change the same
 * mapping.
 *
 * fork(). A child has the views that its parent had. Those of threads other than the one that forked are never
 * released there. It has the objects made by adopt() too, and gives back its own copy of their memory.
 */
#ifndef MMAP_RS_H
#define MMAP_RS_H

#include <stddef.h>
#include <stdint.h>

#ifndef Py_PYTHON_H
#error "include Python.h before mmap_rs.h"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the table that this file describes. */
#define MMAP_RS_API_VERSION 1

/* The name of the capsule. */
#define MMAP_RS_CAPSULE "mmap_rs._C_API"

/* The class of a mapping. */
#define MMAP_RS_MMAP_NONE 0
#define MMAP_RS_MMAP 1
#define MMAP_RS_MMAP_MUT 2
#define MMAP_RS_RESERVED_NONE 3
#define MMAP_RS_RESERVED 4
#define MMAP_RS_RESERVED_MUT 5

/* Protections: the bits of mmap_rs.Protection. */
#define MMAP_RS_READ 1u
#define MMAP_RS_WRITE 2u
#define MMAP_RS_EXECUTE 8u

/* Share modes. */
#define MMAP_RS_PRIVATE 0u
#define MMAP_RS_SHARED 1u

/* The state of a view. */
#define MMAP_RS_OK 0
#define MMAP_RS_FAULTED 1
#define MMAP_RS_GONE 2

/* For protection and share_mode in adopt(): what the system says. */
#define MMAP_RS_ANY 0xffffffffu

/* What a mapping is. */
typedef struct mmap_rs_info {
    size_t struct_size;  /* set by the caller: sizeof(mmap_rs_info) */
    void *start;         /* the first byte */
    size_t len;          /* in bytes */
    size_t page_size;    /* in bytes */
    uint32_t kind;       /* MMAP_RS_MMAP_NONE and so on */
    uint32_t protection; /* MMAP_RS_READ | ... */
    uint32_t share_mode; /* MMAP_RS_PRIVATE or MMAP_RS_SHARED */
    uint32_t faulted;    /* 1 if the fault guard has replaced a page by zeros, else 0 */
} mmap_rs_info;

/*
 * A function that gives memory back. It is called once for all of it; if the memory is divisible, once for each part,
 * in any order. Any thread may call it, attached or not, after the memory was last used. It may attach itself
 * (PyGILState_Ensure) unless Python is being finalised. It must not raise, unwind or longjmp. If it runs Python code and
 * release() may be called while an exception is set, it must put that exception aside and restore it.
 */
typedef void (*mmap_rs_give_back)(void *context, void *start, size_t len);

/* Memory that changes its owner. */
typedef struct mmap_rs_memory {
    size_t struct_size;          /* set by the caller: sizeof(mmap_rs_memory) */
    void *start;                 /* the first byte, at a multiple of the page size */
    size_t len;                  /* in bytes; the pages end with the one that holds the last byte */
    size_t page_size;            /* in bytes; in adopt() 0: what the system says */
    uint32_t kind;               /* MMAP_RS_MMAP_NONE and so on */
    uint32_t protection;         /* MMAP_RS_READ | ...; in adopt() MMAP_RS_ANY: what the system says */
    uint32_t share_mode;         /* MMAP_RS_PRIVATE or MMAP_RS_SHARED; in adopt() MMAP_RS_ANY: what the system says */
    uint32_t divisible;          /* 1 if parts of whole pages may be given back one by one, else 0 */
    mmap_rs_give_back give_back; /* in adopt() NULL: the system's own way, munmap() or its counterpart on Windows */
    void *context;               /* the first argument of give_back */
} mmap_rs_memory;

/* One export of a mapping: as long as it lives, the memory stays where it is, with its protection. */
typedef struct mmap_rs_view mmap_rs_view;

typedef struct mmap_rs_api {
    /* The version of the table: MMAP_RS_API_VERSION or later. */
    uint32_t version;
    uint32_t reserved;

    /*
     * Describes a mapping. Attached. `mapping` is borrowed. 0, or -1 with TypeError (not a mapping) or ConsumedError
     * (closed or consumed). Without a view, the mapping may change as soon as this returns.
     */
    int (*info)(PyObject *mapping, mmap_rs_info *info);

    /*
     * Exports a mapping, for reading, or for reading and writing if `writable` is not 0. Attached. `mapping` is borrowed
     * and may go before the view does. Returns a view, to be released by release(), and describes the mapping in `info`,
     * which may be NULL. Until then whatever would change or end the mapping raises BufferError.
     *
     * The bytes from info->start on, info->len of them, may be read, and if `writable` is not 0 written, by any thread.
     * Other threads and processes may write them at the same time, so use atomic or volatile accesses where that
     * matters. If the file was truncated, an access ends the process by SIGBUS, unless the mapping has a fault guard.
     *
     * NULL with TypeError (not a mapping, or not an Mmap or MmapMut, or not an MmapMut for writing), ConsumedError,
     * FaultError, or BufferError (too many views).
     */
    mmap_rs_view *(*view)(PyObject *mapping, int writable, mmap_rs_info *info);

    /*
     * Returns one more view of the same, to be released on its own. NULL if there are too many, or if the memory belongs
     * to the parent of this process only (Inherit.NONE); no exception is set.
     */
    mmap_rs_view *(*view_again)(const mmap_rs_view *view);

    /*
     * MMAP_RS_OK, MMAP_RS_FAULTED if the fault guard has replaced a page of the memory by zeros, or MMAP_RS_GONE if the
     * memory belongs to the parent of this process only (Inherit.NONE), and must not be accessed. What was read before
     * the call is covered.
     */
    int (*view_state)(const mmap_rs_view *view);

    /*
     * Ends a view; NULL is ignored. The last view of a mapping that was closed with defer=True, or whose object is gone,
     * unmaps the memory.
     */
    void (*release)(mmap_rs_view *view);

    /*
     * Makes a Python object of memory that other code has mapped: of the class that `memory->kind` names, with all its
     * methods. Attached. Returns a new reference; the object owns the memory, and gives it back by memory->give_back.
     *
     * Memory with a give_back function can't be resized, or replaced by with_reservation(); split and merged only if it
     * is divisible. The memory must not be used by its former owner any more, but for what give_back does. A child of
     * fork() must have it: do not adopt what was excluded by MADV_DONTFORK. What mlock() and madvise() have set is not
     * known to the object: resize() does not set it for new pages. A file is known by its path only, so that the object
     * can't grow over it.
     *
     * What take() has described can be adopted again as it is, by its give_back and context; parts of it too, if it is
     * divisible. Then it is memory with the system's own way again, and has the Inherit that it had. (Not a mapping with
     * repeats, which is several for the system.)
     *
     * NULL with an exception; the memory is the caller's as before: InvalidOperationError if some of it is not mapped,
     * belongs to another mapping of mmap_rs, or is what the system calls the stack or the heap; AttributeMismatchError
     * if it has another protection or share mode than `memory` says, or one that its kind can't have, or is not one
     * mapping; InvalidSizeError or InvalidOffsetError if it can't be a mapping, or has pages of another size;
     * SystemCallError if the system does not list what is mapped, or (Windows) if there is no give_back and the memory is
     * a part of what was allocated at once.
     */
    PyObject *(*adopt)(const mmap_rs_memory *memory);

    /*
     * Takes the memory of a mapping, which is consumed. Attached. `mapping` is borrowed. 0, and the caller owns the
     * memory, and must give it back by memory->give_back, which is never NULL here; or -1 with TypeError, ConsumedError,
     * BufferError (buffers or views are alive), FaultError, InvalidSizeError (the mapping is empty), or
     * InvalidOperationError (Windows: it is a part of a mapping that was split; elsewhere: it was adopted with a
     * give_back function and has Inherit.NONE).
     *
     * The fault guard watches the memory no more. What children of fork() get of it stays as it was: after
     * set_inheritance(Inherit.NONE) they must not use it.
     */
    int (*take)(PyObject *mapping, mmap_rs_memory *memory);
} mmap_rs_api;

/*
 * Imports mmap_rs. Attached. Returns its table, which lives as long as the process, or NULL with ImportError if mmap_rs
 * is not installed or is too old for this file.
 */
static inline const mmap_rs_api *mmap_rs_import(void)
{
    const mmap_rs_api *api;
    /* PyCapsule_Import() hides why a module can't be imported. */
    PyObject *module = PyImport_ImportModule("mmap_rs");
    if (module == NULL)
        return NULL;
    Py_DECREF(module);
    api = (const mmap_rs_api *)PyCapsule_Import(MMAP_RS_CAPSULE, 0);
    if (api != NULL && api->version < MMAP_RS_API_VERSION) {
        PyErr_Format(PyExc_ImportError, "mmap_rs has version %u of its C API, and version %u is needed",
                     (unsigned)api->version, (unsigned)MMAP_RS_API_VERSION);
        return NULL;
    }
    return api;
}

#ifdef __cplusplus
}
#endif

#endif /* MMAP_RS_H */
