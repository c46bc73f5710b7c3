/* What Microsoft's C library puts into each DLL that is linked with it, as far as Rust's standard library needs it:
   the entry, the directory of thread-local data, the mark that floating point is used, and the probe of the stack. */

typedef void *address;

unsigned long _tls_index;
int _fltused;

__attribute__((section(".tls"))) char first_of_thread;
__attribute__((section(".tls$ZZZ"))) char last_of_thread;
/* The linker puts the sections between these two, in the order of their names: what is to be called as threads end. */
__attribute__((section(".CRT$XLA"))) address before_callbacks;
__attribute__((section(".CRT$XLZ"))) address after_callbacks;

__attribute__((section(".rdata$T"))) const struct {
    address start, end, index, callbacks;
    unsigned zeros, flags;
} _tls_used = {&first_of_thread, &last_of_thread, &_tls_index, &before_callbacks + 1, 0, 0};

int _DllMainCRTStartup(address module, unsigned reason, address reserved) { return 1; }

/* A function with large variables has their size in rax and calls this first: it touches each page of the stack down
   to there, as Windows gives the stack one page at a time. All registers stay as they are. */
__asm__(".globl __chkstk\n"
        "__chkstk:\n"
        "    pushq %rax\n"
        "    pushq %rcx\n"
        "    leaq 24(%rsp), %rcx\n"
        "1:  cmpq $4096, %rax\n"
        "    jbe 2f\n"
        "    subq $4096, %rcx\n"
        "    testq %rcx, (%rcx)\n"
        "    subq $4096, %rax\n"
        "    jmp 1b\n"
        "2:  subq %rax, %rcx\n"
        "    testq %rcx, (%rcx)\n"
        "    popq %rcx\n"
        "    popq %rax\n"
        "    retq\n");

/* What an exception's type is described by; Rust's panics name it. */
__asm__(".data\n"
        ".balign 8\n"
        ".globl \"??_7type_info@@6B@\"\n"
        "\"??_7type_info@@6B@\":\n"
        "    .quad 0, 0\n");
