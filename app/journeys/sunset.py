"""Who has gone quiet: a daily look at each shop's people, a slice at a time, so that no look is a long one.

BEHAVIOUR "Flows", Sunset: no human engagement in so many days and no order in so many, as the shop's settings say. Only
who could have answered counts: the first mail to them is as old as that, and one came since. Who never heard from us
isn't silent.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text

from app.journeys import queries
from app.journeys.entering import admit
from app.journeys.rules import Occasion
from app.journeys.triggers import Candidate
from app.orders.subjects import Ref
from app.shops import settings as shop_settings

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

SLICE = 2_000
"""People looked at in one transaction, one a second: 10,000 took 0.65 s on two busy cores, and a tick is to be short. A
million people take eight minutes of the day."""
EVENT = "went_quiet"


def look(session: Session, after: int, now: datetime, size: int = SLICE) -> int | None:
    """Bring in the quiet ones among the next people behind `after`; returns the last of them, None when none is left.

    Looking twice brings nobody in twice.
    """
    shop_id = session.info["shop_id"]
    journeys = [j for j in queries.running(session, shop_id) if j.definition.trigger.event == EVENT]
    if not journeys:
        return None
    last: int | None = session.scalar(
        text(
            "SELECT max(id) FROM (SELECT id FROM customer WHERE shop_id = :shop AND id > :after "
            "ORDER BY id LIMIT :size) slice"
        ),
        {"shop": shop_id, "after": after, "size": size},
    )
    if last is None:
        return None
    found = [
        Candidate(EVENT, Ref("person", str(id_), id_, now), Occasion(now, None, {}), {})
        for id_ in _quiet_ones(session, after, last, now, [j.id for j in journeys])
    ]
    admit(session, journeys, found, now)
    return last


def _quiet_ones(session: Session, after: int, last: int, now: datetime, journey_ids: list[int]) -> list[int]:
    """The cheap questions first: most people bought lately, or get no mail."""
    chosen = shop_settings.read(session).sunset
    return list(
        session.scalars(
            text("""
                SELECT c.id FROM customer c
                WHERE c.shop_id = :shop AND c.id > :after AND c.id <= :last
                    AND c.email IS NOT NULL AND c.erased_at IS NULL AND c.deleted_at IS NULL
                    AND c.merged_into_id IS NULL AND c.first_seen_at <= :silent
                    AND (c.last_order_at IS NULL OR c.last_order_at <= :bought)
                    AND EXISTS (SELECT 1 FROM message m WHERE m.shop_id = :shop AND m.customer_id = c.id
                        AND m.channel = 'email' AND m.purpose = 'marketing' AND m.accepted_at <= :silent)
                    AND EXISTS (SELECT 1 FROM message m WHERE m.shop_id = :shop AND m.customer_id = c.id
                        AND m.channel = 'email' AND m.purpose = 'marketing' AND m.accepted_at > :silent)
                    AND (SELECT e.state FROM consent_entry e WHERE e.shop_id = :shop AND e.customer_id = c.id
                        AND e.channel = 'email' AND e.purpose = 'marketing'
                        ORDER BY e.effective_at DESC, e.state DESC LIMIT 1) = 'subscribed'
                    AND NOT EXISTS (SELECT 1 FROM message m
                        JOIN engagement e ON e.shop_id = m.shop_id AND e.message_id = m.id
                        WHERE m.shop_id = :shop AND m.customer_id = c.id AND e.verdict = 'human' AND e.at > :silent)
                    AND NOT EXISTS (SELECT 1 FROM enrolment n WHERE n.shop_id = :shop AND n.customer_id = c.id
                        AND n.journey_id = ANY(:journeys) AND (n.state = 'active' OR n.anchor_at > :silent))
                ORDER BY c.id
            """),
            {
                "shop": session.info["shop_id"],
                "after": after,
                "last": last,
                "journeys": journey_ids,
                "silent": now - timedelta(days=chosen.days_silent),
                "bought": now - timedelta(days=chosen.days_without_order),
            },
        )
    )
