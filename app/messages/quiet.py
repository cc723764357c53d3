"""Quiet hours, by the person's own clock. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from collections.abc import Collection

ALL_DAY = time.max
NO_MOMENT_DAYS = 7
"""Longer than any run of closed days: Sunday, a holiday on Saturday or Monday, and the nights around them."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Quiet from `start` until just before `end` by the wall clock, over midnight when start is the later one.

    Equal means never. On Sundays and holidays it is also quiet from midnight until just before `sunday_until`.
    """

    start: time
    end: time
    sunday_until: time | None = None
    holidays: str | None = None
    """The country whose public holidays are like Sundays."""

    def quiet(self, wall: datetime) -> bool:
        """Whether it is quiet at a moment of the wall clock."""
        at = wall.time()
        if self.start != self.end and (
            self.start <= at < self.end if self.start < self.end else at >= self.start or at < self.end
        ):
            return True
        if self.sunday_until is None or not self._closed(wall.date()):
            return False
        return self.sunday_until == ALL_DAY or at < self.sunday_until

    def _closed(self, day: date) -> bool:
        return day.weekday() == 6 or (self.holidays is not None and day in _holidays(self.holidays, day.year))  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class Watch:
    """Hours that hold in a zone."""

    zone: str
    hours: Hours


@lru_cache(maxsize=200)
def _holidays(country: str, year: int) -> frozenset[date]:
    import holidays  # 3 MB of calendars, for the few places that ask

    return frozenset(holidays.country_holidays(country, years=year))


@lru_cache(maxsize=600)
def zone(name: str) -> ZoneInfo:
    """A zone by its IANA name; UTC for a name that isn't one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def next_allowed(now: datetime, watches: Collection[Watch]) -> datetime:
    """The first moment, not before now, that is quiet on no watch.

    Where they together leave no moment of the day, a week from now: too late is safe.
    """
    latest = now + timedelta(days=NO_MOMENT_DAYS)
    moment = now
    while moment < latest:
        later = max((_end_of_quiet(moment, watch, latest) for watch in watches), default=moment)
        if later == moment:
            return moment
        moment = later
    return latest


def _end_of_quiet(moment: datetime, watch: Watch, latest: datetime) -> datetime:
    """The moment itself when it isn't quiet, else the first after it that isn't; `latest` if that is sooner."""
    where, hours = zone(watch.zone), watch.hours
    if not hours.quiet(moment.astimezone(where)):
        return moment
    today = moment.astimezone(where).date()
    for ahead in range(NO_MOMENT_DAYS + 2):
        for at in _edges(today + timedelta(days=ahead), where, hours):
            if at > moment and not hours.quiet(at.astimezone(where)):
                return at
    return latest


def _edges(day: date, where: ZoneInfo, hours: Hours) -> list[datetime]:
    """The moments of a day at which quiet may end, in order: its midnight, the hours' ends, and a change of the clocks.

    A time of the wall clock may come twice (clocks put back) or never (put forward over it).
    """
    begins, ends = _first(day, where), _first(day + timedelta(days=1), where)
    found = {begins}
    for at in (hours.end, hours.sunday_until):
        if at is not None and at != ALL_DAY:
            wall = datetime.combine(day, at, tzinfo=where)
            found |= {wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1)}
    if begins.astimezone(where).utcoffset() != ends.astimezone(where).utcoffset():
        found.add(_change_between(begins, ends, where))
    return sorted(found)


def _first(day: date, where: ZoneInfo) -> datetime:
    """The first moment of a day."""
    return datetime.combine(day, time(), tzinfo=where).astimezone(UTC)


def _change_between(before: datetime, after: datetime, where: ZoneInfo) -> datetime:
    """The moment at which a zone's clocks are changed."""
    offset = before.astimezone(where).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(where).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
