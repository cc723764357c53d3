"""What the journey pages show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app.journeys.definition import Definition, walk
from app.journeys.queries import versions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

COUNTED = timedelta(days=30)


def overview(session: Session, shop_id: int, now: datetime) -> Sequence[Any]:
    """Every journey with its people under way, what it sent in the last 30 days and when it acts next."""
    return session.execute(
        text("""
            SELECT j.id, j.key, j.name, j.is_on, j.event, j.turned_on_at, v.number, v.definition->>'about' AS about,
                COALESCE(e.under_way, 0) AS under_way, COALESCE(m.sent, 0) AS sent, COALESCE(m.clicked, 0) AS clicked,
                LEAST(e.next_at, w.next_at) AS next_at
            FROM journey j
            JOIN journey_version v ON v.shop_id = j.shop_id AND v.id = j.version_id
            LEFT JOIN (
                SELECT journey_id, count(*) AS under_way, min(due_at) AS next_at FROM enrolment
                WHERE shop_id = :shop AND state = 'active' GROUP BY journey_id
            ) e ON e.journey_id = j.id
            LEFT JOIN (
                SELECT journey_id, count(accepted_at) AS sent, count(clicked_at) AS clicked FROM message
                WHERE shop_id = :shop AND planned_at >= :since GROUP BY journey_id
            ) m ON m.journey_id = j.id
            LEFT JOIN (
                SELECT journey_id, min(due_at) AS next_at FROM message
                WHERE shop_id = :shop AND state IN ('due', 'deferred') GROUP BY journey_id
            ) w ON w.journey_id = j.id
            WHERE j.shop_id = :shop ORDER BY j.priority DESC, j.id
        """),
        {"shop": shop_id, "since": now - COUNTED},
    ).all()


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


def figures(session: Session, shop_id: int, journey_id: int, now: datetime) -> Any:
    """Who is under way and where, and what each step sent in the last 30 days."""
    parameters = {"shop": shop_id, "journey": journey_id, "since": now - COUNTED}
    at_step = session.execute(
        text(
            "SELECT step, count(*) AS count FROM enrolment "
            "WHERE shop_id = :shop AND journey_id = :journey AND state = 'active' GROUP BY step"
        ),
        parameters,
    ).all()
    by_step = session.execute(
        text(
            "SELECT step, count(accepted_at) AS sent, count(clicked_at) AS clicked FROM message "
            "WHERE shop_id = :shop AND journey_id = :journey AND planned_at >= :since GROUP BY step"
        ),
        parameters,
    ).all()
    return {
        "under_way": sum(row.count for row in at_step),
        "sent": sum(row.sent for row in by_step),
        "clicked": sum(row.clicked for row in by_step),
        "waiting_at": {row.step: row.count for row in at_step},
        "sent_by": {row.step: row.sent for row in by_step},
    }
