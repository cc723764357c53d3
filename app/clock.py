"""The one source of "now".

Business time decides what is due, stale or quiet; a demonstration may run it faster than the wall clock. Leases,
time-outs and token lifetimes use real time, since they guard against real processes.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Business time: `epoch + (real now - epoch) * speed`, the same in every process that shares both."""

    def __init__(self, speed: float = 1.0, epoch: datetime | None = None) -> None:
        self.speed = speed
        self.epoch = epoch or real_now()

    def now(self) -> datetime:
        """Business time, aware, UTC."""
        real = real_now()
        if self.speed == 1.0:
            return real
        return self.epoch + (real - self.epoch) * self.speed

    def real_seconds(self, span: timedelta) -> float:
        """How long a span of business time takes on the wall clock."""
        return span.total_seconds() / self.speed


def real_now() -> datetime:
    """Wall-clock time, aware, UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds that never run backwards; for measuring spans within a process."""
    return time.monotonic()


def pause(seconds: float) -> None:
    """Sleep in real time."""
    time.sleep(seconds)


class _Source:
    now: Callable[[], datetime] = staticmethod(Clock().now)
    speed: float = 1.0


def use(clock: Clock) -> None:
    """Make a clock the process's own (called once at start)."""
    _Source.now = clock.now
    _Source.speed = clock.speed


def use_source(source: Callable[[], datetime]) -> None:
    """Replace business time by a function: tests move time with it."""
    _Source.now = staticmethod(source)


def now() -> datetime:
    """Business time, aware, UTC."""
    return _Source.now()


def speed() -> float:
    """How many business seconds pass in a real second."""
    return _Source.speed


def days(number: float) -> timedelta:
    """A span of days."""
    return timedelta(days=number)
