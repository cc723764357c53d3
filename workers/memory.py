"""How a worker keeps what it has freed from staying with it."""

from __future__ import annotations

import ctypes

ARENA_MAX, TRIM_THRESHOLD, MMAP_THRESHOLD = -8, -1, -3
"""glibc's names for what can be set (`malloc.h`)."""


def be_frugal() -> None:
    """Have glibc keep one pool for all threads and give back what lies free. Elsewhere nothing happens.

    Left to itself it makes eight pools a core, each as large as its busiest moment was, and raises the size from which
    memory is given back with every large request: 10 MB of a sending worker, whose 132 threads take turns anyway.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for name, value in ((ARENA_MAX, 1), (TRIM_THRESHOLD, 1 << 20), (MMAP_THRESHOLD, 1 << 18)):
            mallopt(name, value)
