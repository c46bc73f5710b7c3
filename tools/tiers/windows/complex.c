/* The functions of complex numbers that Wine's ucrtbase.dll names but has not; NumPy calls them.
 *
 * A C compiler for Windows hands such numbers over as structures, so these do, whatever a compiler makes of its own
 * complex type. Their names end in an underscore here: forward.py exports them by their names in ucrtbase.dll.
 */
#include <complex.h>

struct narrow { float re, im; };
struct wide { double re, im; };

static double _Complex in(struct wide z) { return __builtin_complex(z.re, z.im); }
static struct wide out(double _Complex z) { return (struct wide){ creal(z), cimag(z) }; }
static float _Complex inf_(struct narrow z) { return __builtin_complex(z.re, z.im); }
static struct narrow outf(float _Complex z) { return (struct narrow){ crealf(z), cimagf(z) }; }

#define TO_COMPLEX(name) \
    struct wide name##_(struct wide z) { return out(name(in(z))); } \
    struct narrow name##f_(struct narrow z) { return outf(name##f(inf_(z))); }
#define TO_REAL(name) \
    double name##_(struct wide z) { return name(in(z)); } \
    float name##f_(struct narrow z) { return name##f(inf_(z)); }

TO_REAL(carg)
TO_REAL(cimag)
TO_REAL(creal)
TO_COMPLEX(cacos)
TO_COMPLEX(cacosh)
TO_COMPLEX(casin)
TO_COMPLEX(casinh)
TO_COMPLEX(catan)
TO_COMPLEX(catanh)
TO_COMPLEX(ccos)
TO_COMPLEX(ccosh)
TO_COMPLEX(cexp)
TO_COMPLEX(clog)
TO_COMPLEX(conj)
TO_COMPLEX(cproj)
TO_COMPLEX(csin)
TO_COMPLEX(csinh)
TO_COMPLEX(csqrt)
TO_COMPLEX(ctan)
TO_COMPLEX(ctanh)

struct wide cpow_(struct wide a, struct wide b) { return out(cpow(in(a), in(b))); }
struct narrow cpowf_(struct narrow a, struct narrow b) { return outf(cpowf(inf_(a), inf_(b))); }
