"""What the journey editor looks up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.orm import Session

LATEST: Final = {
    "went_quiet": """
        SELECT e.subject_kind AS kind, e.subject_key AS key, e.customer_id, e.anchor_at AS since FROM enrolment e
        WHERE e.shop_id = :shop AND e.subject_kind = 'person' ORDER BY e.id DESC LIMIT :limit""",
    "checkout_abandoned": """
        SELECT 'checkout' AS kind, id::text AS key, customer_id, version_at AS since FROM checkout
        WHERE shop_id = :shop AND customer_id IS NOT NULL AND lines <> '[]' ORDER BY id DESC LIMIT :limit""",
    "cart_abandoned": """
        SELECT 'cart' AS kind, id::text AS key, customer_id, changed_at AS since FROM cart
        WHERE shop_id = :shop AND customer_id IS NOT NULL AND lines <> '[]' ORDER BY id DESC LIMIT :limit""",
    "order_placed": """
        SELECT 'order' AS kind, id::text AS key, customer_id, placed_at AS since FROM orders
        WHERE shop_id = :shop AND customer_id IS NOT NULL AND placed_at IS NOT NULL AND NOT is_test AND lines <> '[]'
        ORDER BY placed_at DESC LIMIT :limit""",
    "product_running_low": """
        SELECT 'variant' AS kind, p.customer_id || ':' || p.variant_external_id AS key, p.customer_id,
            p.bought_at AS since
        FROM purchase p JOIN reorder_gap g ON g.shop_id = p.shop_id AND g.scope = 'variant'
            AND g.key = p.variant_external_id
        WHERE p.shop_id = :shop ORDER BY p.id DESC LIMIT :limit""",
}


def latest(session: Session, shop_id: int, event: str, limit: int) -> Sequence[Any]:
    """The newest occasions of a kind, as far as they have a person."""
    return session.execute(text(LATEST[event]), {"shop": shop_id, "limit": limit}).all()


def texts(session: Session, shop_id: int) -> Sequence[Any]:
    """Every text of the shop's published journeys: (journey, journey's name, template's name, id, channel)."""
    return session.execute(
        text("""
            SELECT j.key, j.name AS journey, e.key AS name, t.id, t.channel
            FROM journey j JOIN journey_version v ON v.shop_id = j.shop_id AND v.id = j.version_id
            CROSS JOIN LATERAL jsonb_each_text(v.templates) e
            JOIN template t ON t.shop_id = j.shop_id AND t.id = e.value::bigint
            WHERE j.shop_id = :shop ORDER BY j.name, j.id, e.key
        """),
        {"shop": shop_id},
    ).all()


def channels(session: Session, shop_id: int, ids: Collection[int]) -> dict[int, str]:
    """Template id -> its channel; ids of other shops are left out."""
    rows = session.execute(
        text("SELECT id, channel FROM template WHERE shop_id = :shop AND id = ANY(:ids)"),
        {"shop": shop_id, "ids": sorted(ids)},
    )
    return {row.id: row.channel for row in rows}


def sources(session: Session, shop_id: int, ids: Collection[int]) -> dict[int, tuple[str, str]]:
    """Template id -> (channel, source)."""
    rows = session.execute(
        text("SELECT id, channel, source FROM template WHERE shop_id = :shop AND id = ANY(:ids)"),
        {"shop": shop_id, "ids": sorted(ids)},
    )
    return {row.id: (row.channel, row.source) for row in rows}


def versions(session: Session, shop_id: int, journey_id: int, limit: int) -> Sequence[Any]:
    """The newest versions of a journey, and how many are under way in each."""
    return session.execute(
        text("""
            SELECT v.id, v.number, v.created_at, v.made_by, v.templates,
                (SELECT count(*) FROM enrolment e WHERE e.shop_id = v.shop_id AND e.journey_id = v.journey_id
                    AND e.version_id = v.id AND e.state = 'active') AS under_way
            FROM journey_version v WHERE v.shop_id = :shop AND v.journey_id = :journey
            ORDER BY v.number DESC LIMIT :limit
        """),
        {"shop": shop_id, "journey": journey_id, "limit": limit},
    ).all()


def asides(session: Session, shop_id: int, journey_id: int) -> Sequence[Any]:
    """Edits that came too late and wait for a word, newest first."""
    return session.execute(
        text("""
            SELECT id, seen, edit, made_by, made_at FROM journey_aside WHERE shop_id = :shop AND journey_id = :journey
            ORDER BY id DESC LIMIT 20
        """),
        {"shop": shop_id, "journey": journey_id},
    ).all()


def waiting(session: Session, shop_id: int, journey_id: int) -> dict[str, int]:
    """Step -> how many people stand at it."""
    rows = session.execute(
        text("""
            SELECT step, count(*) AS people FROM enrolment
            WHERE shop_id = :shop AND journey_id = :journey AND state = 'active' GROUP BY step
        """),
        {"shop": shop_id, "journey": journey_id},
    )
    return {row.step: row.people for row in rows}
