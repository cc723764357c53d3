"""Ending a process abruptly: at named points, for tests (only when `FAULT_POINT` was set), or because it is stuck."""

from __future__ import annotations

import os


class _Armed:
    name: str = ""
    countdown: int = 0


def arm(specification: str) -> None:
    """`after_intent:9` kills the process the ninth time it passes that point."""
    name, _, count = specification.partition(":")
    _Armed.name, _Armed.countdown = name, int(count or "1")


def point(name: str) -> None:
    """Pass a point."""
    if _Armed.name and _Armed.name == name:
        _Armed.countdown -= 1
        if _Armed.countdown <= 0:
            os._exit(9)


def abandon() -> None:
    """End this process at once: it is stuck, and its supervisor starts another."""
    os._exit(70)
