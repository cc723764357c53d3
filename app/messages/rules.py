"""The gates: may this message go to this person now? In a fixed order, each with its reason. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time, timedelta
from typing import TYPE_CHECKING, Any

from app.conditions import Condition, first_failing
from app.customers.rules import may_receive_marketing
from app.messages.quiet import next_allowed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Limits:
    """How often one person may be written to on this channel, by the shop's settings."""

    window: timedelta
    per_week: int
    quiet_from: time | None
    """None: quiet hours are off."""
    quiet_until: time


@dataclass(frozen=True, slots=True)
class Asked:
    """What the gates look at: the message, its person, its subject, and the state of the world."""

    channel: str
    purpose: str
    audience: str
    useful_until: datetime
    shop_active: bool
    shop_stopped: bool
    unreachable: str | None
    consent: str | None
    fields: Mapping[str, Any]
    only_if: Sequence[Condition]
    exits: Sequence[tuple[Sequence[Condition], str]]
    zones: Sequence[str]
    limits: Limits
    sent_at: Sequence[datetime] = field(default=())
    """When the person got marketing on this channel in the last week (or may have)."""


@dataclass(frozen=True, slots=True)
class Go:
    """All gates are open."""


@dataclass(frozen=True, slots=True)
class Skip:
    """This message will not go."""

    reason: str
    state: str = "skipped"


@dataclass(frozen=True, slots=True)
class Defer:
    """Not now; asked again then."""

    until: datetime
    reason: str


Verdict = Go | Skip | Defer


def gate(asked: Asked, now: datetime) -> Verdict:
    """Ask every gate, in order: what is final first, then what only defers, so that the reason given is the first."""
    return _final(asked, now) or _deferring(asked, now) or Go()


def _final(asked: Asked, now: datetime) -> Skip | None:
    marketing = asked.purpose == "marketing"
    if not asked.shop_active:
        return Skip("uninstalled", "cancelled")
    if asked.unreachable is not None:
        return Skip(asked.unreachable)
    if marketing and (reason := may_receive_marketing(asked.consent, asked.audience, asked.channel)):
        return Skip(reason)
    if marketing and asked.shop_stopped:
        return Skip("all_marketing_stopped")
    for conditions, reason in asked.exits:
        if first_failing(conditions, asked.fields) is None:
            return Skip(reason, "cancelled")
    if (failing := first_failing(asked.only_if, asked.fields)) is not None:
        return Skip(f"condition:{failing.field}")
    if now >= asked.useful_until:
        return Skip("too_late", "expired")
    return None


def _deferring(asked: Asked, now: datetime) -> Verdict | None:
    if asked.purpose != "marketing":
        return None
    limits = asked.limits
    if limits.quiet_from is not None:
        allowed = next_allowed(now, asked.zones, limits.quiet_from, limits.quiet_until)
        if allowed > now:
            return _until(allowed, "quiet_hours", asked)
    recent = sorted(asked.sent_at)
    if recent and recent[-1] + limits.window > now:
        return _until(recent[-1] + limits.window, "channel_window", asked)
    this_week = [at for at in recent if at + WEEK > now]
    if len(this_week) >= limits.per_week:
        if limits.per_week == 0:
            return Skip("weekly_cap")
        # Room is made when enough of the week's messages are a week old.
        return _until(this_week[-limits.per_week] + WEEK, "weekly_cap", asked)
    return None


def _until(moment: datetime, reason: str, asked: Asked) -> Verdict:
    """Wait, unless the message will have lost its use by then."""
    return Defer(moment, reason) if moment < asked.useful_until else Skip(reason, "expired")
