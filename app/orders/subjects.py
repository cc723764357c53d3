"""What a journey can be about (a checkout, a cart, an order, something that runs out), and the facts known of it now.

Journeys ask when they plan, messages ask again at hand-over: one set of sentences, read fresh each time.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app.orders.rules import only_gift_cards, why_not_a_purchase
from app.reviews.rules import NOT_AGAIN_FOR, reviewable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Ref:
    """A subject by name: its kind, its key, whose it is, and since when the journey about it runs."""

    kind: str
    """checkout | cart | order | variant | person | none"""
    key: str
    """The row's id; for a variant `customer:variant`, by the store's name of it."""
    customer_id: int
    since: datetime


@dataclass(slots=True)
class Subject:
    """What is known of a subject at this moment."""

    row: Any
    """The database row; None when it is gone."""
    moments: dict[str, datetime] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    refusal: str | None = None
    """Why this subject starts nothing (a test order, an empty cart), or None."""
    items: list[dict[str, Any]] = field(default_factory=list)
    """Lines that matter here: the basket; for orders those to review come in `to_review`."""
    to_review: list[dict[str, Any]] = field(default_factory=list)


def load(session: Session, refs: Iterable[Ref]) -> dict[Ref, Subject]:
    """The present facts of all subjects, a few statements a kind."""
    by_kind: dict[str, list[Ref]] = defaultdict(list)
    for ref in refs:
        by_kind[ref.kind].append(ref)
    found: dict[Ref, Subject] = {}
    for kind, some in by_kind.items():
        found |= _LOADERS[kind](session, some)
    return found


def _rows(session: Session, statement: str, refs: Sequence[Ref]) -> dict[str, Any]:
    rows = session.execute(
        text(statement), {"shop": session.info["shop_id"], "ids": sorted({int(r.key) for r in refs})}
    )
    return {str(row.id): row for row in rows}


def _checkouts(session: Session, refs: Sequence[Ref]) -> dict[Ref, Subject]:
    rows = _rows(
        session,
        """
        SELECT c.*,
            EXISTS (SELECT 1 FROM orders o WHERE o.shop_id = c.shop_id AND o.checkout_token = c.token)
            OR EXISTS (SELECT 1 FROM orders o WHERE o.shop_id = c.shop_id AND o.cart_token = c.cart_token)
            OR EXISTS (SELECT 1 FROM orders o WHERE o.shop_id = c.shop_id AND o.customer_id = c.customer_id
                AND o.placed_at >= c.created_at AND NOT o.is_test) AS bought
        FROM checkout c WHERE c.shop_id = :shop AND c.id = ANY(:ids)
        """,
        refs,
    )
    return {ref: _checkout(rows.get(ref.key)) for ref in refs}


def _checkout(row: Any) -> Subject:
    if row is None:
        return Subject(None, fields={"gone": True}, refusal="checkout_is_gone")
    refusal = (
        "bought"
        if row.bought or row.completed_at
        else "checkout_is_gone"
        if row.deleted_at
        else "nothing_in_it"
        if not row.lines or row.total <= 0
        else None
    )
    return Subject(
        row,
        moments={"trigger": row.version_at},
        fields={
            "bought": bool(row.bought or row.completed_at),
            "gone": row.deleted_at is not None,
            "emptied": not row.lines,
            "checkout.total": row.total,
            "checkout.items": len(row.lines),
            "checkout.gift_cards_only": only_gift_cards(row.lines),
        },
        refusal=refusal,
        items=row.lines,
    )


def _carts(session: Session, refs: Sequence[Ref]) -> dict[Ref, Subject]:
    rows = _rows(
        session,
        """
        SELECT c.*,
            EXISTS (SELECT 1 FROM orders o WHERE o.shop_id = c.shop_id AND o.cart_token = c.token)
            OR EXISTS (SELECT 1 FROM orders o WHERE o.shop_id = c.shop_id AND o.customer_id = c.customer_id
                AND o.placed_at >= c.created_at AND NOT o.is_test) AS bought,
            EXISTS (SELECT 1 FROM checkout k WHERE k.shop_id = c.shop_id AND k.customer_id = c.customer_id
                AND k.deleted_at IS NULL AND (k.cart_token = c.token OR k.version_at >= c.changed_at)) AS started
        FROM cart c WHERE c.shop_id = :shop AND c.id = ANY(:ids)
        """,
        refs,
    )
    return {ref: _cart(rows.get(ref.key)) for ref in refs}


def _cart(row: Any) -> Subject:
    if row is None:
        return Subject(None, fields={"gone": True}, refusal="cart_is_gone")
    refusal = (
        "bought" if row.bought else "checkout_started" if row.started else "nothing_in_it" if not row.lines else None
    )
    return Subject(
        row,
        moments={"trigger": row.changed_at},
        fields={
            "bought": row.bought,
            "checkout_started": row.started,
            "emptied": not row.lines,
            "cart.total": row.total,
            "cart.items": len(row.lines),
        },
        refusal=refusal,
        items=row.lines,
    )


def _orders(session: Session, refs: Sequence[Ref]) -> dict[Ref, Subject]:
    rows = _rows(
        session,
        """
        SELECT o.*, NOT EXISTS (SELECT 1 FROM orders e WHERE e.shop_id = o.shop_id AND e.customer_id = o.customer_id
            AND e.placed_at < o.placed_at AND NOT e.is_test) AS first_order
        FROM orders o WHERE o.shop_id = :shop AND o.id = ANY(:ids)
        """,
        refs,
    )
    asked = _asked(session, [row for row in rows.values() if row.customer_id is not None])
    return {ref: _order(rows.get(ref.key), asked) for ref in refs}


def _asked(session: Session, orders: Sequence[Any]) -> dict[int, tuple[set[str], set[str]]]:
    """Order id -> products not to ask about: asked for another order, and reviewed, in the year before the order."""
    since = {o.id: at - NOT_AGAIN_FOR for o in orders if (at := o.placed_at or o.version_at) is not None}
    if not since:
        return {}
    parameters = {
        "shop": session.info["shop_id"],
        "customers": sorted({o.customer_id for o in orders}),
        "since": min(since.values()),
    }
    asks = session.execute(
        text(
            "SELECT customer_id, order_id, product_external_id AS product, asked_at AS at FROM review_ask "
            "WHERE shop_id = :shop AND customer_id = ANY(:customers) AND asked_at > :since"
        ),
        parameters,
    ).all()
    reviews = session.execute(
        text(
            "SELECT customer_id, product_external_id AS product, created_at AS at FROM review "
            "WHERE shop_id = :shop AND customer_id = ANY(:customers) AND created_at > :since"
        ),
        parameters,
    ).all()
    if not asks and not reviews:
        return {}
    asks_of, reviews_of = _by_customer(asks), _by_customer(reviews)
    return {
        o.id: (
            {a.product for a in asks_of.get(o.customer_id, ()) if a.order_id != o.id and a.at > since[o.id]},
            {r.product for r in reviews_of.get(o.customer_id, ()) if r.at > since[o.id]},
        )
        for o in orders
        if o.id in since
    }


def _by_customer(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.customer_id].append(row)
    return found


def _order(row: Any, asked: dict[int, tuple[set[str], set[str]]]) -> Subject:
    if row is None:
        return Subject(None, fields={"gone": True}, refusal="order_is_gone")
    refusal = why_not_a_purchase(row)
    if refusal is None and row.customer_id is None:
        refusal = "nobody_to_write_to"
    if refusal is None and only_gift_cards(row.lines):
        refusal = "gift_cards_only"
    if refusal is None and row.channel == "draft" and row.payment == "pending":
        refusal = "draft_not_paid"
    to_review = reviewable(row.lines, *asked.get(row.id, (set(), set())))
    known = {
        "trigger": row.placed_at,
        "placed": row.placed_at,
        "shipped": row.shipped_at,
        "delivered": row.delivered_at,
    }
    # Over the counter, the goods are in the customer's hands at once.
    if row.channel == "pos" and row.placed_at:
        known |= {"shipped": row.placed_at, "delivered": row.placed_at}
    return Subject(
        row,
        moments={name: at for name, at in known.items() if at is not None},
        fields={
            "order.total": row.total,
            "order.items": len(row.lines),
            "order.channel": row.channel,
            "order.cancelled": row.cancelled_at is not None or row.deleted_at is not None or row.payment == "voided",
            "order.refunded": row.refunded_at is not None or row.payment in ("refunded", "partially_refunded"),
            "order.delivered": known["delivered"] is not None,
            "order.first": row.first_order,
            "order.reviewable": len(to_review),
        },
        refusal=refusal,
        items=row.lines,
        to_review=to_review,
    )


def _variants(session: Session, refs: Sequence[Ref]) -> dict[Ref, Subject]:
    """Something that runs out: a variant one customer bought at `since`."""
    rows = session.execute(
        text("""
            SELECT r.nr, v.*, p.title AS product_title, p.image_url, p.handle, p.active AND v.removed_at IS NULL
                AND v.available AS buyable,
                EXISTS (SELECT 1 FROM purchase b WHERE b.shop_id = :shop AND b.customer_id = r.customer_id
                    AND b.variant_external_id = r.key AND b.bought_at > r.since) AS bought_again,
                EXISTS (SELECT 1 FROM purchase b WHERE b.shop_id = :shop AND b.customer_id = r.customer_id
                    AND b.variant_external_id = r.key AND b.bought_at = r.since) AS kept
            FROM unnest(CAST(:keys AS text[]), CAST(:customers AS bigint[]), CAST(:sinces AS timestamptz[]))
                WITH ORDINALITY AS r (key, customer_id, since, nr)
            LEFT JOIN variant v ON v.shop_id = :shop AND v.external_id = r.key
            LEFT JOIN product p ON p.shop_id = :shop AND p.external_id = v.product_external_id
        """),
        {
            "shop": session.info["shop_id"],
            "keys": [r.key.partition(":")[2] for r in refs],
            "customers": [r.customer_id for r in refs],
            "sinces": [r.since for r in refs],
        },
    ).all()
    return {refs[row.nr - 1]: _variant(row, refs[row.nr - 1].since) for row in rows}


def _variant(row: Any, since: datetime) -> Subject:
    return Subject(
        row if row.id is not None else None,
        moments={"trigger": since, "placed": since},
        fields={
            "bought": row.bought_again,
            "given_back": not row.kept,
            "gone": row.id is None,
            "product.available": bool(row.buyable),
        },
        refusal="product_is_gone" if row.id is None else "bought" if row.bought_again else None,
    )


def _people(session: Session, refs: Sequence[Ref]) -> dict[Ref, Subject]:
    """People themselves: what they did since the journey about them began."""
    rows = session.execute(
        text("""
            SELECT r.nr, c.id, c.erased_at IS NOT NULL OR c.deleted_at IS NOT NULL AS gone,
                COALESCE(c.last_order_at > r.since, false) AS bought,
                EXISTS (SELECT 1 FROM message m JOIN engagement e ON e.shop_id = m.shop_id AND e.message_id = m.id
                    WHERE m.shop_id = :shop AND m.customer_id = c.id AND e.verdict = 'human' AND e.at > r.since)
                    AS engaged
            FROM unnest(CAST(:customers AS bigint[]), CAST(:sinces AS timestamptz[]))
                WITH ORDINALITY AS r (customer_id, since, nr)
            LEFT JOIN customer c ON c.shop_id = :shop AND c.id = r.customer_id
        """),
        {
            "shop": session.info["shop_id"],
            "customers": [r.customer_id for r in refs],
            "sinces": [r.since for r in refs],
        },
    ).all()
    return {
        refs[row.nr - 1]: Subject(
            row if row.id is not None else None,
            moments={"trigger": refs[row.nr - 1].since},
            fields={"gone": row.id is None or row.gone, "bought": row.bought, "engaged": row.engaged},
        )
        for row in rows
    }


_LOADERS: dict[str, Callable[[Session, Sequence[Ref]], dict[Ref, Subject]]] = {
    "checkout": _checkouts,
    "cart": _carts,
    "order": _orders,
    "variant": _variants,
    "person": _people,
    "none": lambda _session, refs: {ref: Subject(None) for ref in refs},
}
