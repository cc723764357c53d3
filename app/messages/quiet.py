"""Quiet hours, by the person's own clock. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers import timezone as phone_zones

if TYPE_CHECKING:
    from collections.abc import Collection

# States and provinces that lie in one zone, or whose zones we name all of: the stricter then decides.
PROVINCES: dict[tuple[str, str], tuple[str, ...]] = {
    **{
        ("US", p): ("America/New_York",)
        for p in (
            "CT",
            "DC",
            "DE",
            "GA",
            "MA",
            "MD",
            "ME",
            "NC",
            "NH",
            "NJ",
            "NY",
            "OH",
            "PA",
            "RI",
            "SC",
            "VA",
            "VT",
            "WV",
        )
    },
    **{("US", p): ("America/New_York", "America/Chicago") for p in ("FL", "IN", "KY", "MI", "TN")},
    **{("US", p): ("America/Chicago",) for p in ("AL", "AR", "IA", "IL", "LA", "MN", "MO", "MS", "OK", "WI")},
    **{("US", p): ("America/Chicago", "America/Denver") for p in ("KS", "ND", "NE", "SD", "TX")},
    **{("US", p): ("America/Denver",) for p in ("CO", "MT", "NM", "UT", "WY")},
    **{("US", p): ("America/Denver", "America/Los_Angeles") for p in ("ID", "OR")},
    ("US", "AZ"): ("America/Phoenix",),
    ("US", "CA"): ("America/Los_Angeles",),
    ("US", "NV"): ("America/Los_Angeles",),
    ("US", "WA"): ("America/Los_Angeles",),
    ("US", "AK"): ("America/Anchorage",),
    ("US", "HI"): ("Pacific/Honolulu",),
    ("CA", "BC"): ("America/Vancouver",),
    ("CA", "AB"): ("America/Edmonton",),
    ("CA", "SK"): ("America/Regina",),
    ("CA", "MB"): ("America/Winnipeg",),
    ("CA", "ON"): ("America/Toronto", "America/Winnipeg"),
    ("CA", "QC"): ("America/Toronto",),
    ("CA", "NB"): ("America/Moncton",),
    ("CA", "NS"): ("America/Halifax",),
    ("CA", "PE"): ("America/Halifax",),
    ("CA", "NL"): ("America/St_Johns",),
    ("CA", "YT"): ("America/Whitehorse",),
}
COUNTRIES = {
    "GB": "Europe/London",
    "IE": "Europe/Dublin",
    "FR": "Europe/Paris",
    "DE": "Europe/Berlin",
    "AT": "Europe/Vienna",
    "CH": "Europe/Zurich",
    "NL": "Europe/Amsterdam",
    "BE": "Europe/Brussels",
    "DK": "Europe/Copenhagen",
    "SE": "Europe/Stockholm",
    "NO": "Europe/Oslo",
    "FI": "Europe/Helsinki",
    "PL": "Europe/Warsaw",
    "IT": "Europe/Rome",
    "ES": "Europe/Madrid",
    "PT": "Europe/Lisbon",
    "GR": "Europe/Athens",
    "JP": "Asia/Tokyo",
    "NZ": "Pacific/Auckland",
    "SG": "Asia/Singapore",
    "IN": "Asia/Kolkata",
    "ZA": "Africa/Johannesburg",
}
NO_MOMENT = timedelta(days=2)


def zones_of(country: str | None, province: str | None, phone: str | None, shop_zone: str) -> tuple[str, ...]:
    """All zones a person may be in, by address and by phone number; the shop's own when neither tells."""
    zones: set[str] = set()
    if country and province and (country, province) in PROVINCES:
        zones.update(PROVINCES[country, province])
    elif country in COUNTRIES:
        zones.add(COUNTRIES[country])
    if phone:
        zones.update(_zones_of_number(phone))
    return tuple(sorted(zones)) or (shop_zone,)


@lru_cache(maxsize=10_000)
def _zones_of_number(phone: str) -> tuple[str, ...]:
    try:
        zones = phone_zones.time_zones_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return ()
    # A mobile number of a wide country may live anywhere in it: too many zones tell nothing.
    return tuple(z for z in zones if z != "Etc/Unknown") if len(zones) <= 3 else ()  # noqa: PLR2004


@lru_cache(maxsize=600)
def zone(name: str) -> ZoneInfo:
    """A zone by its IANA name; UTC for a name that isn't one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def next_allowed(now: datetime, zones: Collection[str], start: time, end: time) -> datetime:
    """The first moment, not before now, that is outside quiet hours in every zone.

    Quiet from `start` until just before `end` by the wall clock, over midnight when start is the later one; equal
    means never quiet. Where the zones together leave no moment of the day, two days from now: too late is safe.
    """
    if start == end:
        return now
    moment = now
    while moment < now + NO_MOMENT:
        later = max((_end_of_quiet(moment, zone(name), start, end) for name in zones), default=moment)
        if later == moment:
            return moment
        moment = later
    return now + NO_MOMENT


def _is_quiet(moment: datetime, where: ZoneInfo, start: time, end: time) -> bool:
    wall = moment.astimezone(where).time()
    return start <= wall < end if start < end else wall >= start or wall < end


def _end_of_quiet(moment: datetime, where: ZoneInfo, start: time, end: time) -> datetime:
    """The moment itself when it isn't quiet, else the first after it that isn't.

    `end` may come twice (clocks put back) or never (put forward over it), and a change may itself end the quiet.
    """
    if not _is_quiet(moment, where, start, end):
        return moment
    local = moment.astimezone(where)
    day = local.date() + timedelta(days=1) if start > end and local.time() >= start else local.date()
    wall = datetime.combine(day, end, tzinfo=where)
    times = sorted(wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    until = next((at for at in times if at > moment and not _is_quiet(at, where, start, end)), times[-1])
    if local.utcoffset() != until.astimezone(where).utcoffset():
        change = _change_between(moment, until, where)
        if not _is_quiet(change, where, start, end):
            return change
    return until


def _change_between(before: datetime, after: datetime, where: ZoneInfo) -> datetime:
    """The moment at which a zone's clocks are changed."""
    before, after = before.replace(microsecond=0), after.replace(microsecond=0)
    offset = before.astimezone(where).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(where).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
