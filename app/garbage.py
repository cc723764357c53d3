"""How often Python looks for garbage."""

from __future__ import annotations

import gc

YOUNG, MIDDLING, OLD = 50_000, 20, 100
"""Python's own 700 are less than what one webhook is made of: a batch of them was searched through again and again,
together with all code and all tables, for a fifth of a worker's time. Cycles are rare here; counting frees the rest."""


def settle() -> None:
    """Call once all is imported and before the work begins: what is there now stays, and isn't looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLING, OLD)
