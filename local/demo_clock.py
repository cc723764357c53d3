"""The demo's faster time, which goes on where it stopped.

Everybody computes: business now = epoch + (real now - epoch) * speed. If the epoch stayed the same over a night in
which the demo was off, the next start would leap by months. So a start solves the line for the epoch that makes
business time go on from the last moment the demo was seen running.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Line:
    """One run of the clock: business time as a straight line over real time."""

    epoch: datetime
    """Where business and real time are, or would have been, the same."""
    speed: float
    """Business seconds in a real one."""

    def business(self, real: datetime) -> datetime:
        """The business time at a real time."""
        return self.epoch + (real - self.epoch) * self.speed

    @classmethod
    def through(cls, real: datetime, business: datetime, speed: float) -> Self:
        """The line of this speed on which `real` means `business`. At speed 1 there is only real time."""
        if speed == 1:
            return cls(real, speed)
        return cls(real - (business - real) / (speed - 1), speed)


def resume(folder: Path, speed: float, now: datetime | None = None) -> Line:
    """Go on from the last run in `folder`, or begin at the real time."""
    real = now or datetime.now(UTC)
    kept = folder / "clock.json"
    business = datetime.fromisoformat(json.loads(kept.read_text())["business_time"]) if kept.exists() else real
    line = Line.through(real, business, speed)
    keep(folder, line, real)
    return line


def keep(folder: Path, line: Line, now: datetime | None = None) -> None:
    """Note how far business time has come, whole or not at all; called every second while the demo runs."""
    scratch = folder / "clock.json.new"
    scratch.write_text(json.dumps({"business_time": line.business(now or datetime.now(UTC)).isoformat()}))
    scratch.replace(folder / "clock.json")
