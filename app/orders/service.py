"""Recording carts, checkouts, orders, parcels and refunds.

The state after a batch is the same in whatever order its facts, and the batches before it, arrived.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import text

from app.orders.models import Cart, Checkout, Fulfilment, Order, Refund
from app.platforms.events import (
    CartChanged,
    CheckoutChanged,
    CheckoutDeleted,
    Fact,
    FulfilmentChanged,
    Line,
    OrderChanged,
    OrderDeleted,
    RefundMade,
)
from app.upsert import NEWER, upsert

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from app.customers.identity import People

T = TypeVar("T")


@dataclass(slots=True)
class Touched:
    """The rows that a batch changed: what the journeys have to look at."""

    carts: set[int] = field(default_factory=set)
    checkouts: set[int] = field(default_factory=set)
    orders: set[int] = field(default_factory=set)


def record(session: Session, facts: Sequence[Fact], people: People) -> Touched:
    """Record a batch of facts whose people are known."""
    touched = Touched()
    touched.checkouts |= _checkouts(session, [f for f in facts if isinstance(f, CheckoutChanged)], people)
    touched.checkouts |= _checkouts_deleted(session, [f for f in facts if isinstance(f, CheckoutDeleted)])
    touched.carts |= _carts(session, [f for f in facts if isinstance(f, CartChanged)])
    touched.orders |= _orders(session, [f for f in facts if isinstance(f, OrderChanged)], people)
    touched.orders |= _orders_deleted(session, [f for f in facts if isinstance(f, OrderDeleted)])
    touched.orders |= _fulfilments(session, [f for f in facts if isinstance(f, FulfilmentChanged)])
    touched.orders |= _refunds(session, [f for f in facts if isinstance(f, RefundMade)])
    if touched.orders:
        _purchases(session, touched.orders)
        _rollups(session, touched.orders)
    return touched


def _newest(facts: Sequence[T], key: Callable[[T], str]) -> list[T]:
    """One fact a thing: the newest of the batch."""
    newest: dict[str, T] = {}
    for fact in facts:
        name = key(fact)
        held = newest.get(name)
        if held is None or _order_of(fact) > _order_of(held):
            newest[name] = fact
    return list(newest.values())


def _order_of(fact: Any) -> tuple[datetime, str]:
    return (fact.version.at, fact.version.tie)


def lines_as_json(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Lines as they are stored."""
    return [asdict(line) for line in lines]


def _earliest(column: str) -> str:
    """Something that happens once: the first word of it stays."""
    return f"LEAST(t.{column}, excluded.{column})"


def _carts(session: Session, facts: Sequence[CartChanged]) -> set[int]:
    rows = [
        {
            "token": f.token, "currency": f.currency, "lines": lines_as_json(f.lines),
            "total": sum(line.price * line.quantity for line in f.lines),
            "created_at": f.created_at or f.version.at, "changed_at": f.version.at,
            "version_at": f.version.at, "version_tie": f.version.tie,
        }
        for f in _newest(facts, lambda f: f.token)
    ]
    changed = upsert(session, Cart, rows, key=("token",), merge={"created_at": _earliest("created_at")})
    ids = {row.id for row in changed}
    if ids:
        # A cart is somebody's once a checkout of it is.
        session.execute(
            text("""
                UPDATE cart SET customer_id = c.customer_id, currency = COALESCE(cart.currency, c.currency)
                FROM checkout c
                WHERE cart.shop_id = :shop AND cart.id = ANY(:ids) AND cart.customer_id IS NULL
                    AND c.shop_id = cart.shop_id AND c.cart_token = cart.token AND c.customer_id IS NOT NULL
            """),
            {"shop": session.info["shop_id"], "ids": sorted(ids)},
        )
    return ids


def _checkouts(session: Session, facts: Sequence[CheckoutChanged], people: People) -> set[int]:
    completed = _first(facts, lambda f: f.token, lambda f: f.completed_at)
    rows = [
        {
            "token": f.token, "cart_token": f.cart_token, "customer_id": people.of(f.person), "currency": f.currency,
            "total": f.total, "subtotal": f.subtotal, "lines": lines_as_json(f.lines),
            "recovery_url": f.recovery_url, "locale": f.locale, "accepts_email": f.accepts_email,
            "accepts_sms": f.accepts_sms, "created_at": f.created_at, "completed_at": completed.get(f.token),
            "version_at": f.version.at, "version_tie": f.version.tie,
        }
        for f in _newest(facts, lambda f: f.token)
    ]
    changed = upsert(
        session, Checkout, rows, key=("token",),
        merge={
            "completed_at": _earliest("completed_at"),
            # An anonymous state of the checkout doesn't make us forget who it was.
            "customer_id": f"CASE WHEN {NEWER} THEN COALESCE(excluded.customer_id, t.customer_id) "
                           "ELSE COALESCE(t.customer_id, excluded.customer_id) END",
        },
    )
    ids = {row.id for row in changed}
    if ids:
        session.execute(
            text("""
                UPDATE cart SET customer_id = c.customer_id, currency = COALESCE(cart.currency, c.currency)
                FROM checkout c
                WHERE c.shop_id = :shop AND c.id = ANY(:ids) AND c.customer_id IS NOT NULL
                    AND cart.shop_id = c.shop_id AND cart.token = c.cart_token AND cart.customer_id IS NULL
            """),
            {"shop": session.info["shop_id"], "ids": sorted(ids)},
        )
    return ids


