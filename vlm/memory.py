"""Freed memory is kept for the next picture, where the C library is glibc.

Every picture takes some hundreds of megabytes in large pieces, which glibc gives back to the system as soon as they are
free and asks for again: up to a fifth of the time of a look goes into that. Settings of one's own (`MALLOC_...` in the
environment) stay. Knows nothing of models.
"""

import ctypes
import os
import sys

SETTINGS = {
    "M_ARENA_MAX": (-8, 1),  # looks come from many threads: each would keep as much in a heap of its own
    "M_TRIM_THRESHOLD": (-1, (1 << 31) - 1),
    "M_TOP_PAD": (-2, 1 << 26),
    "M_MMAP_THRESHOLD": (-3, 1 << 30),
}
"""Numbers of mallopt(3), and bytes: pieces below the last come from the heap, which shrinks only above the second and grows by the third."""
LARGEST = 1 << 25
"""The highest of the last that glibc before 2.35 takes."""


def kept() -> bool:
    """Keeps freed memory from now on, in the whole process; False where that is left as it is."""
    own = any(name.startswith("MALLOC_") for name in os.environ) or "glibc.malloc" in os.getenv("GLIBC_TUNABLES", "")
    if own or not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is None:
        return False
    taken = {name: mallopt(*setting) == 1 for name, setting in SETTINGS.items()}
    taken["M_MMAP_THRESHOLD"] = taken["M_MMAP_THRESHOLD"] or mallopt(SETTINGS["M_MMAP_THRESHOLD"][0], LARGEST) == 1
    return all(taken.values())
