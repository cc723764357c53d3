"""What counts as having brought an order, and which days a report covers. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

MODEL = "last_human_click_5d_v1"
"""The last click by a human within five days before the order; the window runs from the click. BEHAVIOUR "Attribution".
A changed rule is a new name: its facts stand beside the old ones."""
WINDOW = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days by the shop's clock, and as many before them to compare with."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def days(self) -> list[date]:
        """Every day, oldest first."""
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    @property
    def start(self) -> datetime:
        """The first moment."""
        return self._midnight(self.first)

    @property
    def end(self) -> datetime:
        """The first moment after."""
        return self._midnight(self.last + timedelta(days=1))

    @property
    def before(self) -> Period:
        """The period before, of the same length."""
        length = self.last - self.first + timedelta(days=1)
        return Period(self.first - length, self.last - length, self.zone)

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)


def last_days(count: int, now: datetime, zone: ZoneInfo) -> Period:
    """The last so many days, today included."""
    today = now.astimezone(zone).date()
    return Period(today - timedelta(days=count - 1), today, zone)


def change(now: int, before: int) -> int | None:
    """By how many per cent it grew; None when there was nothing before."""
    return None if before == 0 else round((now - before) * 100 / before)
