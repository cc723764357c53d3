"""What the API reads. Lists are newest first by number, one more than a page holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

CUSTOMER = """
    SELECT c.id, c.external_id, c.email, c.phone, c.first_name, c.last_name, c.country, c.tags, c.orders_count,
        c.spent AS spent_minor, c.first_seen_at, c.last_order_at, c.erased_at, c.deleted_at, c.merged_into_id
    FROM customer c"""
MESSAGE = """
    SELECT m.id, m.customer_id, j.key AS journey, m.step, m.channel, m.purpose, m.state, m.reason, m.planned_at,
        m.due_at, m.useful_until, m.accepted_at, m.delivered_at, m.opened_at, m.clicked_at
    FROM message m LEFT JOIN journey j ON j.shop_id = m.shop_id AND j.id = m.journey_id"""
CONSENT = """
    SELECT e.id, e.customer_id, e.channel, e.purpose, e.state, e.effective_at, e.source, e.double_opt_in, e.recorded_at
    FROM consent_entry e"""
SUPPRESSION = "SELECT s.id, s.channel, s.reason, s.source, s.suppressed_at FROM suppression s"

EVENT = "SELECT e.id, 'evt_' || e.id AS webhook_id, e.kind, e.at, e.data FROM hook_event e"
DELIVERY = """
    SELECT d.id, d.event_id, e.kind, d.state, d.tries, d.status, d.code, d.due_at, d.updated_at
    FROM hook_delivery d JOIN hook_event e ON e.shop_id = d.shop_id AND e.id = d.event_id"""


def listed(
    session: Session,
    shop_id: int,
    select: str,
    alias: str,
    conditions: Mapping[str, Any],
    before: int | None,
    size: int,
) -> Sequence[Any]:
    """A page of one of the above. `conditions`: column -> the value it must have; None is no condition."""
    wanted = {column: value for column, value in conditions.items() if value is not None}
    where = [f"{alias}.shop_id = :shop", *(f"{column} = :v{n}" for n, column in enumerate(wanted))]
    if before is not None:
        where.append(f"{alias}.id < :before")
    return session.execute(
        text(f"{select} WHERE {' AND '.join(where)} ORDER BY {alias}.id DESC LIMIT :size"),
        {
            "shop": shop_id,
            "before": before,
            "size": size + 1,
            **{f"v{n}": value for n, value in enumerate(wanted.values())},
        },
    ).all()


def one(session: Session, shop_id: int, select: str, alias: str, number: int) -> Any:
    """One row of the above; None when the shop has none of this number."""
    return session.execute(
        text(f"{select} WHERE {alias}.shop_id = :shop AND {alias}.id = :id"), {"shop": shop_id, "id": number}
    ).first()


def journeys(session: Session, shop_id: int, key: str | None = None) -> Sequence[Any]:
    """Every journey, or the one of this key."""
    return session.execute(
        text("""
            SELECT j.id, j.key, j.name, j.is_on, j.event, j.priority, v.number AS version, j.turned_on_at
            FROM journey j JOIN journey_version v ON v.shop_id = j.shop_id AND v.id = j.version_id
            WHERE j.shop_id = :shop AND (CAST(:key AS text) IS NULL OR j.key = :key)
            ORDER BY j.priority DESC, j.id
        """),
        {"shop": shop_id, "key": key},
    ).all()
