"""Moments as people write them, in the shop's zone and language."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_date, format_datetime, format_skeleton, format_time

from app.content.money import locale_of

STYLES = frozenset({"short", "medium", "long", "full", "time", "datetime", "weekday", "month_day"})


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """Answer a zone by its IANA name; UTC when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


@lru_cache(maxsize=8192)
def local_date(moment: datetime | date, style: str, locale: str, zone: str) -> str:
    """Write a moment for a reader in `zone`; a naive moment is taken as UTC. `style` is one of `STYLES`."""
    where = locale_of(locale)
    if isinstance(moment, datetime):
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(zone_of(zone))
    if style == "weekday":
        return format_date(moment, "EEEE", locale=where)
    if style == "month_day":
        return format_skeleton("MMMMd", moment, locale=where)
    if isinstance(moment, datetime) and style == "time":
        return format_time(moment, "short", tzinfo=moment.tzinfo, locale=where)
    if isinstance(moment, datetime) and style == "datetime":
        return format_datetime(moment, "medium", tzinfo=moment.tzinfo, locale=where)
    return format_date(moment, style if style in ("short", "medium", "full") else "long", locale=where)


def moment_of(value: object) -> datetime | date | None:
    """Read a moment from a datetime, a date or ISO text; None when it is not one."""
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or not 8 <= len(value) <= 40:  # noqa: PLR2004  20260101 to a full stamp with zone
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None
