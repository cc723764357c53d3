"""What a look ahead needs: where a person stands, what they had last, what came to the journey's door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from app.customers.rules import SPACING
from app.messages.hearing import Heard

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

CASES: Final = {
    "went_quiet": """
        SELECT 'person' AS kind, id::text AS key, now() AS since, NULL::float AS days FROM customer
        WHERE shop_id = :shop AND id = :customer""",
    "checkout_abandoned": """
        SELECT 'checkout' AS kind, id::text AS key, version_at AS since, NULL::float AS days FROM checkout
        WHERE shop_id = :shop AND customer_id = :customer AND lines <> '[]' ORDER BY version_at DESC LIMIT 1""",
    "cart_abandoned": """
        SELECT 'cart' AS kind, id::text AS key, changed_at AS since, NULL::float AS days FROM cart
        WHERE shop_id = :shop AND customer_id = :customer AND lines <> '[]' ORDER BY changed_at DESC LIMIT 1""",
    "order_placed": """
        SELECT 'order' AS kind, id::text AS key, placed_at AS since, NULL::float AS days FROM orders
        WHERE shop_id = :shop AND customer_id = :customer AND placed_at IS NOT NULL AND NOT is_test AND lines <> '[]'
        ORDER BY placed_at DESC LIMIT 1""",
    "product_running_low": """
        SELECT 'variant' AS kind, p.customer_id || ':' || p.variant_external_id AS key, p.bought_at AS since,
            g.days * p.quantity AS days
        FROM purchase p JOIN variant v ON v.shop_id = p.shop_id AND v.external_id = p.variant_external_id
        JOIN reorder_gap g ON g.shop_id = p.shop_id AND g.scope = 'variant' AND g.key = v.external_id
        WHERE p.shop_id = :shop AND p.customer_id = :customer ORDER BY p.bought_at DESC LIMIT 1""",
}


def under_way(session: Session, shop_id: int, journey_id: int, customer_id: int) -> Any:
    """The person's enrolment in the journey, the newest one under way; None when there is none."""
    return session.execute(
        text("""
            SELECT * FROM enrolment WHERE shop_id = :shop AND journey_id = :journey AND customer_id = :customer
                AND state = 'active' ORDER BY entered_at DESC LIMIT 1
        """),
        {"shop": shop_id, "journey": journey_id, "customer": customer_id},
    ).first()


def last_case(session: Session, shop_id: int, event: str, customer_id: int) -> Any:
    """The newest thing of a person that the journey could be about; None when there never was one."""
    return session.execute(text(CASES[event]), {"shop": shop_id, "customer": customer_id}).first()


def heard(session: Session, shop_id: int, customer_id: int, now: datetime) -> Heard:
    """When the person heard from the shop lately, or may have."""
    rows = session.execute(
        text("""
            SELECT channel, purpose, subject_kind, subject_key, COALESCE(accepted_at, updated_at) AS at FROM message
            WHERE shop_id = :shop AND customer_id = :customer
                AND (accepted_at > :since OR state IN ('sending', 'unknown')
                    OR state = 'parked' AND reason = 'outcome_unknown' AND updated_at > :since)
        """),
        {"shop": shop_id, "customer": customer_id, "since": now - max(SPACING.values())},
    )
    found = Heard()
    for row in rows:
        found.note(row, row.at)
    return found


def sources(session: Session, shop_id: int, ids: Collection[int]) -> dict[int, str]:
    """Template id -> its text."""
    rows = session.execute(
        text("SELECT id, source FROM template WHERE shop_id = :shop AND id = ANY(:ids)"),
        {"shop": shop_id, "ids": sorted(ids)},
    )
    return {row.id: row.source for row in rows}


def at_the_door(session: Session, shop_id: int, journey_id: int, limit: int = 10) -> Sequence[Any]:
    """The newest occasions of a journey: who came in or not, and why."""
    return session.execute(
        text("""
            SELECT d.at, d.outcome, d.reason, d.customer_id, c.first_name, c.last_name, c.email, c.phone
            FROM decision d JOIN customer c ON c.shop_id = d.shop_id AND c.id = d.customer_id
            WHERE d.shop_id = :shop AND d.journey_id = :journey AND d.step = 'trigger'
                AND d.outcome IN ('entered', 'not_entered', 'moved')
            ORDER BY d.at DESC, d.id DESC LIMIT :limit
        """),
        {"shop": shop_id, "journey": journey_id, "limit": limit},
    ).all()
