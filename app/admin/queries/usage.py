"""What a shop has here, counted when somebody asks: it takes a look at every person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from app.admin.queries import checks
from app.customers.rules import STRICTEST_FIRST

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Stored:
    """How many of each there are."""

    customers: int
    products: int
    orders: int
    said_yes: dict[str, int]
    """Channel -> people with an address for it whose last word on marketing is a yes."""


def stored(session: Session, shop_id: int) -> Stored:
    """Count the shop's people, products and orders, and who of the people said yes."""
    totals = checks.totals(session, shop_id)
    rows = session.execute(
        text(f"""
            SELECT w.channel, count(*) AS people FROM (
                SELECT DISTINCT ON (customer_id, channel) customer_id, channel, state FROM (
                    SELECT customer_id, channel, state, effective_at FROM consent_entry
                    WHERE shop_id = :shop AND purpose = 'marketing'
                    UNION ALL
                    SELECT customer_id, channel, 'unsubscribed', held_at FROM consent_hold
                    WHERE shop_id = :shop AND purpose = 'marketing'
                ) said
                ORDER BY customer_id, channel, effective_at DESC,
                    array_position(CAST(:strictest AS text[]), state)
            ) w JOIN customer ON customer.shop_id = :shop AND customer.id = w.customer_id
            WHERE w.state = 'subscribed' AND customer.{checks.PEOPLE}
                AND CASE w.channel WHEN 'email' THEN email IS NOT NULL WHEN 'sms' THEN phone IS NOT NULL ELSE false END
            GROUP BY w.channel
        """),  # noqa: S608 statements are made of our own words, values are bound
        {"shop": shop_id, "strictest": STRICTEST_FIRST},
    )
    return Stored(totals.customers, totals.products, totals.orders, {row.channel: row.people for row in rows})
