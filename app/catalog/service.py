"""Recording what the shop sells and how much of it is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app.catalog.models import Product, StockLevel, Variant
from app.platforms.events import Fact, ProductChanged, ProductDeleted, StockChanged
from app.upsert import upsert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session


def record(session: Session, facts: Sequence[Fact]) -> None:
    """Record a batch of facts about products and stock."""
    _products(session, [f for f in facts if isinstance(f, ProductChanged)])
    for fact in facts:
        if isinstance(fact, ProductDeleted):
            session.execute(
                text("UPDATE product SET deleted_at = :at, active = false "
                     "WHERE shop_id = :shop AND external_id = :id AND deleted_at IS NULL"),
                {"shop": session.info["shop_id"], "at": fact.version.at, "id": fact.product_id},
            )
    _stock(session, [f for f in facts if isinstance(f, StockChanged)])


def _products(session: Session, facts: Sequence[ProductChanged]) -> None:
    newest: dict[str, ProductChanged] = {}
    for fact in sorted(facts, key=lambda f: (f.version.at, f.version.tie)):
        newest[fact.product_id] = fact
    changed = upsert(
        session, Product,
        [
            {
                "external_id": f.product_id, "title": f.title, "handle": f.handle, "product_type": f.product_type,
                "vendor": f.vendor, "active": f.active, "is_gift_card": f.is_gift_card, "image_url": f.image_url,
                "tags": list(f.tags), "version_at": f.version.at, "version_tie": f.version.tie,
            }
            for f in newest.values()
        ],
        key=("external_id",), returning=("external_id",),
    )
    current = [newest[row.external_id] for row in changed]
    upsert(
        session, Variant, list({row["external_id"]: row for f in current for row in _variant_rows(f)}.values()),
        key=("external_id",),
        # A variant may be named in two products of one batch when the merchant moves it.
        newer="excluded.version_at >= t.version_at",
    )
    for fact in current:
        session.execute(
            text("""
                UPDATE variant SET removed_at = :at, available = false
                WHERE shop_id = :shop AND product_external_id = :product AND removed_at IS NULL
                    AND NOT external_id = ANY(:kept)
            """),
            {"shop": session.info["shop_id"], "at": fact.version.at, "product": fact.product_id,
             "kept": [v.variant_id for v in fact.variants]},
        )


def _variant_rows(fact: ProductChanged) -> list[dict[str, Any]]:
    return [
        {
            "external_id": v.variant_id, "product_external_id": fact.product_id, "title": v.title, "sku": v.sku,
            "price": v.price, "compare_at": v.compare_at, "stock": v.stock, "stock_item_id": v.stock_item_id,
            "available": v.available, "removed_at": None, "version_at": fact.version.at,
            "version_tie": fact.version.tie,
        }
        for v in fact.variants
    ]


def _stock(session: Session, facts: Sequence[StockChanged]) -> None:
    newest: dict[tuple[str, str], StockChanged] = {}
    for fact in sorted(facts, key=lambda f: (f.version.at, f.version.tie)):
        newest[fact.stock_item_id, fact.location_id] = fact
    changed = upsert(
        session, StockLevel,
        [
            {
                "stock_item_id": f.stock_item_id, "location_id": f.location_id, "available": f.available,
                "version_at": f.version.at, "version_tie": f.version.tie,
            }
            for f in newest.values()
        ],
        key=("stock_item_id", "location_id"), returning=("stock_item_id",),
    )
    if changed:
        session.execute(
            text("""
                UPDATE variant v SET stock = s.total, available = s.total > 0
                FROM (SELECT stock_item_id, sum(available) AS total FROM stock_level
                      WHERE shop_id = :shop AND stock_item_id = ANY(:items) GROUP BY stock_item_id) s
                WHERE v.shop_id = :shop AND v.stock_item_id = s.stock_item_id AND v.removed_at IS NULL
            """),
            {"shop": session.info["shop_id"], "items": sorted({row.stock_item_id for row in changed})},
        )
