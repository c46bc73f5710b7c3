/* What Microsoft's C library puts into each DLL that is linked with it, as far as Rust's standard library needs it and
   zig's compiler-rt has it not: the entry, the directory of thread-local data, and what describes a panic's type. */

typedef void *address;

unsigned long _tls_index;

__attribute__((section(".tls"))) char first_of_thread;
__attribute__((section(".tls$ZZZ"))) char last_of_thread;
/* The linker puts the sections between these two, in the order of their names: what is to be called as threads end. */
__attribute__((section(".CRT$XLA"))) address before_callbacks;
__attribute__((section(".CRT$XLZ"))) address after_callbacks;

__attribute__((section(".rdata$T"))) const struct {
    address start, end, index, callbacks;
    unsigned zeros, flags;
} _tls_used = {&first_of_thread, &last_of_thread, &_tls_index, &before_callbacks + 1, 0, 0};

int __stdcall _DllMainCRTStartup(address module, unsigned reason, address reserved) { return 1; }

address type_info[2] __asm__("??_7type_info@@6B@");

#ifdef __i386__
/* Where a thread's block of Windows has the list of its thread-local data. */
__asm__(".globl __tls_array\n__tls_array = 0x2c\n");
#endif
