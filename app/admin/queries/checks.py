"""What the data check counts, each with a few examples."""

# ruff: noqa: S608 - statements are made of our own words, values are bound

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

EXAMPLES: Final = 5
PEOPLE: Final = "shop_id = :shop AND merged_into_id IS NULL AND erased_at IS NULL AND deleted_at IS NULL"
NAME: Final = "COALESCE(NULLIF(trim(first_name || ' ' || last_name), ''), email, phone)"

CHECKS: Final[dict[str, str]] = {
    "no_address": f"""
        SELECT id, {NAME} AS name, external_id AS detail FROM customer
        WHERE {PEOPLE} AND email IS NULL AND phone IS NULL""",
    "same_phone": f"""
        SELECT min(id) AS id, string_agg({NAME}, ' · ' ORDER BY id) AS name, phone AS detail FROM customer
        WHERE {PEOPLE} AND phone IS NOT NULL GROUP BY phone HAVING count(*) > 1""",
    "same_email": f"""
        SELECT min(id) AS id, string_agg({NAME}, ' · ' ORDER BY id) AS name, lower(email) AS detail FROM customer
        WHERE {PEOPLE} AND email IS NOT NULL GROUP BY lower(email) HAVING count(*) > 1""",
    "never_asked": f"""
        SELECT id, {NAME} AS name, email AS detail FROM customer c
        WHERE {PEOPLE} AND (email IS NOT NULL OR phone IS NOT NULL) AND NOT EXISTS (
            SELECT 1 FROM consent_entry e WHERE e.shop_id = c.shop_id AND e.customer_id = c.id
                AND e.state <> 'never_asked')""",
    "no_image": """
        SELECT id, title AS name, handle AS detail FROM product
        WHERE shop_id = :shop AND active AND NOT is_gift_card AND image_url IS NULL""",
    "no_customer": """
        SELECT id, name, channel AS detail FROM orders
        WHERE shop_id = :shop AND customer_id IS NULL AND placed_at IS NOT NULL AND NOT is_test
            AND deleted_at IS NULL""",
}
"""Check -> what is wrong, row by row: (id, name, detail)."""


def count(session: Session, shop_id: int, check: str) -> tuple[int, Sequence[Any]]:
    """How many rows a check finds, and the first of them."""
    rows = session.execute(
        text(f"SELECT f.*, count(*) OVER () AS total FROM ({CHECKS[check]}) f ORDER BY f.id LIMIT :examples"),
        {"shop": shop_id, "examples": EXAMPLES},
    ).all()
    return (rows[0].total if rows else 0), rows


def totals(session: Session, shop_id: int) -> Any:
    """How much there is in all, so that a count means something."""
    return session.execute(
        text(f"""
            SELECT (SELECT count(*) FROM customer WHERE {PEOPLE}) AS customers,
                (SELECT count(*) FROM product WHERE shop_id = :shop AND active) AS products,
                (SELECT count(*) FROM orders WHERE shop_id = :shop AND placed_at IS NOT NULL AND NOT is_test) AS orders
        """),
        {"shop": shop_id},
    ).one()
