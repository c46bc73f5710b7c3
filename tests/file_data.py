"""What the tests of the file object read."""

from typing import Any

import numpy as np

DATA = b"first line\nsecond\n\nlast, without an end"

# A buffer of no bytes in two dimensions, which memoryview.cast() refuses.
EMPTY: Any = np.empty((0, 3), "u1")
