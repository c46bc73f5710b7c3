"""What the tests of the file object read."""

import ctypes

DATA = b"first line\nsecond\n\nlast, without an end"

# A buffer of no bytes in two dimensions, which memoryview.cast() refuses.
EMPTY = ((ctypes.c_ubyte * 3) * 0)()
