"""What stops a shop, or slows it, before its provider does. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import phonenumbers

if TYPE_CHECKING:
    from collections.abc import Collection
    from zoneinfo import ZoneInfo

# Complaints. BEHAVIOUR "Email": alarm at 0.1 %, stop at 0.3 %, which are Gmail's own numbers for bulk senders.
COMPLAINT_WINDOW: Final = timedelta(days=7)
"""Gmail counts by the day; most shops send too little a day for a share to mean anything. Ours: a week."""
WARN_SHARE, STOP_SHARE = 0.001, 0.003
WARN_COMPLAINTS, STOP_COMPLAINTS = 2, 5
"""The least volume, counted in complaints and not in mails: one angry reader of 300 is 0.3 % and means nothing, five of
500 mean a lot. With five, a shop that really stands at 0.1 % is stopped by bad luck less than once in thirty weeks."""
CALM, WARNED, STOPPED = "calm", "warned", "stopped"
LOOK_AGAIN: Final = timedelta(hours=1)
"""A shop that is warned or stopped is looked at this often; its share falls as old mails leave the window."""

# The ramp. A new sender who begins with tens of thousands is taken for a spammer. Ours, after the usual warm-up plans.
RAMP_FIRST_DAY: Final = 500
RAMP_DAYS: Final = 10
"""500, 1,000, 2,000 ... 256,000 a day, then without a limit."""

# New numbers. Whoever is paid by the text (SMS pumping) enters numbers of a block they own, one after the other.
BLOCK_DIGITS: Final = 5
"""Numbers that agree in all but so many digits are neighbours: a hundred thousand, what a carrier gets at once."""
BLOCK_WINDOW: Final = timedelta(hours=1)
NEW_PERSON: Final = timedelta(days=1)
"""A person who was first seen longer ago, has ordered, or was texted before, is nobody's invention."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a message doesn't go now, and when to ask again; None: not at all."""

    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Texting:
    """What the merchant allows for texts."""

    countries: frozenset[str]
    daily_micros: int
    monthly_micros: int
    new_numbers_per_hour: int
    """0: without a limit."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a shop stands as a chunk of its messages begins."""

    complaints: str
    domain_verified: bool
    domain_taken: bool
    """Another shop has proved that the domain is its own."""
    unverified_allowed: bool
    emails_left: int | None
    """Marketing emails that the ramp still allows today; None: no ramp."""
    tomorrow: datetime


def complaint_state(sent: int, complained: int) -> str:
    """What a share of complaints means: calm, warned or stopped."""
    share = complained / sent if sent else float(complained > 0)
    if complained >= STOP_COMPLAINTS and share > STOP_SHARE:
        return STOPPED
    return WARNED if complained >= WARN_COMPLAINTS and share > WARN_SHARE else CALM


def held_as_shop(standing: Standing, channel: str, purpose: str, now: datetime) -> Hold | None:
    """What stands against a shop's messages as a whole; against those about orders only that they'd borrow a name."""
    if channel == "email" and standing.domain_taken:
        return Hold("domain_taken", now + LOOK_AGAIN)
    if purpose != "marketing":
        return None
    if standing.complaints == STOPPED:
        return Hold("complaint_rate", now + LOOK_AGAIN)
    if channel == "email" and not (standing.domain_verified or standing.unverified_allowed):
        return Hold("domain_unverified", now + LOOK_AGAIN)
    return None


def held_by_ramp(standing: Standing, channel: str, purpose: str, already: int) -> Hold | None:
    """Whether today's share of the ramp is used up; `already` were let go since the standing was read."""
    if channel != "email" or purpose != "marketing" or standing.emails_left is None:
        return None
    return Hold("ramp", standing.tomorrow) if already >= standing.emails_left else None


def ceiling(begun_at: datetime | None, now: datetime) -> int | None:
    """Marketing emails a day for a sender who began then; None when it has been warmed up."""
    day = max(0, (now - begun_at).days) if begun_at else 0
    return None if day >= RAMP_DAYS else RAMP_FIRST_DAY * 2**day


def country_of(phone: str) -> str | None:
    """Which country a number (E.164) belongs to, also among those that share +1; None when nobody knows."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(phone, None))
    except phonenumbers.NumberParseException:
        return None


def block_of(phone: str) -> str:
    """The beginning of a number that it shares with its neighbours."""
    return phone[:-BLOCK_DIGITS]


def countries(chosen: Collection[str], own: str | None, sells_to: Collection[str]) -> frozenset[str]:
    """Where texts may go: what the merchant chose, else where the shop is and where it has sold."""
    return frozenset(chosen) or frozenset({own, *sells_to} - {None, ""})  # type: ignore[arg-type]


def over_budget(texting: Texting, today: int, month: int, cost: int, now: datetime, zone: ZoneInfo) -> Hold | None:
    """Whether a text of this cost would pass a cap. Micro-dollars; `month` includes `today`."""
    if month + cost > texting.monthly_micros:
        return Hold("sms_month_cap", start_of(first_of_next_month(day_of(now, zone)), zone))
    if today + cost > texting.daily_micros:
        return Hold("sms_day_cap", start_of(day_after(day_of(now, zone)), zone))
    return None


def day_of(now: datetime, zone: ZoneInfo) -> date:
    """Which day it is in a zone."""
    return now.astimezone(zone).date()


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins in a zone."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def day_after(day: date) -> date:
    """The day after."""
    return day + timedelta(days=1)


def first_of_next_month(day: date) -> date:
    """The first day of the month after a day's."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
