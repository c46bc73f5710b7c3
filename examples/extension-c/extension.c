/* A module that uses the C API: counts a byte in a mapping, detached, and gives and takes memory. */
#include <Python.h>
#include <mmap_rs.h>
#include <sys/mman.h>

static const mmap_rs_api *mmap_rs;

/* count(mapping, byte) -> int: how often a byte occurs, while other threads of Python run. */
static PyObject *count(PyObject *module, PyObject *args)
{
    PyObject *mapping;
    unsigned char byte;
    size_t found = 0;
    int faulted;
    (void)module;
    if (!PyArg_ParseTuple(args, "Ob", &mapping, &byte))
        return NULL;
    mmap_rs_info info;
    info.struct_size = sizeof(info);
    mmap_rs_view *view = mmap_rs->view(mapping, 0, &info);
    if (view == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    const volatile unsigned char *bytes = (const volatile unsigned char *)info.start;
    for (size_t i = 0; i < info.len; i++)
        found += bytes[i] == byte;
    faulted = mmap_rs->view_state(view) == MMAP_RS_FAULTED;
    mmap_rs->release(view);
    Py_END_ALLOW_THREADS
    if (faulted) {
        PyErr_SetString(PyExc_OSError, "the file under the mapping has shrunk");
        return NULL;
    }
    return PyLong_FromSize_t(found);
}

/* How many mappings of make() were given back, by any thread. */
static long given_back;

static void give_back(void *context, void *start, size_t len)
{
    __sync_add_and_fetch((long *)context, 1);
    munmap(start, len);
}

/* make(size) -> MmapMut: memory of mmap(2), which goes back there. */
static PyObject *make(PyObject *module, PyObject *args)
{
    Py_ssize_t size;
    (void)module;
    if (!PyArg_ParseTuple(args, "n", &size))
        return NULL;
    void *start = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
        return PyErr_SetFromErrno(PyExc_OSError);
    mmap_rs_memory memory;
    memory.struct_size = sizeof(memory);
    memory.start = start;
    memory.len = (size_t)size;
    memory.page_size = 0;
    memory.kind = MMAP_RS_MMAP_MUT;
    memory.protection = MMAP_RS_READ | MMAP_RS_WRITE;
    memory.share_mode = MMAP_RS_PRIVATE;
    memory.divisible = 1;
    memory.give_back = give_back;
    memory.context = &given_back;
    PyObject *made = mmap_rs->adopt(&memory);
    if (made == NULL)
        munmap(start, (size_t)size);
    return made;
}

/* returned() -> int: how many mappings of make() were given back. */
static PyObject *returned(PyObject *module, PyObject *args)
{
    (void)module;
    (void)args;
    return PyLong_FromLong(given_back);
}

/* take(mapping) -> bytes: takes the memory, copies its first bytes, and gives it back. */
static PyObject *take(PyObject *module, PyObject *mapping)
{
    mmap_rs_memory memory;
    (void)module;
    memory.struct_size = sizeof(memory);
    if (mmap_rs->take(mapping, &memory) < 0)
        return NULL;
    PyObject *copy = NULL;
    if ((memory.protection & MMAP_RS_READ) == 0)
        PyErr_SetString(PyExc_TypeError, "the memory can't be read");
    else
        copy = PyBytes_FromStringAndSize((const char *)memory.start, memory.len < 16 ? (Py_ssize_t)memory.len : 16);
    memory.give_back(memory.context, memory.start, memory.len);
    return copy;
}

static PyMethodDef methods[] = {
    {"count", count, METH_VARARGS, NULL},
    {"make", make, METH_VARARGS, NULL},
    {"returned", returned, METH_NOARGS, NULL},
    {"take", take, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "extension", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_extension(void)
{
    mmap_rs = mmap_rs_import();
    return mmap_rs == NULL ? NULL : PyModule_Create(&definition);
}
