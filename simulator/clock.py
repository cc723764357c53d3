"""Business time, shared with the app by two numbers: a speed and an epoch.

Every fact in the simulated world carries business time. Tokens, signatures and time-outs use real time, because both
sides check them against the wall clock.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


def real_now() -> datetime:
    """Wall-clock time, aware, UTC."""
    return datetime.now(UTC)


def real_timestamp() -> int:
    """Wall-clock seconds since 1970, as signatures and tokens carry them."""
    return int(time.time())


@dataclass(frozen=True, slots=True)
class BusinessClock:
    """`epoch + (real now - epoch) * speed`, the same in every process that shares both."""

    speed: float
    epoch: datetime

    def now(self) -> datetime:
        """Business time, aware, UTC."""
        real = real_now()
        return real if self.speed == 1.0 else self.epoch + (real - self.epoch) * self.speed

    def real_seconds(self, span: timedelta) -> float:
        """How long a span of business time takes on the wall clock."""
        return span.total_seconds() / self.speed

    def real_seconds_until(self, moment: datetime) -> float:
        """Real seconds from now to a business moment; negative when it has passed."""
        return self.real_seconds(moment - self.now())


def iso(moment: datetime) -> str:
    """UTC with a `Z`, to the second: how GraphQL writes a time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_millis(moment: datetime) -> str:
    """UTC with milliseconds and a `Z`: how carts and the newer topics write a time."""
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def parse_iso(text: str) -> datetime:
    """An ISO 8601 time; without a zone it is UTC.

    Raises:
        ValueError: when the text is not a time.
    """
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