def _checkouts_deleted(session: Session, facts: Sequence[CheckoutDeleted]) -> set[int]:
    touched: set[int] = set()
    for fact in facts:
        rows = session.execute(
            text("""
                UPDATE checkout SET deleted_at = :at
                WHERE shop_id = :shop AND deleted_at IS NULL
                    AND (token = :token OR (CAST(:token AS text) IS NULL AND cart_token = :cart_token))
                RETURNING id
            """),
            {"shop": session.info["shop_id"], "at": fact.version.at, "token": fact.token,
             "cart_token": fact.cart_token},
        )
        touched |= {row.id for row in rows}
    return touched


def _orders(session: Session, facts: Sequence[OrderChanged], people: People) -> set[int]:
    cancelled = _first(facts, lambda f: f.order_id, lambda f: f.cancelled_at)
    rows = [
        {
            "external_id": f.order_id, "name": f.name, "customer_id": people.of(f.person),
            "checkout_token": f.checkout_token, "cart_token": f.cart_token, "currency": f.currency, "total": f.total,
            "payment": f.payment, "channel": f.channel, "is_test": f.is_test, "fulfilled": f.fulfilled,
            "locale": f.locale, "status_url": f.status_url, "lines": lines_as_json(f.lines),
            "discount_codes": list(f.discount_codes), "placed_at": f.placed_at,
            "cancelled_at": cancelled.get(f.order_id), "version_at": f.version.at, "version_tie": f.version.tie,
        }
        for f in _newest(facts, lambda f: f.order_id)
    ]
    newer = f"(t.version_at IS NULL OR {NEWER})"
    changed = upsert(
        session, Order, rows, key=("external_id",), newer=newer,
        merge={
            "cancelled_at": _earliest("cancelled_at"),
            "customer_id": f"CASE WHEN {newer} THEN COALESCE(excluded.customer_id, t.customer_id) "
                           "ELSE COALESCE(t.customer_id, excluded.customer_id) END",
            # Tokens are told by some payloads only.
            "checkout_token": "COALESCE(excluded.checkout_token, t.checkout_token)",
            "cart_token": "COALESCE(excluded.cart_token, t.cart_token)",
        },
    )
    return {row.id for row in changed}


def _orders_deleted(session: Session, facts: Sequence[OrderDeleted]) -> set[int]:
    orders = _parents(session, {f.order_id for f in facts})
    touched: set[int] = set()
    for fact in facts:
        rows = session.execute(
            text("UPDATE orders SET deleted_at = :at WHERE shop_id = :shop AND id = :id AND deleted_at IS NULL "
                 "RETURNING id"),
            {"shop": session.info["shop_id"], "at": fact.version.at, "id": orders[fact.order_id]},
        )
        touched |= {row.id for row in rows}
    return touched


