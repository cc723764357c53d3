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
from app.reports.days import brought

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
    total = Figures()
    by_day = {day: Figures() for day in period.days}
    by_message: dict[tuple[int | None, str | None], Figures] = {}
    found = [row._asdict() for row in brought(session, shop_id, period)]
    for counted in found + _messages(session, shop_id, period):
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
    for row in brought(session, shop_id, period):
        found[row.journey_id] = found.get(row.journey_id, 0) + row.revenue
    known = names(session, shop_id, found)
    return {known[id_].key: amount for id_, amount in found.items() if id_ in known}


def names(session: Session, shop_id: int, ids: Iterable[int | None]) -> dict[int, Any]:
    """Journey id -> its key and name."""
    rows = session.execute(
        text("SELECT id, key, name FROM journey WHERE shop_id = :shop AND id = ANY(:ids)"),
        {"shop": shop_id, "ids": sorted(i for i in ids if i is not None)},
    )
    return {row.id: row for row in rows}
