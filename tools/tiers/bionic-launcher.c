/* Starts CPython on Android. Linked without a C library's start-up files, so it tells bionic itself where `main` is. */

typedef void (*function)(void);

struct structors {
    function *before, *first, *last;
};

extern int Py_BytesMain(int count, char **words);
extern long syscall(long, ...);
extern void __libc_init(void *, function, int (*)(int, char **, char **), const struct structors *);

/* Each list begins with -1 and ends with 0. */
static function nothing[] = {(function)-1, 0};
static const struct structors lists = {nothing, nothing, nothing};

static int run(int count, char **words, char **environment)
{
    (void)environment;
    return Py_BytesMain(count, words);
}

__attribute__((used)) void begin(void *stack)
{
    __libc_init(stack, 0, run, &lists);
}

__asm__(".globl _start\n_start:\n    mov x0, sp\n    b begin\n");

/* What libpython imports and the C library of Android 6 has not, which is older than the wheels ask for. */
__attribute__((visibility("default"))) long lockf(void) { return -1; }
__attribute__((visibility("default"))) long preadv(int file, const void *parts, int count, long offset)
{
    return syscall(69, file, parts, count, offset, 0L);
}
__attribute__((visibility("default"))) long pwritev(int file, const void *parts, int count, long offset)
{
    return syscall(70, file, parts, count, offset, 0L);
}
__attribute__((visibility("default"))) void *if_nameindex(void) { return 0; }
__attribute__((visibility("default"))) void if_freenameindex(void *list) { (void)list; }
