"""What the customer pages show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from app.admin.paging import PAGE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from app.admin.paging import Cursor


SHOWN: Final = (
    "id, first_name, last_name, email, phone, country, tags, orders_count, spent, last_order_at, first_seen_at"
)
BEGINS: Final = {
    "email": ("email ~>=~ :begins AND email ~<~ :begins_end", "email USING ~<~"),
    "phone": ("(:phone <> '' AND phone ~>=~ :phone AND phone ~<~ :phone_end)", "phone USING ~<~"),
    "first": (
        (
            "first_name_lower ~>=~ :first AND first_name_lower ~<~ :first_end "
            "AND last_name_lower ~>=~ :rest AND last_name_lower ~<~ :rest_end"
        ),
        "first_name_lower USING ~<~, last_name_lower USING ~<~",
    ),
    "last": ("last_name_lower ~>=~ :first AND last_name_lower ~<~ :first_end", "last_name_lower USING ~<~"),
}
"""What may begin as it was typed, and the order of the index that finds it.

Said as bounds of plain columns, not as LIKE nor of lower(name). A statement that was prepared for any value can use an
index with bounds, not with LIKE. And behind the wall between shops only what PostgreSQL calls leakproof looks into an
index: these operators do, LIKE and lower() don't. Either way it would be a second instead of a millisecond at a million
customers.
"""
LAST_LETTER: Final = "\U0010ffff"


def found(session: Session, shop_id: int, query: str, before: Cursor | None, size: int = PAGE) -> Sequence[Any]:
    """People whose email, phone or name begins so, the newest first; one more than a page holds."""
    conditions = ["shop_id = :shop", "merged_into_id IS NULL"]
    parameters: dict[str, Any] = {"shop": shop_id, "size": size + 1}
    if query:
        conditions.append("(" + " OR ".join(condition for condition, _order in BEGINS.values()) + ")")
        parameters |= _typed(query)
    if before is not None:
        conditions.append("(first_seen_at, id) < (:at, :id)")
        parameters |= {"at": before.at, "id": before.id}
    return session.execute(
        text(f"""
            SELECT {SHOWN} FROM customer WHERE {" AND ".join(conditions)}
            ORDER BY first_seen_at DESC, id DESC LIMIT :size
        """),  # noqa: S608 conditions are our own, values are bound
        parameters,
    ).all()


def first(session: Session, shop_id: int, query: str) -> Sequence[Any]:
    """The first of them by what was typed, one more than a page holds: as quick for everything that can be typed.

    Each index gives its first few in its own order. Newest first would mean to read all who begin so, or all others.
    """
    branches = " UNION ALL ".join(
        f"(SELECT {number} AS nr, id FROM customer WHERE shop_id = :shop AND merged_into_id IS NULL AND {condition} "  # noqa: S608
        f"ORDER BY {order} LIMIT :size)"
        for number, (condition, order) in enumerate(BEGINS.values())
    )
    return session.execute(
        text(f"""
            SELECT {SHOWN} FROM customer JOIN (SELECT id, min(nr) AS nr FROM ({branches}) b GROUP BY id) f USING (id)
            WHERE shop_id = :shop
            ORDER BY f.nr, first_name_lower, last_name_lower, email, id LIMIT :size
        """),  # noqa: S608 conditions are our own, values are bound
        {"shop": shop_id, "size": PAGE + 1, **_typed(query)},
    ).all()


def _typed(query: str) -> dict[str, str]:
    words = query.lower().split()
    digits = "" if any(map(str.isalpha, query)) else "".join(filter(str.isdigit, query))
    begins = {
        "begins": query.strip().lower(),
        "first": words[0],
        "rest": " ".join(words[1:]),
        "phone": f"+{digits}" if digits else "",
    }
    return begins | {f"{name}_end": begin + LAST_LETTER for name, begin in begins.items()}


def one(session: Session, shop_id: int, customer_id: int) -> Any:
    """A person; None when the shop has no such customer."""
    return session.execute(
        text("""
            SELECT id, external_id, first_name, last_name, email, phone, city, province, country, tags, orders_count,
                spent, first_order_at, last_order_at, first_seen_at, preferred_channel, erased_at, deleted_at,
                merged_into_id
            FROM customer WHERE shop_id = :shop AND id = :id
        """),
        {"shop": shop_id, "id": customer_id},
    ).first()


def enrolments(session: Session, shop_id: int, customer_id: int) -> Sequence[Any]:
    """Where the person is under way now."""
    return session.execute(
        text("""
            SELECT j.name, j.key, e.step, e.due_at, e.entered_at
            FROM enrolment e JOIN journey j ON j.shop_id = e.shop_id AND j.id = e.journey_id
            WHERE e.shop_id = :shop AND e.customer_id = :id AND e.state = 'active' ORDER BY e.due_at
        """),
        {"shop": shop_id, "id": customer_id},
    ).all()


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a timeline."""

    at: datetime
    kind: str
    """order | checkout | message | decision | consent"""
    row: Any


TIMELINE = {
    "order": """
        SELECT COALESCE(placed_at, version_at) AS at, name, total, currency, payment, cancelled_at, delivered_at,
            shipped_at, refunded, jsonb_array_length(lines) AS items, is_test, channel
        FROM orders WHERE shop_id = :shop AND customer_id = :id AND COALESCE(placed_at, version_at) < :before
        ORDER BY 1 DESC LIMIT :size""",
    "checkout": """
        SELECT version_at AS at, total, currency, jsonb_array_length(lines) AS items, completed_at, deleted_at
        FROM checkout WHERE shop_id = :shop AND customer_id = :id AND version_at < :before
        ORDER BY version_at DESC LIMIT :size""",
    "message": """
        SELECT COALESCE(m.accepted_at, m.planned_at) AS at, m.id, m.state, m.reason, m.channel, m.step,
            j.name AS journey, m.opened_at, m.clicked_at
        FROM message m LEFT JOIN journey j ON j.shop_id = m.shop_id AND j.id = m.journey_id
        WHERE m.shop_id = :shop AND m.customer_id = :id AND COALESCE(m.accepted_at, m.planned_at) < :before
        ORDER BY 1 DESC LIMIT :size""",
    "decision": """
        SELECT d.at, d.outcome, d.reason, d.step, j.name AS journey, d.message_id
        FROM decision d LEFT JOIN journey j ON j.shop_id = d.shop_id AND j.id = d.journey_id
        WHERE d.shop_id = :shop AND d.customer_id = :id AND d.at < :before
        ORDER BY d.at DESC, d.id DESC LIMIT :size""",
    "consent": """
        SELECT effective_at AS at, channel, state, source, double_opt_in FROM consent_entry
        WHERE shop_id = :shop AND customer_id = :id AND effective_at < :before
        ORDER BY effective_at DESC LIMIT :size""",
}
KINDS = tuple(TIMELINE)


def timeline(session: Session, shop_id: int, customer_id: int, before: datetime, size: int = PAGE) -> list[Moment]:
    """Everything about a person before a moment, newest first; one more than a page holds."""
    parameters = {"shop": shop_id, "id": customer_id, "before": before, "size": size + 1}
    moments = [
        Moment(row.at, kind, row)
        for kind, statement in TIMELINE.items()
        for row in session.execute(text(statement), parameters)
    ]
    # What happens at the same moment is told in the order of cause: the order, then what was decided because of it.
    moments.sort(key=lambda m: (m.at, -KINDS.index(m.kind)), reverse=True)
    return moments[: size + 1]
