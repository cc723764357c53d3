"""Recording carts, checkouts, orders, parcels and refunds.

The state after a batch is the same in whatever order its facts, and the batches before it, arrived.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import text

from app.orders import baskets, parcels
from app.orders.models import Order
from app.orders.stories import stories
from app.platforms.events import (
    CartChanged,
    CheckoutChanged,
    CheckoutDeleted,
    Fact,
    FulfilmentChanged,
    OrderChanged,
    OrderDeleted,
    RefundMade,
)
from app.upsert import NEWER, earliest, kept, upsert

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.orm import Session

    from app.customers.directory import People

NEWER_ORDER = f"(t.version_at IS NULL OR {NEWER})"
"""An order known in outline only is older than any state of it."""


@dataclass(slots=True)
class Touched:
    """The rows that a batch changed: what the journeys have to look at."""

    carts: set[int] = field(default_factory=set)
    checkouts: set[int] = field(default_factory=set)
    orders: set[int] = field(default_factory=set)


def record(session: Session, facts: Sequence[Fact], people: People) -> Touched:
    """Record a batch of facts whose people are known."""
    touched = Touched()
    touched.checkouts |= baskets.record_checkouts(session, [f for f in facts if isinstance(f, CheckoutChanged)], people)
    touched.checkouts |= baskets.record_ends(session, [f for f in facts if isinstance(f, CheckoutDeleted)])
    touched.carts |= baskets.record_carts(session, [f for f in facts if isinstance(f, CartChanged)])
    orders = [f for f in facts if isinstance(f, OrderChanged)]
    buyers = _buyers_of(session, {f.order_id for f in orders})
    touched.orders |= _orders(session, orders, people)
    touched.orders |= _deleted(session, [f for f in facts if isinstance(f, OrderDeleted)])
    touched.orders |= parcels.record_fulfilments(session, [f for f in facts if isinstance(f, FulfilmentChanged)])
    touched.orders |= parcels.record_refunds(session, [f for f in facts if isinstance(f, RefundMade)])
    if touched.orders:
        _purchases(session, touched.orders)
    merged = {kept.id for _, kept in people.merges if kept.id is not None}
    if touched.orders or merged:
        _rollups(session, touched.orders, buyers | merged)
    return touched


def _buyers_of(session: Session, external_ids: Collection[str]) -> set[int]:
    """Who these orders belong to before the batch: an order that changes hands changes two people's totals."""
    if not external_ids:
        return set()
    rows = session.execute(
        text(
            "SELECT customer_id FROM orders WHERE shop_id = :shop AND external_id = ANY(:ids) "
            "AND customer_id IS NOT NULL"
        ),
        {"shop": session.info["shop_id"], "ids": sorted(external_ids)},
    )
    return {row.customer_id for row in rows}


def _orders(session: Session, facts: Sequence[OrderChanged], people: People) -> set[int]:
    rows = [
        {
            "external_id": s.newest.order_id,
            "name": s.newest.name,
            "customer_id": s.told(lambda f: people.of(f.person)),
            # Tokens are told by some payloads only.
            "checkout_token": s.told(lambda f: f.checkout_token),
            "cart_token": s.told(lambda f: f.cart_token),
            "currency": s.newest.currency,
            "total": s.newest.total,
            "payment": s.newest.payment,
            "channel": s.newest.channel,
            "is_test": s.newest.is_test,
            "fulfilled": s.newest.fulfilled,
            "locale": s.newest.locale,
            "status_url": s.newest.status_url,
            "lines": s.newest.lines,
            "discount_codes": list(s.newest.discount_codes),
            "placed_at": s.newest.placed_at,
            "cancelled_at": s.first(lambda f: f.cancelled_at),
            "version_at": s.newest.version.at,
            "version_tie": s.newest.version.tie,
        }
        for s in stories(facts, lambda f: f.order_id)
    ]
    changed = upsert(
        session,
        Order,
        rows,
        key=("external_id",),
        newer=NEWER_ORDER,
        merge={
            "cancelled_at": earliest("cancelled_at"),
            "customer_id": kept("customer_id", NEWER_ORDER),
            "checkout_token": kept("checkout_token", NEWER_ORDER),
            "cart_token": kept("cart_token", NEWER_ORDER),
        },
    )
    return {row.id for row in changed}