def _fulfilments(session: Session, facts: Sequence[FulfilmentChanged]) -> set[int]:
    orders = _parents(session, {f.order_id for f in facts})
    shipped = _first(facts, lambda f: f.fulfilment_id, lambda f: f.shipped_at)
    delivered = _first(facts, lambda f: f.fulfilment_id, lambda f: f.delivered_at)
    cancelled = {f.fulfilment_id for f in facts if f.cancelled}
    rows = [
        {
            "external_id": f.fulfilment_id, "order_id": orders[f.order_id],
            "shipped_at": shipped.get(f.fulfilment_id), "delivered_at": delivered.get(f.fulfilment_id),
            "cancelled": f.fulfilment_id in cancelled, "version_at": f.version.at, "version_tie": f.version.tie,
        }
        for f in _newest(facts, lambda f: f.fulfilment_id)
    ]
    changed = upsert(
        session, Fulfilment, rows, key=("external_id",), returning=("order_id",),
        merge={
            "shipped_at": _earliest("shipped_at"), "delivered_at": _earliest("delivered_at"),
            "cancelled": "t.cancelled OR excluded.cancelled",
        },
    )
    touched = {row.order_id for row in changed}
    if touched:
        # An order is delivered when its last parcel is; one that isn't known to have arrived holds it back.
        session.execute(
            text("""
                UPDATE orders o SET
                    shipped_at = f.shipped_at,
                    delivered_at = CASE WHEN f.all_delivered THEN f.delivered_at END
                FROM (
                    SELECT order_id, min(shipped_at) AS shipped_at, max(delivered_at) AS delivered_at,
                        bool_and(delivered_at IS NOT NULL) AS all_delivered
                    FROM fulfilment
                    WHERE shop_id = :shop AND order_id = ANY(:ids) AND NOT cancelled
                    GROUP BY order_id
                ) f
                WHERE o.shop_id = :shop AND o.id = f.order_id
            """),
            {"shop": session.info["shop_id"], "ids": sorted(touched)},
        )
    return touched


def _refunds(session: Session, facts: Sequence[RefundMade]) -> set[int]:
    orders = _parents(session, {f.order_id for f in facts})
    rows = {
        f.refund_id: {
            "external_id": f.refund_id, "order_id": orders[f.order_id], "amount": f.amount,
            "refunded_at": f.refunded_at,
        }
        for f in facts
    }
    changed = upsert(session, Refund, list(rows.values()), key=("external_id",), newer="false",
                     returning=("order_id",))
    touched = {row.order_id for row in changed}
    if touched:
        session.execute(
            text("""
                UPDATE orders o SET refunded = r.amount, refunded_at = r.refunded_at
                FROM (
                    SELECT order_id, sum(amount) AS amount, min(refunded_at) AS refunded_at
                    FROM refund WHERE shop_id = :shop AND order_id = ANY(:ids) GROUP BY order_id
                ) r
                WHERE o.shop_id = :shop AND o.id = r.order_id
            """),
            {"shop": session.info["shop_id"], "ids": sorted(touched)},
        )
    return touched


def _parents(session: Session, external_ids: set[str]) -> dict[str, int]:
    """The ids of orders, made in outline where their own webhook hasn't come yet."""
    if not external_ids:
        return {}
    upsert(
        session, Order,
        [{"external_id": e, "name": "", "currency": "", "total": 0, "payment": "pending", "channel": "online",
          "is_test": False, "fulfilled": False, "version_tie": ""} for e in sorted(external_ids)],
        key=("external_id",), newer="false",
    )
    rows = session.execute(
        text("SELECT external_id, id FROM orders WHERE shop_id = :shop AND external_id = ANY(:ids)"),
        {"shop": session.info["shop_id"], "ids": sorted(external_ids)},
    )
    return {row.external_id: row.id for row in rows}


def _first(
    facts: Sequence[T], key: Callable[[T], str], moment: Callable[[T], datetime | None]
) -> dict[str, datetime]:
    """The earliest moment that any fact of the batch gives, per thing."""
    first: dict[str, datetime] = {}
    for fact in facts:
        at = moment(fact)
        if at is not None and (key(fact) not in first or at < first[key(fact)]):
            first[key(fact)] = at
    return first


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


def _rollups(session: Session, order_ids: set[int]) -> None:
    """Totals of the people whose orders changed, counted from their orders: replaying changes nothing."""
    session.execute(
        text("""
            UPDATE customer c SET orders_count = s.n, spent = s.spent, first_order_at = s.first_at,
                last_order_at = s.last_at
            FROM (
                SELECT p.customer_id, count(o.id) AS n, COALESCE(sum(o.total), 0) AS spent,
                    min(o.placed_at) AS first_at, max(o.placed_at) AS last_at
                FROM (SELECT DISTINCT customer_id FROM orders
                      WHERE shop_id = :shop AND id = ANY(:ids) AND customer_id IS NOT NULL) p
                LEFT JOIN orders o ON o.shop_id = :shop AND o.customer_id = p.customer_id
                    AND o.placed_at IS NOT NULL AND NOT o.is_test AND o.cancelled_at IS NULL AND o.deleted_at IS NULL
                    AND o.payment <> 'voided'
                GROUP BY p.customer_id
            ) s
            WHERE c.shop_id = :shop AND c.id = s.customer_id
                AND (c.orders_count, c.spent, c.first_order_at, c.last_order_at)
                    IS DISTINCT FROM (s.n, s.spent, s.first_at, s.last_at)
        """),
        {"shop": session.info["shop_id"], "ids": sorted(order_ids)},
    )
