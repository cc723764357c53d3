"""Recording carts and checkouts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from app.orders.models import Cart, Checkout, CheckoutEnd
from app.orders.stories import stories
from app.upsert import earliest, kept, upsert

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.orm import Session

    from app.customers.directory import People
    from app.platforms.events import CartChanged, CheckoutChanged, CheckoutDeleted


def record_carts(session: Session, facts: Sequence[CartChanged]) -> set[int]:
    """Record carts; returns the ids of those that changed."""
    rows = [
        {
            "token": s.newest.token,
            "currency": s.told(lambda f: f.currency),
            "lines": s.newest.lines,
            "total": sum(line.price * line.quantity for line in s.newest.lines),
            "created_at": s.first(lambda f: f.created_at or f.version.at),
            "changed_at": s.newest.version.at,
            "version_at": s.newest.version.at,
            "version_tie": s.newest.version.tie,
        }
        for s in stories(facts, lambda f: f.token)
    ]
    changed = upsert(
        session,
        Cart,
        rows,
        key=("token",),
        returning=("id", "token"),
        merge={"created_at": earliest("created_at"), "currency": kept("currency")},
    )
    _whose(session, {row.token for row in changed})
    return {row.id for row in changed}


def record_checkouts(session: Session, facts: Sequence[CheckoutChanged], people: People) -> set[int]:
    """Record checkouts; returns the ids of those that changed."""
    rows = [
        {
            "token": s.newest.token,
            "cart_token": s.told(lambda f: f.cart_token),
            # An anonymous state of the checkout doesn't make us forget who it was.
            "customer_id": s.told(lambda f: people.of(f.person)),
            "currency": s.newest.currency,
            "total": s.newest.total,
            "subtotal": s.newest.subtotal,
            "lines": s.newest.lines,
            "recovery_url": s.told(lambda f: f.recovery_url),
            "locale": s.newest.locale,
            "accepts_email": s.newest.accepts_email,
            "accepts_sms": s.newest.accepts_sms,
            "created_at": s.first(lambda f: f.created_at),
            "completed_at": s.first(lambda f: f.completed_at),
            "version_at": s.newest.version.at,
            "version_tie": s.newest.version.tie,
        }
        for s in stories(facts, lambda f: f.token)
    ]
    changed = upsert(
        session,
        Checkout,
        rows,
        key=("token",),
        returning=("id", "cart_token"),
        merge={
            "completed_at": earliest("completed_at"),
            "created_at": earliest("created_at"),
            "customer_id": kept("customer_id"),
            "cart_token": kept("cart_token"),
        },
    )
    ids = {row.id for row in changed}
    if ids:
        _end(session, ids)
        _whose(session, {row.cart_token for row in changed if row.cart_token})
    return ids


def record_ends(session: Session, facts: Sequence[CheckoutDeleted]) -> set[int]:
    """Record that checkouts are gone; returns the ids of those that are so now, as far as they are known."""
    ends: dict[tuple[str, str], CheckoutDeleted] = {}
    for fact in sorted(facts, key=lambda f: f.version.at):
        if fact.token is not None:
            ends["checkout", fact.token] = fact
        elif fact.cart_token is not None:
            ends["cart", fact.cart_token] = fact
    rows = [{"kind": kind, "token": token, "ended_at": fact.version.at} for (kind, token), fact in ends.items()]
    changed = upsert(
        session,
        CheckoutEnd,
        rows,
        key=("kind", "token"),
        newer="excluded.ended_at > t.ended_at",
        returning=("kind", "token"),
    )
    if not changed:
        return set()
    ended = session.scalars(
        text("""
            SELECT id FROM checkout WHERE shop_id = :shop AND token = ANY(:tokens)
            UNION SELECT id FROM checkout WHERE shop_id = :shop AND cart_token = ANY(:carts)
        """),
        {
            "shop": session.info["shop_id"],
            "tokens": [row.token for row in changed if row.kind == "checkout"],
            "carts": [row.token for row in changed if row.kind == "cart"],
        },
    )
    return _end(session, ended.all())


def _end(session: Session, ids: Collection[int]) -> set[int]:
    """Bring up to date which of these checkouts are gone: one that changed after its end is there again."""
    rows = session.execute(
        text("""
            UPDATE checkout c SET deleted_at = e.ended_at
            FROM (
                SELECT k.id, GREATEST(a.ended_at, b.ended_at) AS ended_at FROM checkout k
                LEFT JOIN checkout_end a ON a.shop_id = k.shop_id AND a.kind = 'checkout' AND a.token = k.token
                    AND a.ended_at >= k.version_at
                LEFT JOIN checkout_end b ON b.shop_id = k.shop_id AND b.kind = 'cart' AND b.token = k.cart_token
                    AND b.ended_at >= k.version_at
                WHERE k.shop_id = :shop AND k.id = ANY(:ids)
            ) e
            WHERE c.shop_id = :shop AND c.id = e.id AND c.id = ANY(:ids) AND c.deleted_at IS DISTINCT FROM e.ended_at
            RETURNING c.id
        """),
        {"shop": session.info["shop_id"], "ids": sorted(ids)},
    )
    return {row.id for row in rows}


def _whose(session: Session, cart_tokens: Collection[str]) -> None:
    """A cart is somebody's once a checkout of it is; the last checkout counts."""
    if cart_tokens:
        session.execute(
            text("""
                UPDATE cart SET customer_id = c.customer_id
                FROM (
                    SELECT DISTINCT ON (cart_token) cart_token, customer_id FROM checkout
                    WHERE shop_id = :shop AND cart_token = ANY(:tokens) AND customer_id IS NOT NULL
                    ORDER BY cart_token, version_at DESC, version_tie DESC
                ) c
                WHERE cart.shop_id = :shop AND cart.token = ANY(:tokens) AND cart.token = c.cart_token
                    AND cart.customer_id IS DISTINCT FROM c.customer_id
            """),
            {"shop": session.info["shop_id"], "tokens": sorted(cart_tokens)},
        )
