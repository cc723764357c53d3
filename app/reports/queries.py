"""The figures of reports.

Orders count on the day they were placed; messages, and all that became of them, on the day they were sent, so that
shares mean something.
"""

# ruff: noqa: S608 - statements are made of our own words, values are bound

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app.reports.rules import MODEL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.orm import Session

    from app.reports.rules import Period

LONGEST_WAIT = timedelta(days=10)
"""No starter's message stays useful longer, so what was sent in a period was planned at most so long before it."""
FIGURES = (
    "revenue", "orders", "recovered", "sent", "human_opens", "machine_opens", "human_clicks", "machine_clicks",
    "unsubscribes", "bounces", "complaints",
)  # fmt: skip

Where = tuple[date, int | None, str | None]
"""(day, journey, step)"""

LATEST = """
    SELECT DISTINCT ON (order_id) order_id, message_id, journey_id, step, placed_at FROM attribution
    WHERE shop_id = :shop AND model = :model AND placed_at >= :start AND placed_at < :end
    ORDER BY order_id, revision DESC"""
STATEMENTS = {
    "orders": f"""
        SELECT (a.placed_at AT TIME ZONE :zone)::date AS day, a.journey_id, a.step, count(*) AS orders,
            count(*) FILTER (WHERE j.event IN ('checkout_abandoned', 'cart_abandoned')) AS recovered,
            COALESCE(sum(GREATEST(o.total - o.refunded, 0)) FILTER (WHERE o.currency = s.currency), 0)::bigint
                AS revenue
        FROM ({LATEST}) a
        JOIN orders o ON o.shop_id = :shop AND o.id = a.order_id
        JOIN shop s ON s.id = o.shop_id
        LEFT JOIN journey j ON j.shop_id = :shop AND j.id = a.journey_id
        WHERE a.message_id IS NOT NULL AND o.cancelled_at IS NULL AND o.deleted_at IS NULL
            AND o.payment NOT IN ('voided', 'refunded')
        GROUP BY 1, 2, 3""",
    "messages": """
        SELECT (accepted_at AT TIME ZONE :zone)::date AS day, journey_id, step, count(*) AS sent,
            count(opened_at) AS human_opens, count(clicked_at) AS human_clicks,
            count(*) FILTER (WHERE state = 'bounced') AS bounces,
            count(*) FILTER (WHERE state = 'complained') AS complaints
        FROM message WHERE shop_id = :shop AND journey_id IS NOT NULL AND planned_at >= :planned
            AND accepted_at >= :start AND accepted_at < :end
        GROUP BY 1, 2, 3""",
    "machines": """
        SELECT (m.accepted_at AT TIME ZONE :zone)::date AS day, m.journey_id, m.step,
            count(DISTINCT m.id) FILTER (WHERE e.kind = 'open') AS machine_opens,
            count(DISTINCT m.id) FILTER (WHERE e.kind = 'click') AS machine_clicks
        FROM message m JOIN engagement e ON e.shop_id = m.shop_id AND e.message_id = m.id AND e.verdict <> 'human'
        WHERE m.shop_id = :shop AND m.journey_id IS NOT NULL AND m.planned_at >= :planned
            AND m.accepted_at >= :start AND m.accepted_at < :end
        GROUP BY 1, 2, 3""",
    # Whoever unsubscribes had enough of the message they got last.
    "goodbyes": """
        SELECT (m.accepted_at AT TIME ZONE :zone)::date AS day, m.journey_id, m.step, count(*) AS unsubscribes
        FROM consent_entry c JOIN LATERAL (
            SELECT journey_id, step, accepted_at FROM message m
            WHERE m.shop_id = c.shop_id AND m.customer_id = c.customer_id AND m.channel = c.channel
                AND m.accepted_at <= c.effective_at AND m.journey_id IS NOT NULL
            ORDER BY m.accepted_at DESC LIMIT 1
        ) m ON true
        WHERE c.shop_id = :shop AND c.state = 'unsubscribed' AND c.effective_at >= :start
            AND m.accepted_at >= :start AND m.accepted_at < :end
        GROUP BY 1, 2, 3""",
}


@dataclass(slots=True)
class Figures:
    """What happened, summed up. Revenue in minor units of the shop's currency, net of refunds."""

    revenue: int = 0
    orders: int = 0
    recovered: int = 0
    sent: int = 0
    human_opens: int = 0
    machine_opens: int = 0
    human_clicks: int = 0
    machine_clicks: int = 0
    unsubscribes: int = 0
    bounces: int = 0
    complaints: int = 0

    def add(self, some: Mapping[str, Any]) -> None:
        """Count something in."""
        for name in FIGURES:
            setattr(self, name, getattr(self, name) + some.get(name, 0))


@dataclass(frozen=True, slots=True)
class Report:
    """A period's figures: in all, by day, and by message."""

    total: Figures
    by_day: Mapping[date, Figures]
    by_message: Mapping[tuple[int | None, str | None], Figures] = field(default_factory=dict)


def report(session: Session, shop_id: int, period: Period) -> Report:
    """Everything about a period."""
    parameters = {
        "shop": shop_id,
        "model": MODEL,
        "zone": period.zone.key,
        "start": period.start,
        "end": period.end,
        "planned": period.start - LONGEST_WAIT,
    }
    total = Figures()
    by_day = {day: Figures() for day in period.days}
    by_message: dict[tuple[int | None, str | None], Figures] = {}
    for statement in STATEMENTS.values():
        for row in session.execute(text(statement), parameters):
            counted = row._asdict()
            for figures in (total, by_day[row.day], by_message.setdefault((row.journey_id, row.step), Figures())):
                figures.add(counted)
    return Report(total, by_day, by_message)


def names(session: Session, shop_id: int, ids: Iterable[int | None]) -> dict[int, Any]:
    """Journey id -> its key and name."""
    rows = session.execute(
        text("SELECT id, key, name FROM journey WHERE shop_id = :shop AND id = ANY(:ids)"),
        {"shop": shop_id, "ids": sorted(i for i in ids if i is not None)},
    )
    return {row.id: row for row in rows}
