"""Recording what the shop sells and how much of it is left. The end is the same in whatever order the news came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app.catalog.models import Product, StockLevel, Variant
from app.platforms.events import Fact, ProductChanged, ProductDeleted, StockChanged
from app.upsert import NEWER, earliest, upsert

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.orm import Session

NEWER_PRODUCT = f"(t.version_at IS NULL OR {NEWER})"
"""A product of which only the deletion is known is older than any state of it."""


def record(session: Session, facts: Sequence[Fact]) -> None:
    """Record a batch of facts about products and stock."""
    items = _products(session, [f for f in facts if isinstance(f, ProductChanged)])
    _deleted(session, [f for f in facts if isinstance(f, ProductDeleted)])
    items |= _stock(session, [f for f in facts if isinstance(f, StockChanged)])
    _count(session, items)


def _products(session: Session, facts: Sequence[ProductChanged]) -> set[str]:
    """Returns the stock items of the variants that were written."""
    newest = {f.product_id: f for f in sorted(facts, key=lambda f: (f.version.at, f.version.tie))}
    changed = upsert(
        session,
        Product,
        [
            {
                "external_id": f.product_id,
                "title": f.title,
                "handle": f.handle,
                "product_type": f.product_type,
                "vendor": f.vendor,
                "active": f.active,
                "is_gift_card": f.is_gift_card,
                "image_url": f.image_url,
                "tags": list(f.tags),
                "version_at": f.version.at,
                "version_tie": f.version.tie,
            }
            for f in newest.values()
        ],
        key=("external_id",),
        newer=NEWER_PRODUCT,
        returning=("external_id",),
        merge={
            "active": f"CASE WHEN t.deleted_at IS NOT NULL THEN false WHEN {NEWER_PRODUCT} THEN excluded.active "
            "ELSE t.active END",
        },
    )
    current = sorted((newest[row.external_id] for row in changed), key=lambda f: (f.version.at, f.version.tie))
    # A variant may be named in two products when the merchant moves it: the newer word counts.
    rows = {row["external_id"]: row for f in current for row in _variant_rows(f)}
    upsert(
        session,
        Variant,
        list(rows.values()),
        key=("external_id",),
        newer="excluded.version_at >= t.version_at",
        returning=(),
    )
    for fact in current:
        if not fact.variants_complete:
            continue
        session.execute(
            text("""
                UPDATE variant SET removed_at = :at, available = false
                WHERE shop_id = :shop AND product_external_id = :product AND removed_at IS NULL
                    AND NOT external_id = ANY(:kept)
            """),
            {
                "shop": session.info["shop_id"],
                "at": fact.version.at,
                "product": fact.product_id,
                "kept": [v.variant_id for v in fact.variants],
            },
        )
    return {row["stock_item_id"] for row in rows.values() if row["stock_item_id"]}


def _variant_rows(fact: ProductChanged) -> list[dict[str, Any]]:
    return [
        {
            "external_id": v.variant_id,
            "product_external_id": fact.product_id,
            "title": v.title,
            "sku": v.sku,
            "price": v.price,
            "compare_at": v.compare_at,
            "stock": v.stock,
            "stock_item_id": v.stock_item_id,
            "available": v.available,
            "oversells": v.available and v.stock is not None and v.stock <= 0,
            "removed_at": None,
            "version_at": fact.version.at,
            "version_tie": fact.version.tie,
        }
        for v in fact.variants
    ]


def _deleted(session: Session, facts: Sequence[ProductDeleted]) -> None:
    """Products that are gone. One that we hear of only now is kept in outline, lest older news make it live."""
    first: dict[str, ProductDeleted] = {}
    for fact in sorted(facts, key=lambda f: f.version.at, reverse=True):
        first[fact.product_id] = fact
    upsert(
        session,
        Product,
        [
            {
                "external_id": f.product_id,
                "title": "",
                "handle": "",
                "product_type": "",
                "vendor": "",
                "active": False,
                "is_gift_card": False,
                "tags": [],
                "deleted_at": f.version.at,
                "version_tie": "",
            }
            for f in first.values()
        ],
        key=("external_id",),
        newer="false",
        returning=(),
        merge={"deleted_at": earliest("deleted_at"), "active": "false"},
    )


def _stock(session: Session, facts: Sequence[StockChanged]) -> set[str]:
    """Returns the stock items whose levels changed."""
    newest: dict[tuple[str, str], StockChanged] = {}
    for fact in sorted(facts, key=lambda f: (f.version.at, f.version.tie)):
        newest[fact.stock_item_id, fact.location_id] = fact
    changed = upsert(
        session,
        StockLevel,
        [
            {
                "stock_item_id": f.stock_item_id,
                "location_id": f.location_id,
                "available": f.available,
                "version_at": f.version.at,
                "version_tie": f.version.tie,
            }
            for f in newest.values()
        ],
        key=("stock_item_id", "location_id"),
        returning=("stock_item_id",),
    )
    return {row.stock_item_id for row in changed}


def _count(session: Session, stock_items: Collection[str]) -> None:
    """How many of a variant are left: what its product said, or the sum of its levels where one is newer than that."""
    if stock_items:
        session.execute(
            text("""
                UPDATE variant v SET stock = s.total, available = s.total > 0 OR v.oversells
                FROM (SELECT stock_item_id, sum(available) AS total, max(version_at) AS version_at FROM stock_level
                      WHERE shop_id = :shop AND stock_item_id = ANY(:items) GROUP BY stock_item_id) s
                WHERE v.shop_id = :shop AND v.stock_item_id = s.stock_item_id AND v.removed_at IS NULL
                    AND s.version_at > v.version_at
            """),
            {"shop": session.info["shop_id"], "items": sorted(stock_items)},
        )
