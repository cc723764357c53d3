"""Two records are one person: everything of the one becomes the other's, and the stricter word on consent holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from app.customers.rules import STRICTEST_FIRST
from app.extensions import Base

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.orm import Session


def move(session: Session, merges: Sequence[tuple[int, int]]) -> None:
    """Give all that hangs on `removed` to `kept`, for each (removed, kept); the removed rows stay as signposts."""
    for removed, kept in merges:
        parameters = {"shop": session.info["shop_id"], "removed": removed, "kept": kept}
        for table in Base.metadata.sorted_tables:
            if "customer_id" in table.c and "shop_id" in table.c:
                again = _UNLESS_THERE.get(table.name, "")
                session.execute(
                    text(
                        f'UPDATE "{table.name}" t SET customer_id = :kept '  # noqa: S608 names of our own tables
                        f"WHERE t.shop_id = :shop AND t.customer_id = :removed {again}"
                    ),
                    parameters,
                )
        session.execute(
            text("UPDATE customer SET merged_into_id = :kept WHERE shop_id = :shop AND merged_into_id = :removed"),
            parameters,
        )


_UNLESS_THERE = {
    "consent_entry": """
        AND NOT EXISTS (
            SELECT 1 FROM consent_entry k WHERE k.shop_id = t.shop_id AND k.customer_id = :kept
                AND (k.channel, k.purpose, k.effective_at, k.state, k.source, k.about, k.double_opt_in)
                    = (t.channel, t.purpose, t.effective_at, t.state, t.source, t.about, t.double_opt_in))
    """,
    "consent_hold": """
        AND NOT EXISTS (
            SELECT 1 FROM consent_hold k WHERE k.shop_id = t.shop_id AND k.customer_id = :kept
                AND (k.channel, k.purpose, k.held_at) = (t.channel, t.purpose, t.held_at))
    """,
}
"""What both have said or been held to alike stays with the signpost."""


def hold_to_the_stricter(session: Session, customer_ids: Collection[int]) -> None:
    """Where the store merged two customers and one of them had ended a channel, it stays ended as of the merge.

    Derived from the words of before the merge whenever one comes in, also a late one; a yes given after it counts.
    Guests who turned out to be customers were one person all along: for them the last word counts, as ever.
    """
    session.execute(
        text("""
            WITH present AS (
                SELECT DISTINCT ON (s.id, e.channel, e.purpose, e.about = s.external_id)
                    s.id AS removed, s.merged_into_id AS kept, s.merged_at, e.channel, e.purpose, e.state
                FROM customer s
                JOIN consent_entry e ON e.shop_id = s.shop_id AND e.customer_id = s.merged_into_id
                    AND e.effective_at <= s.merged_at
                WHERE s.shop_id = :shop AND s.merged_into_id = ANY(:ids) AND s.merged_at IS NOT NULL
                ORDER BY s.id, e.channel, e.purpose, e.about = s.external_id, e.effective_at DESC,
                    array_position(CAST(:strictest AS text[]), e.state)
            ),
            ended AS (
                SELECT DISTINCT kept, channel, purpose, merged_at FROM present
                GROUP BY removed, kept, channel, purpose, merged_at
                HAVING count(*) = 2 AND bool_or(state = 'unsubscribed') AND NOT bool_and(state = 'unsubscribed')
            ),
            overtaken AS (
                DELETE FROM consent_hold h WHERE h.shop_id = :shop AND h.customer_id = ANY(:ids)
                    AND NOT EXISTS (SELECT 1 FROM ended n WHERE (n.kept, n.channel, n.purpose, n.merged_at)
                        = (h.customer_id, h.channel, h.purpose, h.held_at))
            )
            INSERT INTO consent_hold (shop_id, customer_id, channel, purpose, held_at)
            SELECT :shop, kept, channel, purpose, merged_at FROM ended ORDER BY kept, channel, purpose, merged_at
            ON CONFLICT DO NOTHING
        """),
        {"shop": session.info["shop_id"], "ids": sorted(customer_ids), "strictest": STRICTEST_FIRST},
    )
