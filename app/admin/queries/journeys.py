"""What the journey pages show."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

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
