"""What a person has heard from the shop lately, and what else is about to reach them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app.customers.rules import BASKETS, SPACING
from app.messages.rules import WEEK, Rival

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.customers.queries import Profile

STUCK_AFTER = timedelta(minutes=15)
"""A more important message that has been due for so long is held up by its provider: others needn't wait for it."""


@dataclass(slots=True)
class Heard:
    """When one person heard from the shop lately, or may have: a hand-over of unknown outcome counts."""

    marketing: dict[str, list[datetime]] = field(default_factory=dict)
    """Channel -> moments within the last week; for who wants to hear little, within the last month."""
    last: dict[str, datetime] = field(default_factory=dict)
    """Channel -> the last moment, of anything."""
    texted_about: set[tuple[str, str]] = field(default_factory=set)
    """Baskets (kind, key) that a text was about."""

    going: Rival | None = None
    """The marketing message that goes to them now."""
    due: list[tuple[int, Rival]] = field(default_factory=list)
    """Others that are due and in other hands, with their priorities."""

    def rival(self, priority: int) -> Rival | None:
        """What a message of this priority has to stand back for."""
        above = [other for rank, other in self.due if rank > priority]
        return self.going or next(iter(above), None)

    def goes(self, message: Any, at: datetime) -> None:
        """Add a message that goes now."""
        self.note(message, at)
        if message.purpose == "marketing" and self.going is None:
            self.going = Rival(message.channel, message.conditions.get("topic", "news"))

    def note(self, message: Any, at: datetime) -> None:
        """Add a message."""
        channel = message.channel
        if message.purpose == "marketing":
            self.marketing.setdefault(channel, []).append(at)
        self.last[channel] = max(at, self.last.get(channel, at))
        if channel == "sms" and message.subject_kind in BASKETS:
            self.texted_about.add((message.subject_kind, message.subject_key))

    def latest_marketing(self) -> datetime | None:
        """When the person last got marketing on any channel."""
        return max((at for some in self.marketing.values() for at in some), default=None)

    def elsewhere(self, channel: str) -> datetime | None:
        """When the person last got anything on another channel."""
        return max((at for other, at in self.last.items() if other != channel), default=None)


def by_importance(message: Any) -> tuple[int, float, int]:
    """Sorts the most important first, then the newest: when a person may get only one of them, it is that one."""
    return -message.priority, -message.since.timestamp(), message.id


def heard_lately(
    session: Session, people: Mapping[int, Profile], ids: Sequence[int], now: datetime
) -> dict[int, Heard]:
    """When these people heard from the shop lately, or may have: an open outcome counts as sent.

    With it, marketing that is due to them and in other hands than ours, which hold the messages `ids`.
    """
    span = max([WEEK, *(SPACING[person.choices.frequency] for person in people.values())])
    rows = session.execute(
        text("""
            SELECT customer_id, channel, purpose, subject_kind, subject_key, priority, conditions->>'topic' AS topic,
                state IN ('due', 'deferred', 'claimed') AS is_due, COALESCE(accepted_at, updated_at) AS at
            FROM message WHERE shop_id = :shop AND customer_id = ANY(:people) AND (
                accepted_at > :since OR state IN ('sending', 'unknown')
                OR state = 'parked' AND reason = 'outcome_unknown' AND updated_at > :since
                OR state IN ('due', 'deferred', 'claimed') AND due_at <= :now AND due_at > :stuck
                    AND purpose = 'marketing' AND id <> ALL(:ids))
            ORDER BY priority DESC
        """),
        {
            "shop": session.info["shop_id"],
            "people": sorted(people),
            "ids": list(ids),
            "now": now,
            "since": now - span,
            "stuck": now - STUCK_AFTER,
        },
    )
    found: dict[int, Heard] = {}
    for row in rows:
        heard = found.setdefault(row.customer_id, Heard())
        if row.is_due:
            heard.due.append((row.priority, Rival(row.channel, row.topic or "news", going=False)))
        else:
            heard.note(row, row.at)
    return found
