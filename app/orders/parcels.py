"""Recording parcels and refunds. They may come before their order: then it is made in outline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from app.orders.models import Fulfilment, Order, Refund
from app.orders.stories import stories
from app.upsert import earliest, upsert

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.orm import Session

    from app.platforms.events import FulfilmentChanged, RefundMade


def outlines(session: Session, external_ids: Collection[str]) -> dict[str, int]:
    """The ids of orders, made in outline where their own webhook hasn't come yet."""
    if not external_ids:
        return {}
    upsert(
        session,
        Order,
        [
            {
                "external_id": e,
                "name": "",
                "currency": "",
                "total": 0,
                "payment": "pending",
                "channel": "online",
                "is_test": False,
                "fulfilled": False,
                "version_tie": "",
            }
            for e in sorted(external_ids)
        ],
        key=("external_id",),
        newer="false",
        returning=(),
    )
    rows = session.execute(
        text("SELECT external_id, id FROM orders WHERE shop_id = :shop AND external_id = ANY(:ids)"),
        {"shop": session.info["shop_id"], "ids": sorted(external_ids)},
    )
    return {row.external_id: row.id for row in rows}


def record_fulfilments(session: Session, facts: Sequence[FulfilmentChanged]) -> set[int]:
    """Record parcels; returns the ids of the orders whose parcels changed."""
    orders = outlines(session, {f.order_id for f in facts})
    rows = [
        {
            "external_id": s.newest.fulfilment_id,
            "order_id": orders[s.newest.order_id],
            "shipped_at": s.first(lambda f: f.shipped_at),
            "delivered_at": s.first(lambda f: f.delivered_at),
            "cancelled": any(f.cancelled for f in s.states),
            "version_at": s.newest.version.at,
            "version_tie": s.newest.version.tie,
        }
        for s in stories(facts, lambda f: f.fulfilment_id)
    ]
    changed = upsert(
        session,
        Fulfilment,
        rows,
        key=("external_id",),
        returning=("order_id",),
        merge={
            "shipped_at": earliest("shipped_at"),
            "delivered_at": earliest("delivered_at"),
            "cancelled": "t.cancelled OR excluded.cancelled",
        },
    )
    touched = {row.order_id for row in changed}
    if touched:
        # An order is delivered when its last parcel is; one that isn't known to have arrived holds it back.
        session.execute(
            text("""
                UPDATE orders o SET shipped_at = f.shipped_at, delivered_at = f.delivered_at
                FROM (
                    SELECT order_id, min(shipped_at) FILTER (WHERE NOT cancelled) AS shipped_at,
                        CASE WHEN bool_and(cancelled OR delivered_at IS NOT NULL)
                            THEN max(delivered_at) FILTER (WHERE NOT cancelled) END AS delivered_at
                    FROM fulfilment WHERE shop_id = :shop AND order_id = ANY(:ids)
                    GROUP BY order_id
                ) f
                WHERE o.shop_id = :shop AND o.id = ANY(:ids) AND o.id = f.order_id
            """),
            {"shop": session.info["shop_id"], "ids": sorted(touched)},
        )
    return touched


def record_refunds(session: Session, facts: Sequence[RefundMade]) -> set[int]:
    """Record refunds; returns the ids of the orders with new ones."""
    orders = outlines(session, {f.order_id for f in facts})
    rows: dict[str, dict[str, object]] = {}
    for f in facts:
        # Told by several payloads, some without the money that moved: the earliest time and the fullest amount count.
        held = rows.get(f.refund_id)
        rows[f.refund_id] = {
            "external_id": f.refund_id,
            "order_id": orders[f.order_id],
            "amount": max(f.amount, held["amount"]) if held else f.amount,  # type: ignore[call-overload]
            "refunded_at": min(f.refunded_at, held["refunded_at"]) if held else f.refunded_at,  # type: ignore[call-overload]
        }
    changed = upsert(
        session,
        Refund,
        list(rows.values()),
        key=("external_id",),
        newer="false",
        returning=("order_id",),
        merge={"amount": "GREATEST(t.amount, excluded.amount)", "refunded_at": earliest("refunded_at")},
    )
    touched = {row.order_id for row in changed}
    if touched:
        session.execute(
            text("""
                UPDATE orders o SET refunded = r.amount, refunded_at = r.refunded_at
                FROM (
                    SELECT order_id, sum(amount) AS amount, min(refunded_at) AS refunded_at
                    FROM refund WHERE shop_id = :shop AND order_id = ANY(:ids) GROUP BY order_id
                ) r
                WHERE o.shop_id = :shop AND o.id = ANY(:ids) AND o.id = r.order_id
            """),
            {"shop": session.info["shop_id"], "ids": sorted(touched)},
        )
    return touched
