"""What the journey pages show."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app.journeys.definition import Definition, walk
from app.journeys.queries import versions
from app.reports.counting import counts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from app.reports.rules import Period


@dataclass(frozen=True, slots=True)
class Line:
    """A journey in a list."""

    key: str
    name: str
    about: str
    is_on: bool
    under_way: int
    sent: int
    """In the last 30 days."""
    next_at: datetime | None


def overview(session: Session, shop_id: int, period: Period) -> Sequence[Line]:
    """Every journey with its people under way, what it sent in a period and when it acts next."""
    counted = counts(session, shop_id, ("journey_id", "channel", "state"), period)
    sent: Counter[int] = Counter()
    for row in counted:
        sent[row.journey_id] += row.sent
    # A journey's first message is found at once where there is one; where there is none, all others would be read.
    waiting = sorted({(row.journey_id, row.channel) for row in counted if row.state in ("waiting", "deferred")})
    rows = session.execute(
        text("""
            SELECT j.id, j.key, j.name, j.is_on, v.definition->>'about' AS about,
                COALESCE(e.under_way, 0) AS under_way, LEAST(e.next_at, w.next_at) AS next_at
            FROM journey j
            JOIN journey_version v ON v.shop_id = j.shop_id AND v.id = j.version_id
            LEFT JOIN (
                SELECT journey_id, count(*) AS under_way, min(due_at) AS next_at FROM enrolment
                WHERE shop_id = :shop AND state = 'active' GROUP BY journey_id
            ) e ON e.journey_id = j.id
            LEFT JOIN (
                SELECT c.journey_id, min(f.due_at) AS next_at
                FROM unnest(CAST(:ids AS bigint[]), CAST(:channels AS text[])) AS c (journey_id, channel), LATERAL (
                    SELECT due_at FROM message m WHERE m.channel = c.channel AND m.shop_id = :shop
                        AND m.journey_id = c.journey_id AND m.state IN ('due', 'deferred') ORDER BY m.due_at LIMIT 1
                ) f
                GROUP BY c.journey_id
            ) w ON w.journey_id = j.id
            WHERE j.shop_id = :shop ORDER BY j.priority DESC, j.id
        """),
        {"shop": shop_id, "ids": [j for j, _channel in waiting], "channels": [channel for _j, channel in waiting]},
    ).all()
    return [Line(r.key, r.name, r.about, r.is_on, r.under_way, sent[r.id], r.next_at) for r in rows]


@dataclass(frozen=True, slots=True)
class Current:
    """A journey with the version new people enter by."""

    id: int
    key: str
    name: str
    is_on: bool
    event: str
    number: int
    changed_at: datetime
    turned_on_at: datetime | None
    definition: Definition
    templates: dict[str, int]


def current(session: Session, shop_id: int, key: str) -> Current | None:
    """A journey by its key."""
    row = session.execute(
        text("""
            SELECT j.id, j.key, j.name, j.is_on, j.event, j.turned_on_at, j.version_id, v.number, v.created_at
            FROM journey j JOIN journey_version v ON v.shop_id = j.shop_id AND v.id = j.version_id
            WHERE j.shop_id = :shop AND j.key = :key
        """),
        {"shop": shop_id, "key": key},
    ).first()
    if row is None:
        return None
    definition, templates = versions(session, shop_id, [row.version_id])[row.version_id]
    return Current(
        row.id,
        row.key,
        row.name,
        row.is_on,
        row.event,
        row.number,
        row.created_at,
        row.turned_on_at,
        definition,
        templates,
    )


def template(session: Session, shop_id: int, journey: Current, step: str, channel: str) -> str | None:
    """The source of a step's message on a channel; None when there is none."""
    sending = next((s.send for s in walk(journey.definition.steps) if s.id == step), None)
    name = sending.templates.get(channel) if sending else None
    if name is None:
        return None
    source: str = session.execute(
        text("SELECT source FROM template WHERE shop_id = :shop AND id = :id"),
        {"shop": shop_id, "id": journey.templates[name]},
    ).scalar_one()
    return source


def figures(session: Session, shop_id: int, journey_id: int, period: Period) -> Any:
    """Who is under way and where, and what each step sent in a period."""
    at_step = session.execute(
        text(
            "SELECT step, count(*) AS count FROM enrolment "
            "WHERE shop_id = :shop AND journey_id = :journey AND state = 'active' GROUP BY step"
        ),
        {"shop": shop_id, "journey": journey_id},
    ).all()
    by_step = counts(session, shop_id, ["step"], period, journey_id=journey_id)
    return {
        "under_way": sum(row.count for row in at_step),
        "sent": sum(row.sent for row in by_step),
        "clicked": sum(row.clicked for row in by_step),
        "waiting_at": {row.step: row.count for row in at_step},
        "sent_by": {row.step: row.sent for row in by_step},
    }