def _deleted(session: Session, facts: Sequence[OrderDeleted]) -> set[int]:
    if not facts:
        return set()
    orders = parcels.outlines(session, {f.order_id for f in facts})
    rows = session.execute(
        text("""
            UPDATE orders o SET deleted_at = d.at
            FROM (SELECT id, min(at) AS at FROM unnest(CAST(:ids AS bigint[]), CAST(:ats AS timestamptz[]))
                AS d (id, at) GROUP BY id) d
            WHERE o.shop_id = :shop AND o.id = d.id AND (o.deleted_at IS NULL OR o.deleted_at > d.at)
            RETURNING o.id
        """),
        {
            "shop": session.info["shop_id"],
            "ids": [orders[f.order_id] for f in facts],
            "ats": [f.version.at for f in facts],
        },
    )
    return {row.id for row in rows}


def _purchases(session: Session, order_ids: set[int]) -> None:
    """What was bought and kept, line by line, derived anew for the orders that changed."""
    parameters = {"shop": session.info["shop_id"], "ids": sorted(order_ids)}
    session.execute(text("DELETE FROM purchase WHERE shop_id = :shop AND order_id = ANY(:ids)"), parameters)
    session.execute(
        text("""
            INSERT INTO purchase (shop_id, order_id, line_id, customer_id, product_external_id, variant_external_id,
                quantity, price, bought_at)
            SELECT o.shop_id, o.id, l.nr || ':' || COALESCE(l.line->>'line_id', ''), o.customer_id,
                l.line->>'product_id', l.line->>'variant_id', (l.line->>'quantity')::bigint,
                (l.line->>'price')::bigint, o.placed_at
            FROM orders o, jsonb_array_elements(o.lines) WITH ORDINALITY AS l (line, nr)
            WHERE o.shop_id = :shop AND o.id = ANY(:ids) AND o.customer_id IS NOT NULL AND o.placed_at IS NOT NULL
                AND NOT o.is_test AND o.cancelled_at IS NULL AND o.deleted_at IS NULL
                AND o.payment NOT IN ('voided', 'refunded')
                AND (l.line->>'quantity')::bigint > 0 AND NOT (l.line->>'is_gift_card')::boolean
        """),
        parameters,
    )


def _rollups(session: Session, order_ids: set[int], customer_ids: set[int]) -> None:
    """Totals of the people whose orders changed, counted from their orders: replaying changes nothing."""
    session.execute(
        text("""
            UPDATE customer c SET orders_count = s.n, spent = s.spent, first_order_at = s.first_at,
                last_order_at = s.last_at
            FROM (
                SELECT p.customer_id, count(o.id) AS n, COALESCE(sum(o.total), 0) AS spent,
                    min(o.placed_at) AS first_at, max(o.placed_at) AS last_at
                FROM (SELECT customer_id FROM orders
                      WHERE shop_id = :shop AND id = ANY(:orders) AND customer_id IS NOT NULL
                      UNION SELECT unnest(CAST(:customers AS bigint[]))) p
                LEFT JOIN orders o ON o.shop_id = :shop AND o.customer_id = p.customer_id
                    AND o.placed_at IS NOT NULL AND NOT o.is_test AND o.cancelled_at IS NULL AND o.deleted_at IS NULL
                    AND o.payment <> 'voided'
                GROUP BY p.customer_id
            ) s
            WHERE c.shop_id = :shop AND c.id = s.customer_id
                AND (c.orders_count, c.spent, c.first_order_at, c.last_order_at)
                    IS DISTINCT FROM (s.n, s.spent, s.first_at, s.last_at)
        """),
        {"shop": session.info["shop_id"], "orders": sorted(order_ids), "customers": sorted(customer_ids)},
    )
