"""Ending a process abruptly: at named points, for tests (only when `FAULT_POINT` was set), or because it is stuck."""

from __future__ import annotations

import os
import threading


class _Armed:
    name: str = ""
    countdown: int = 0
    delay: float = 0.0


def arm(specification: str) -> None:
    """`after_intent:9` kills the process the ninth time it passes that point; `at_call:9:0.2` two tenths later."""
    name, _, rest = specification.partition(":")
    count, _, delay = rest.partition(":")
    _Armed.name, _Armed.countdown, _Armed.delay = name, int(count or "1"), float(delay or "0")


def point(name: str) -> None:
    """Pass a point."""
    if not _Armed.name or _Armed.name != name:
        return
    _Armed.countdown -= 1
    if _Armed.countdown == 0 and _Armed.delay:
        timer = threading.Timer(_Armed.delay, os._exit, (9,))
        timer.daemon = True
        timer.start()
    elif _Armed.countdown <= 0 and not _Armed.delay:
        os._exit(9)


def abandon() -> None:
    """End this process at once: it is stuck, and its supervisor starts another."""
    os._exit(70)
