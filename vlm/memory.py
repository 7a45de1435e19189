"""Freed memory is kept for the next picture, where the C library is glibc.

Every picture takes some hundreds of megabytes in large pieces, which glibc gives back to the system as soon as they are
free and asks for again: up to a fifth of the time of a look goes into that. Settings of one's own (`MALLOC_...` in the
environment) stay. Knows nothing of models.
"""

import ctypes
import os
import sys

SETTINGS = {"M_MMAP_THRESHOLD": (-3, 1 << 30), "M_TRIM_THRESHOLD": (-1, (1 << 31) - 1), "M_TOP_PAD": (-2, 1 << 26)}
"""Numbers of mallopt(3), and bytes: pieces below the first come from the heap, which shrinks only above the second and grows by the third."""


def kept() -> bool:
    """Keeps freed memory from now on, in the whole process; False where that is left as it is."""
    if not sys.platform.startswith("linux") or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    return mallopt is not None and all(mallopt(number, value) == 1 for number, value in SETTINGS.values())
