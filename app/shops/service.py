"""What may be done with a shop: what its store says of itself, install, uninstall, privacy requests."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import select, text

from app import clock, transaction
from app.platforms.events import AppUninstalled, Fact, PrivacyRequested, ScopesChanged, ShopChanged
from app.shops.models import PrivacyRequest, Shop
from app.upsert import upsert

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

PRIVACY_DEADLINE = timedelta(days=30)
IMPORT_ORDER = (
    ("customers", "recent"),
    ("products", "recent"),
    ("orders", "recent"),
    ("customers", "older"),
    ("orders", "older"),
)
RECENT = timedelta(days=90)


def get(session: Session) -> Shop:
    """The shop whose transaction this is."""
    return session.get_one(Shop, session.info["shop_id"])


def find(domain: str) -> int | None:
    """The id of the shop at a store's address, installed or not; None when we never heard of it."""
    with transaction.across_shops() as session:
        return session.scalar(select(Shop.id).where(Shop.domain == domain, Shop.id != 0))


def find_or_create(platform: str, domain: str) -> int:
    """The id of the shop at a store's address, made when it is new."""
    with transaction.across_shops() as session:
        session.execute(
            text(
                "INSERT INTO shop (platform, domain, state, name, currency, timezone, locale, address, created_at) "
                "VALUES (:platform, :domain, 'known', '', 'USD', 'UTC', 'en', '', :now) ON CONFLICT DO NOTHING"
            ),
            {"platform": platform, "domain": domain, "now": clock.now()},
        )
        return session.execute(select(Shop.id).where(Shop.domain == domain)).scalar_one()


def install(shop_id: int, scopes: Sequence[str]) -> bool:
    """Mark a shop as installed and queue the import of its history. False when it already was."""
    now = clock.now()
    with transaction.transaction(shop_id) as session:
        shop = session.get_one(Shop, shop_id, with_for_update=True)
        shop.scopes, shop.scopes_at = sorted(scopes), now
        shop.needs_reauthorization = False
        if shop.state == "installed":
            return False
        shop.state, shop.installed_at, shop.uninstalled_at = "installed", now, None
        _queue_imports(session, now)
        session.execute(
            text(
                "INSERT INTO reconciliation (shop_id, kind, cursor_at, due_at) "
                "SELECT :shop, kind, :now, :now + interval '15 minutes' "
                "FROM unnest(ARRAY['orders', 'customers', 'products']) AS kind "
                "ON CONFLICT (shop_id, kind) DO UPDATE SET cursor_at = excluded.cursor_at, due_at = excluded.due_at"
            ),
            {"shop": shop_id, "now": now},
        )
        transaction.ring_after_commit(session, "slow")
    return True


def spend_state(shop_id: int, made_at: datetime) -> bool:
    """Let the state of a grant that began at `made_at` (real time) serve. False when it did, or a later one."""
    with transaction.transaction(shop_id) as session:
        spent = text(
            "UPDATE shop SET states_spent_at = :made WHERE id = :shop "
            "AND (states_spent_at IS NULL OR states_spent_at < :made) RETURNING id"
        )
        return session.scalar(spent, {"shop": shop_id, "made": made_at}) is not None


def _queue_imports(session: Session, now: datetime) -> None:
    session.execute(
        text("""
            INSERT INTO import (shop_id, kind, span, generation, position, state, since, until, lines_read, things,
                tries, due_at)
            SELECT :shop, i.kind, i.span, g.next, i.position, 'waiting', i.since, i.until, 0, 0, 0, :now
            FROM json_to_recordset(CAST(:imports AS json))
                AS i (kind text, span text, position bigint, since timestamptz, until timestamptz),
                (SELECT COALESCE(max(generation), 0) + 1 AS next FROM import WHERE shop_id = :shop) g
        """),
        {"shop": session.info["shop_id"], "now": now, "imports": _imports_json(now)},
    )


def _imports_json(now: datetime) -> str:
    border = now - RECENT
    rows = [
        {
            "kind": kind,
            "span": span,
            "position": position,
            # The catalogue is read whole: products that nobody touched for years still sell.
            "since": border if span == "recent" and kind != "products" else None,
            "until": border if span == "older" else None,
        }
        for position, (kind, span) in enumerate(IMPORT_ORDER)
    ]
    return orjson.dumps(rows).decode()


def record(session: Session, facts: Sequence[Fact]) -> bool:
    """Record what a store says about itself. True when the merchant has just removed the app."""
    removed = False
    shop = get(session)
    for fact in facts:
        if isinstance(fact, ShopChanged):
            _shop_changed(shop, fact)
        elif isinstance(fact, AppUninstalled):
            # A late word about an earlier install must not end the present one.
            if shop.state == "installed" and (shop.installed_at is None or fact.version.at >= shop.installed_at):
                uninstall(session, shop, fact.version.at)
                removed = True
        elif isinstance(fact, ScopesChanged):
            if shop.scopes_at is None or fact.version.at >= shop.scopes_at:
                shop.scopes, shop.scopes_at = sorted(fact.scopes), fact.version.at
        elif isinstance(fact, PrivacyRequested):
            _privacy(session, fact)
    return removed


def uninstall(session: Session, shop: Shop, at: datetime) -> None:
    """Its token is dead and its imports end; its data stays until erasure is due."""
    shop.state, shop.uninstalled_at = "uninstalled", at
    parameters = {"shop": shop.id, "now": clock.now()}
    session.execute(text("DELETE FROM shop_token WHERE shop_id = :shop"), parameters)
    session.execute(text("DELETE FROM reconciliation WHERE shop_id = :shop"), parameters)
    session.execute(
        text(
            "UPDATE import SET state = 'failed', error = 'uninstalled', finished_at = :now "
            "WHERE shop_id = :shop AND state NOT IN ('done', 'failed')"
        ),
        parameters,
    )


def _shop_changed(shop: Shop, fact: ShopChanged) -> None:
    if shop.version_at is not None and (fact.version.at, fact.version.tie) <= (shop.version_at, shop.version_tie):
        return
    shop.version_at, shop.version_tie = fact.version.at, fact.version.tie
    for name in ("name", "email", "currency", "timezone", "country", "locale", "storefront_url", "address"):
        value = getattr(fact, name)
        if value:
            setattr(shop, name, value)


def _privacy(session: Session, fact: PrivacyRequested) -> None:
    person = fact.person
    # With its time: who comes back and asks again, or a shop removed a second time, makes another request.
    asked = (str(fact.version.at), person.customer_id or "", person.email or "", person.phone or "", *fact.order_ids)
    digest = hashlib.sha256("|".join(asked).encode()).hexdigest()[:16]
    upsert(
        session,
        PrivacyRequest,
        [
            {
                "kind": fact.kind,
                "reference": f"{fact.kind}:{fact.request_id or digest}",
                "details": {
                    "customer_id": person.customer_id,
                    "email": person.email,
                    "phone": person.phone,
                    "order_ids": list(fact.order_ids),
                    "triggered_at": fact.version.at.isoformat(),
                },
                "received_at": clock.now(),
                "due_at": clock.now() + PRIVACY_DEADLINE,
            }
        ],
        key=("reference",),
        newer="false",
    )
    transaction.ring_after_commit(session, "slow")
