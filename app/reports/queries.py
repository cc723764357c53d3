"""The figures of reports.

Orders count on the day they were placed; messages, and all that became of them, on the day they were sent, so that
shares mean something.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app.reports.counting import counts
from app.reports.rules import MODEL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.orm import Session

    from app.reports.rules import Period

FIGURES = (
    "revenue", "orders", "recovered", "sent", "human_opens", "machine_opens", "human_clicks", "machine_clicks",
    "unsubscribes", "bounces", "complaints",
)  # fmt: skip

Where = tuple[date, int | None, str | None]
"""(day, journey, step)"""

STATEMENTS = {
    # Of each order's facts the newest counts. Only those with a message are read: most orders have none.
    "orders": """
        SELECT (a.placed_at AT TIME ZONE :zone)::date AS day, a.journey_id, a.step, count(*) AS orders,
            count(*) FILTER (WHERE j.event IN ('checkout_abandoned', 'cart_abandoned')) AS recovered,
            COALESCE(sum(GREATEST(o.total - o.refunded, 0)) FILTER (WHERE o.currency = s.currency), 0)::bigint
                AS revenue
        FROM attribution a
        JOIN orders o ON o.shop_id = :shop AND o.id = a.order_id
        JOIN shop s ON s.id = o.shop_id
        LEFT JOIN journey j ON j.shop_id = :shop AND j.id = a.journey_id
        WHERE a.shop_id = :shop AND a.model = :model AND a.placed_at >= :start AND a.placed_at < :end
            AND a.message_id IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM attribution later WHERE later.shop_id = a.shop_id AND later.order_id = a.order_id
                    AND later.model = a.model AND later.revision > a.revision)
            AND o.cancelled_at IS NULL AND o.deleted_at IS NULL AND o.payment NOT IN ('voided', 'refunded')
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
    parameters = _parameters(shop_id, period)
    total = Figures()
    by_day = {day: Figures() for day in period.days}
    by_message: dict[tuple[int | None, str | None], Figures] = {}
    found = [row for statement in STATEMENTS.values() for row in session.execute(text(statement), parameters)]
    for counted in [row._asdict() for row in found] + _messages(session, shop_id, period):
        message = by_message.setdefault((counted["journey_id"], counted["step"]), Figures())
        for figures in (total, by_day[counted["day"]], message):
            figures.add(counted)
    return Report(total, by_day, by_message)


def _messages(session: Session, shop_id: int, period: Period) -> list[dict[str, Any]]:
    """What was sent by journeys, and what became of it."""
    return [
        {
            "day": row.day,
            "journey_id": row.journey_id,
            "step": row.step,
            "sent": row.sent,
            "human_opens": row.opened,
            "human_clicks": row.clicked,
            "machine_opens": row.machine_opened,
            "machine_clicks": row.machine_clicked,
            "bounces": row.sent if row.state == "bounced" else 0,
            "complaints": row.sent if row.state == "complained" else 0,
        }
        for row in counts(session, shop_id, ("day", "journey_id", "step", "state"), period)
        if row.sent and row.journey_id
    ]


def revenue(session: Session, shop_id: int, period: Period) -> dict[str, int]:
    """Key of a journey -> what its messages brought in a period, counted as reports count it."""
    found: dict[int, int] = {}
    for row in session.execute(text(STATEMENTS["orders"]), _parameters(shop_id, period)):
        if row.journey_id is not None:
            found[row.journey_id] = found.get(row.journey_id, 0) + row.revenue
    known = names(session, shop_id, found)
    return {known[id_].key: amount for id_, amount in found.items() if id_ in known}


def _parameters(shop_id: int, period: Period) -> dict[str, Any]:
    return {"shop": shop_id, "model": MODEL, "zone": period.zone.key, "start": period.start, "end": period.end}


def names(session: Session, shop_id: int, ids: Iterable[int | None]) -> dict[int, Any]:
    """Journey id -> its key and name."""
    rows = session.execute(
        text("SELECT id, key, name FROM journey WHERE shop_id = :shop AND id = ANY(:ids)"),
        {"shop": shop_id, "ids": sorted(i for i in ids if i is not None)},
    )
    return {row.id: row for row in rows}
